import { WebSocket } from 'ws';
import type { Seq } from '../../domain/id.ts';
import type { Command, ServerFrame } from '../../gateways/protocol.ts';

/** A command that a client has sent. `answer` is its first acknowledgement, or the code of its refusal until there is one. */
export type Intent = {
  readonly id: string;
  readonly by: string;
  readonly device: string;
  readonly command: Command;
  /** On how many connections it was sent. */
  attempts: number;
  answer: { readonly conversationId: string; readonly seq: number } | { readonly code: string } | undefined;
  /** It failed once and came again later, so that it may stand behind what was sent after it. */
  delayed: boolean;
};

export type Sight = { readonly conversationId: string; readonly seq: number; readonly event: string };

/** How far a person was told that they have come, which is durable. */
export type Told = {
  readonly conversationId: string;
  readonly userId: string;
  readonly delivered: Seq;
  readonly read: number;
};

export type ClientLog = {
  readonly intents: Map<string, Intent>;
  /** The last mark of each person in each conversation. */
  readonly marked: Map<string, Told>;
  /** Every event that arrived, each as it first came. */
  readonly sights: Map<string, Sight>;
  readonly problems: { readonly kind: 'repeated' | 'reordered' | 'differing'; readonly text: string }[];
};

const HELLO_MS = 10_000;

/** What a client does on one connection, until that ends. `more` gives its next command while it has one. */
export type Session = {
  readonly url: string;
  readonly token: string;
  readonly userId: string;
  readonly window: number;
  readonly first: readonly Intent[];
  more(): readonly Intent[];
  /** What is said to have come, or been read, of a conversation that was seen up to a seq. */
  markAt(seq: Seq): { readonly delivered?: Seq; readonly read?: Seq } | undefined;
  onAnswer(intent: Intent): void;
};

/** Connects and talks until the socket ends, or until nothing more is to be said. True: everything was answered. */
export const converse = async (session: Session, log: ClientLog): Promise<boolean> => {
  const socket = new WebSocket(`${session.url.replace(/^http/, 'ws')}/ws`, { perMessageDeflate: false });
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const lastSeen = new Map<string, number>();
  const queue: Intent[] = [...session.first];
  const mine = new Set<Intent>();
  let outstanding = 0;
  let finished = false;

  const say = (intent: Intent) => {
    if (!mine.has(intent)) intent.attempts += 1;
    mine.add(intent);
    outstanding += 1;
    socket.send(JSON.stringify({ type: 'command', id: intent.id, command: intent.command }));
  };
  const pump = () => {
    while (socket.readyState === socket.OPEN && outstanding < session.window) {
      if (queue.length === 0) queue.push(...session.more());
      const intent = queue.shift();
      if (!intent) break;
      say(intent);
    }
    if (outstanding > 0 || socket.readyState !== socket.OPEN) return;
    finished = true;
    socket.close();
  };

  const answered = (frame: Extract<ServerFrame, { type: 'ack' | 'error' }>) => {
    const intent = frame.id === undefined ? undefined : log.intents.get(frame.id);
    if (frame.type === 'error' && frame.code === 'mark_beyond_end')
      problem('differing', `live: what was seen is said to be beyond the end: ${frame.message}`);
    if (!intent) return;
    outstanding -= 1;
    if (frame.type === 'error') {
      if (frame.retry) {
        intent.delayed = true;
        queue.push(intent);
      } else if (!intent.answer) intent.answer = { code: frame.code };
      else if ('seq' in intent.answer && intent.command.type === 'SendMessage')
        problem('repeated', `${intent.id} was acknowledged, and its repeat refused: ${frame.code}`);
    } else if (!intent.answer || 'code' in intent.answer) {
      // What was refused may be accepted later: somebody was added meanwhile.
      if (intent.answer) intent.delayed = true;
      intent.answer = { conversationId: frame.conversationId, seq: frame.seq };
    } else if (intent.command.type === 'SendMessage' && intent.answer.seq !== frame.seq) {
      problem('repeated', `${intent.id} was acknowledged as ${intent.answer.seq}, then as ${frame.seq}`);
    }
    session.onAnswer(intent);
  };
  const problem = (kind: ClientLog['problems'][number]['kind'], text: string) =>
    log.problems.push({ kind, text });

  const seen = ({ conversationId, events }: Extract<ServerFrame, { type: 'events' }>) => {
    for (const { seq, event } of events) {
      const last = lastSeen.get(conversationId);
      if (last !== undefined && seq !== last + 1)
        problem(seq <= last ? 'repeated' : 'reordered', `live: ${seq} after ${last} in ${conversationId}`);
      lastSeen.set(conversationId, seq);
      // What happens after one has left is no longer for one's eyes.
      if ('userId' in event && event.userId === session.userId && event.type !== 'MemberRoleChanged')
        if (event.type !== 'MemberJoined') lastSeen.delete(conversationId);
      const key = `${conversationId}/${seq}`;
      const text = JSON.stringify(event);
      const before = log.sights.get(key);
      if (before && before.event !== text)
        problem('differing', `live: ${key} is ${before.event} and ${text}`);
      log.sights.set(key, { conversationId, seq, event: text });
    }
    const seq = lastSeen.get(conversationId);
    const mark = seq === undefined ? undefined : session.markAt(seq);
    if (mark) socket.send(JSON.stringify({ type: 'mark', conversationId, ...mark }));
  };

  const marked = ({
    conversationId,
    delivered = -1,
    read = -1,
  }: Extract<ServerFrame, { type: 'marked' }>) => {
    const { userId } = session;
    const key = `${conversationId} ${userId}`;
    const before = log.marked.get(key) ?? { delivered: -1, read: -1 };
    log.marked.set(key, {
      conversationId,
      userId,
      delivered: Math.max(before.delivered, delivered),
      read: Math.max(before.read, read),
    });
  };

  socket.on('open', () => socket.send(JSON.stringify({ type: 'hello', version: 1, token: session.token })));
  const timer = setTimeout(() => socket.terminate(), HELLO_MS);
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as ServerFrame;
    if (frame.type === 'events') return seen(frame);
    if (frame.type === 'marked') return marked(frame);
    if (frame.type === 'welcome') clearTimeout(timer);
    else if (frame.type === 'ack' || frame.type === 'error') answered(frame);
    else return undefined;
    return pump();
  });
  await closed;
  clearTimeout(timer);
  return finished;
};
