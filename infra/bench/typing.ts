import { type FixedResult, atRate } from './fixed-rate.ts';
import { temporaryFolder } from './folder.ts';
import { MEMBERS } from './group.ts';
import { startLoader } from './loader-process.ts';
import { cores } from './machine.ts';
import type { BenchOptions } from './options.ts';
import { seedGroups } from './seed.ts';
import { startFloor, startProduct } from './servers.ts';

/** People who begin to write, a second: a lively group. Each is told of to everybody. */
const RATE = 5;
const SECONDS = { quick: 8, usual: 20 } as const;

export type TypingResult = FixedResult & { readonly members: number };

/** In a group of 1000, how soon everybody sees that somebody writes. */
export const benchTyping = async ({ quick, rounds, rate, say }: BenchOptions): Promise<TypingResult> => {
  using productFolder = temporaryFolder();
  using floorFolder = temporaryFolder();
  const place = cores();
  say(`typing: adding ${MEMBERS} people`);
  const people = await seedGroups(productFolder.path, 1, MEMBERS);
  await using loader = startLoader(place?.loader);
  const pinned = { cpus: place?.server };
  await using parlance = await startProduct({ dataDir: productFolder.path, ...pinned });
  await using floor = await startFloor({ dataDir: floorFolder.path, together: true, ...pinned });
  const result = await atRate(
    { parlance, floor, people, loader, audience: 'group' },
    {
      name: 'typing',
      rate: rate ?? RATE,
      trial: { what: 'typing', seconds: quick ? SECONDS.quick : SECONDS.usual, warmup: 0 },
      warm: { what: 'typing', seconds: 4, warmup: 0 },
      rounds,
      say,
    },
  );
  return { members: MEMBERS, ...result };
};
