import type {
  Acknowledgement,
  ConversationDetail,
  ConversationSummary,
  Device,
  ErrorBody,
  EventsPage,
  Invitation,
  MessageReceipts,
  Preferences,
  Receipts,
  Session,
  SignIn,
  SignUp,
  Site,
  TimelinePage,
  User,
} from '../protocol.ts';
import type { Access } from './options.ts';
import { times } from './times.ts';
import type { ConversationId, Seq, UserId } from './types.ts';

/** The server said no, or nothing: then the code is `unreachable`. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly retry: boolean;
  constructor(status: number, code: string, message: string, again = false) {
    super(message);
    this.status = status;
    this.code = code;
    this.retry = again;
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Place = { before?: Seq; after?: Seq; around?: Seq; limit?: number; atLeast?: Seq };
type Query = Record<string, string | number | undefined>;
type Options = {
  readonly url: string;
  readonly access: Access;
  readonly fetch?: typeof globalThis.fetch;
};

const RETRIES = 2;
const ENDED = 'Your session has ended. Please sign in again.';

const answer = async <T>(response: Response): Promise<T> => {
  if (response.status === 204) return undefined as T;
  if (response.ok) return (await response.json()) as T;
  const fallback = { code: 'unknown', message: `The server answered ${response.status}.`, retry: false };
  const error = (await response.json().catch(() => fallback)) as ErrorBody;
  const details = error.details?.map(({ path, message }) => `${path}: ${message}`).join('; ');
  const message = details ? `${error.message} (${details})` : error.message;
  throw new ApiError(response.status, error.code, message, error.retry);
};

const query = (values: Query): string => {
  const set = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) set.set(name, String(value));
  return set.size === 0 ? '' : `?${set.toString()}`;
};

const conversation = (id: ConversationId) => `/v1/conversations/${id}`;

/** The REST interface, as far as it is used. Every call throws `ApiError`, and what `access.token` throws. */
export const createApi = ({ url, access, ...options }: Options) => {
  const exchange = async (method: Method, path: string, body: unknown, token?: string): Promise<Response> => {
    const { fetch = globalThis.fetch } = options;
    const headers = {
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
    };
    const init = { method, headers, signal: AbortSignal.timeout(times.request) };
    try {
      return await fetch(url + path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
    } catch {
      throw new ApiError(0, 'unreachable', 'The server can’t be reached.');
    }
  };

  /** As the person who is signed in; a token that is refused is replaced once. */
  const call = async <T>(method: Method, path: string, body?: unknown): Promise<T> => {
    const token = await access.token();
    const response = await exchange(method, path, body, token);
    if (response.status !== 401) return answer(response);
    const again = await exchange(method, path, body, await access.token(token));
    if (again.status === 401) access.ended?.(ENDED);
    return answer(again);
  };

  /** What may be answered later as it is, is asked again. */
  const get = async <T>(path: string): Promise<T> => {
    for (let left = RETRIES; ; left -= 1) {
      try {
        return await call<T>('GET', path);
      } catch (error) {
        if (left === 0 || !(error instanceof ApiError) || !error.retry) throw error;
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    }
  };

  return {
    site: async () => answer<Site>(await exchange('GET', '/v1/site', undefined)),
    signUp: async (form: SignUp) => answer<Session>(await exchange('POST', '/v1/accounts', form)),
    signIn: async (form: SignIn) => answer<Session>(await exchange('POST', '/v1/sessions', form)),
    signOut: () => call<void>('DELETE', '/v1/sessions/current'),
    preferences: () => get<Preferences>('/v1/me/preferences'),
    setPreferences: (wish: Partial<Preferences>) => call<Preferences>('PUT', '/v1/me/preferences', wish),
    devices: () => get<{ devices: Device[] }>('/v1/devices'),
    forgetDevice: (deviceId: string) => call<void>('DELETE', `/v1/devices/${deviceId}`),
    invite: (uses: number) => call<Invitation>('POST', '/v1/invitations', { uses }),
    findUsers: (search: string) => get<{ users: User[] }>(`/v1/users${query({ search, limit: 20 })}`),
    users: (ids: readonly UserId[]) => get<{ users: User[] }>(`/v1/users?ids=${ids.join(',')}`),
    conversations: () => get<{ conversations: ConversationSummary[] }>('/v1/conversations'),
    conversation: (id: ConversationId, atLeast?: Seq) =>
      get<ConversationDetail>(conversation(id) + query({ atLeast })),
    messages: (id: ConversationId, place: Place) =>
      get<TimelinePage>(`${conversation(id)}/messages${query({ limit: 50, ...place })}`),
    events: (id: ConversationId, after: number) =>
      get<EventsPage>(`${conversation(id)}/events${query({ ...(after >= 0 && { after }), limit: 200 })}`),
    receipts: (id: ConversationId) => get<Receipts>(`${conversation(id)}/receipts`),
    messageReceipts: (id: ConversationId, seq: Seq) =>
      get<MessageReceipts>(`${conversation(id)}/messages/${seq}/receipts`),
    startDirect: (userId: UserId) => call<Acknowledgement>('PUT', `/v1/conversations/direct/${userId}`),
  };
};
export type Api = ReturnType<typeof createApi>;
