import type { Accounts } from '../commands/accounts.ts';
import type { HttpDeps, HttpSettings } from '../gateways/http/deps.ts';
import type { Core } from './core.ts';

/** What the HTTP gateway works with. */
export const httpDeps = (
  core: Core,
  accounts: Accounts,
  settings: HttpSettings,
  now: () => number = Date.now,
): HttpDeps => {
  const { execute, directory, tables, running, store, log, metrics } = core;
  return {
    execute,
    accounts,
    directory,
    tables,
    running,
    store,
    log,
    registry: metrics.registry,
    settings,
    now,
  };
};
