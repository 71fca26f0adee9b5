import { expect, it } from 'vitest';
import { type Socket, openSocket, request, signUp } from '../../infra/testing/client.ts';
import { type Parlance, startParlance } from '../../infra/testing/start.ts';
import type { Session } from '../protocol.ts';

const arrive = async ({ url }: Parlance, session: Session): Promise<Socket> => {
  const socket = await openSocket(url);
  await socket.hello(session.accessToken);
  return socket;
};
const drafted = (socket: Socket, text: string) =>
  socket.until(
    () => socket.frames.find((frame) => frame.type === 'draft' && frame.draft.text === text),
    `draft “${text}”`,
  );

it('what is written on one device is on the others at once, on later ones and after a restart, and is gone there too', async () => {
  let parlance = await startParlance();
  const ann = await signUp(parlance.url, 'ann');
  const [phone, laptop] = [await arrive(parlance, ann), await arrive(parlance, ann)];
  const founded = await phone.ask('1', { type: 'CreateGroup', title: 'Own', members: [] });
  if (founded.type !== 'ack') throw new Error(founded.code);
  const { conversationId } = founded;
  await Promise.all([phone, laptop].map((socket) => socket.event(conversationId, founded.seq)));

  phone.send({ type: 'draft', conversationId, text: 'half a th' });
  expect(await drafted(laptop, 'half a th')).toMatchObject({ draft: { conversationId } });
  const tablet = await arrive(parlance, ann);
  await drafted(tablet, 'half a th');
  laptop.send({ type: 'draft', conversationId, text: 'half a thought', replyTo: founded.seq });
  expect(await drafted(phone, 'half a thought')).toMatchObject({ draft: { replyTo: founded.seq } });

  await parlance.close({ keep: true });
  parlance = await startParlance({ DATA_DIR: parlance.folder });
  const again = await arrive(parlance, ann);
  await drafted(again, 'half a thought');
  const token = ann.accessToken;
  const body = { text: '' };
  const path = `/v1/conversations/${conversationId}/draft`;
  const { status } = await request(parlance.url, path, { method: 'PUT', token, body });
  expect(status).toBe(204);
  await drafted(again, '');
  await drafted(await arrive(parlance, ann), '');
  expect((await request(parlance.url, '/v1/drafts', { token })).body).toEqual({ drafts: [] });
  await parlance.close();
});
