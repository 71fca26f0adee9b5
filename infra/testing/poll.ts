import type { ClientFrame, ErrorBody, Poll, PollAnswer, ServerFrame } from '../../gateways/protocol.ts';
import { request } from './client.ts';

/** A client that polls, a request at a time. */
export const openPoll = async (url: string) => {
  const begun = await request<Poll & ErrorBody>(url, '/v1/polls', { method: 'POST' });
  if (begun.status !== 201) throw new Error(`${begun.status} ${begun.body.code}`);
  const path = `/v1/polls/${begun.body.pollId}`;
  const frames: ServerFrame[] = [];
  let after = 0;
  let first = 0;
  let closed: PollAnswer['closed'];

  /** One request, as it is answered. */
  const raw = (body: { after: number; first?: number; frames?: readonly unknown[] }) =>
    request<PollAnswer & ErrorBody>(url, path, { method: 'POST', body });

  const say = async (...said: readonly (ClientFrame | object)[]): Promise<PollAnswer> => {
    const { status, body } = await raw({ after, first, frames: said });
    if (status !== 200) throw new Error(`${status} ${body.code}`);
    first += said.length;
    after = body.n;
    frames.push(...body.frames);
    closed = body.closed;
    return body;
  };

  /** Asks until `find` gives something. */
  const until = async <T>(find: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (closed) throw new Error(`closed: ${JSON.stringify(closed)}`);
      await say();
    }
  };

  return {
    pollId: begun.body.pollId,
    frames,
    raw,
    say,
    until,
    after: () => after,
    hello: async (token: string) => {
      await say({ type: 'hello', version: 1, token });
      return until(() => frames.find(({ type }) => type === 'welcome' || type === 'error'));
    },
    closed: async () => {
      while (!closed) await say();
      return closed;
    },
    leave: () => request<ErrorBody | undefined>(url, path, { method: 'DELETE' }),
  };
};
