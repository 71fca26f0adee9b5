import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Accounts, type AccountSettings, openAccounts } from '../../commands/accounts.ts';
import { openDirectory } from '../directory/open.ts';

const cheap = { memoryKiB: 64, passes: 1, inFlight: 2, waiting: 200 };

/** Accounts on an embedded directory in a temporary folder, with hashing that is quick and a clock that tests move. */
export const testAccounts = async (
  settings: Partial<AccountSettings> = {},
): Promise<{ accounts: Accounts; clock: { now: number }; close: () => Promise<void> }> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'accounts-'));
  const directory = await openDirectory({ type: 'sqlite', dataDir });
  const clock = { now: 1_800_000_000_000 };
  const accounts = openAccounts(directory, () => clock.now, { passwords: cheap, ...settings });
  const close = async () => {
    await directory[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { accounts, clock, close };
};

/** The answer, or an error that says why there is none. */
export const granted = <T extends object>(answer: T): Exclude<T, { rejected: unknown }> => {
  if ('rejected' in answer) throw new Error(`refused: ${JSON.stringify(answer)}`);
  return answer as Exclude<T, { rejected: unknown }>;
};

export const codeOf = (answer: object): string =>
  'rejected' in answer ? String(answer.rejected) : 'granted';
