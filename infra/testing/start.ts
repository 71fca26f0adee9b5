import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Settings, readSettings } from '../config.ts';
import { startServer } from '../serve.ts';
import { unlimited } from './unlimited.ts';

/** A whole Parlance in this process: a free port, a folder of its own, gone when it closes. */
export const startParlance = async (settings: Partial<Settings> = {}) => {
  const folder = settings.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'parlance-')));
  const server = await startServer({
    ...readSettings({ LOG_LEVEL: 'silent', PORT: '0' }),
    ...unlimited,
    DATA_DIR: folder,
    ...settings,
  });
  return {
    ...server,
    folder,
    /** Stops the server; `keep` leaves the folder for the next one. */
    async close({ keep = false } = {}) {
      await server.close();
      if (!keep) await rm(folder, { recursive: true, force: true });
    },
  };
};

export type Parlance = Awaited<ReturnType<typeof startParlance>>;
