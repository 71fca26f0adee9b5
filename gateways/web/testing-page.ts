import { vi } from 'vitest';
import type { ConversationDetail, ConversationSummary, Message, SequencedEvent } from '../protocol.ts';
import type { UserId } from '../client/types.ts';

type Request = { readonly path: string; readonly answer: (body: unknown, status?: number) => void };

const arrived: Request[] = [];
const awaited: { readonly pattern: RegExp; readonly take: (request: Request) => void }[] = [];

/** As much of a page as modules look for when they are loaded: import this file before them. The test is the server. */
vi.stubGlobal('addEventListener', () => undefined);
vi.stubGlobal('removeEventListener', () => undefined);
vi.stubGlobal('location', { hash: '', origin: 'http://localhost' });
vi.stubGlobal('document', {
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
  visibilityState: 'visible',
});
vi.stubGlobal(
  'fetch',
  (path: string) =>
    new Promise<Response>((resolve) => {
      const answer = (body: unknown, status = 200) => resolve(Response.json(body, { status }));
      const request = { path, answer };
      const at = awaited.findIndex(({ pattern }) => pattern.test(path));
      if (at < 0) arrived.push(request);
      else awaited.splice(at, 1)[0]?.take(request);
    }),
);
const { session } = await import('./session.ts');

/** The oldest request for such a path that was not taken yet, once it is there. */
export const requestFor = (pattern: RegExp): Promise<Request> =>
  new Promise((take) => {
    const at = arrived.findIndex(({ path }) => pattern.test(path));
    const [found] = at < 0 ? [] : arrived.splice(at, 1);
    if (found) take(found);
    else awaited.push({ pattern, take });
  });

/** The paths of the requests that nobody took. */
export const untaken = (): string[] => arrived.splice(0).map(({ path }) => path);

/** Every promise that can go on without the server has done so. */
export const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const at = 1_700_000_000_000;

export const actAs = (userId: UserId | undefined): void => {
  session.value =
    userId === undefined
      ? undefined
      : {
          user: { userId, username: userId, displayName: userId, role: 'member', createdAt: at },
          deviceId: 'd',
          accessToken: `token of ${userId}`,
          accessTokenExpiresAt: at,
          refreshToken: 'r',
          refreshTokenExpiresAt: at,
          freshUntil: Date.now() + 3_600_000,
        };
};

const content = (text: string) => ({ kind: 'text', text }) as const;
const by = 'ben';

export const message = (seq: number, text = `message ${seq}`): Message => ({
  kind: 'message',
  seq,
  by,
  at,
  clientId: text,
  content: content(text),
  mentions: [],
  reactions: [],
});
export const sent = (seq: number, text = `message ${seq}`): SequencedEvent => ({
  seq,
  event: { type: 'MessageSent', by, at, clientId: text, content: content(text), mentions: [] },
});
export const summaryAt = (conversationId: string, lastSeq: number): ConversationSummary => ({
  conversationId,
  kind: 'group',
  title: 'Tea',
  role: 'member',
  createdAt: at,
  lastSeq,
  lastActivityAt: at,
  unread: 0,
  mentions: 0,
});
export const detailAt = (conversationId: string, lastSeq: number): ConversationDetail => ({
  ...summaryAt(conversationId, lastSeq),
  pins: [],
  members: [],
});
