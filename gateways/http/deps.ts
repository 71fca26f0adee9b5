import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Accounts } from '../../commands/accounts.ts';
import type { Execute } from '../../commands/execute.ts';
import type { Marks } from '../../commands/mark.ts';
import type { PreferencesOf } from '../../commands/preferences.ts';
import type { Directory } from '../../domain/ports/directory.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Tables } from '../../domain/ports/tables.ts';
import type { Running } from '../../projections/run.ts';
import type { Polls } from './polls.ts';
import type { Drafts } from '../websocket/drafts.ts';
import type { Limiter } from '../websocket/limiter.ts';

export type HttpDeps = {
  readonly execute: Execute;
  readonly accounts: Accounts;
  readonly directory: Directory;
  readonly preferences: PreferencesOf;
  readonly marks: Marks;
  readonly drafts: Drafts;
  readonly limiter: Limiter;
  readonly tables: Tables;
  readonly running: Pick<Running, 'seen' | 'reached' | 'state'>;
  readonly store: EventStore;
  readonly log: Logger;
  readonly registry: Registry;
  readonly polls: Polls;
  readonly settings: HttpSettings;
  readonly now: () => number;
};

/**
 * `webRoot` is the folder of the built web client; without one there is none. `waitMs` is how long an answer waits for the
 * views (2000).
 */
export type HttpSettings = {
  readonly version: string;
  readonly signUp: 'open' | 'invitation' | 'closed';
  readonly publicUrl?: string | undefined;
  /** How many proxies add to `X-Forwarded-For`. */
  readonly trustedProxies: number;
  readonly webRoot?: string | undefined;
  readonly waitMs?: number;
};
