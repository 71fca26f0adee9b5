import type { Accounts } from '../commands/accounts.ts';
import type { HttpDeps, HttpSettings } from '../gateways/http/deps.ts';
import type { Core } from './core.ts';

/** What the HTTP gateway works with. */
export const httpDeps = (
  core: Core,
  accounts: Accounts,
  settings: HttpSettings,
  {
    drafts,
    limiter,
    polls,
    now = Date.now,
  }: Pick<HttpDeps, 'drafts' | 'limiter' | 'polls'> & Partial<Pick<HttpDeps, 'now'>>,
): HttpDeps => {
  const { execute, directory, preferences, marks, tables, running, store, log, metrics } = core;
  return {
    execute,
    accounts,
    directory,
    preferences,
    marks,
    drafts,
    limiter,
    tables,
    running,
    store,
    log,
    registry: metrics.registry,
    polls,
    settings,
    now,
  };
};
