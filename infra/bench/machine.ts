import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { percentile, round } from './numbers.ts';

/** What a figure depends on, without naming the machine. */
export const machine = () => ({
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${release().split('-')[0]}`,
  node: process.version,
});
export type Machine = ReturnType<typeof machine>;

/** The load average of the last minute. */
export const load = (): number => round(loadavg()[0] ?? Number.NaN);

/** The cores that this process may use, as numbers of `taskset`. */
const allowed = (): number[] => {
  try {
    const [, list = ''] =
      /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return list.split(',').flatMap((range) => {
      const [from = 0, to = from] = range.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
  } catch {
    return cpus().map((_, i) => i);
  }
};

/** One core for the server and one for the loader; `both` gives the server the two. Undefined on a single core. */
export const cores = (): { server: string; loader: string; both: string } | undefined => {
  const [first, second] = allowed();
  if (first === undefined || second === undefined) return undefined;
  return { server: String(first), loader: String(second), both: `${first},${second}` };
};

const CALIBRATION_MS = 250;

/** What the disk and the loopback do at the moment, in a quarter of a second each: medians in ms. */
export const calibrate = async (): Promise<{ fdatasync: number; echo: number }> => ({
  fdatasync: fdatasyncMs(),
  echo: await echoMs(),
});
export type Calibration = Awaited<ReturnType<typeof calibrate>>;

const fdatasyncMs = (): number => {
  const folder = mkdtempSync(join(tmpdir(), 'parlance-bench-'));
  const file = openSync(join(folder, 'calibration'), 'w');
  const page = Buffer.alloc(4096, 1);
  const times: number[] = [];
  for (const until = performance.now() + CALIBRATION_MS; performance.now() < until; ) {
    const from = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    times.push(performance.now() - from);
  }
  closeSync(file);
  rmSync(folder, { recursive: true, force: true });
  return round(
    percentile(
      times.sort((a, b) => a - b),
      0.5,
    ),
    3,
  );
};

const echoMs = async (): Promise<number> => {
  const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const times: number[] = [];
  for (const until = performance.now() + CALIBRATION_MS; performance.now() < until; ) {
    const from = performance.now();
    await new Promise((resolve) => {
      socket.once('data', resolve);
      socket.write('x');
    });
    times.push(performance.now() - from);
  }
  socket.destroy();
  server.close();
  return round(
    percentile(
      times.sort((a, b) => a - b),
      0.5,
    ),
    3,
  );
};
