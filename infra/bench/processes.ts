import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const alive = new Set<Child>();
const NICE_MS = 10_000;
const OUTPUT = 256 * 1024;
const COLLECTS = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGWINCH",()=>gc())'] as const;
/** Of util-linux; where it is missing, everything runs everywhere. */
const TASKSET = 'taskset';

/** Ends every child that is still there; to be called however the program ends. */
export const killAll = (): void => {
  for (const child of alive) child.kill('SIGKILL');
};

export type Child = AsyncDisposable & {
  readonly pid: number;
  readonly process: ChildProcess;
  /** Resolves with the first match of a line of its output; rejects when it ends before that or is too slow. */
  line(pattern: RegExp, withinMs: number): Promise<RegExpMatchArray>;
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if that does not help. */
  stop(): Promise<void>;
};

export type StartOptions = {
  /** As `taskset -c` takes them; ignored where there is no `taskset`. */
  readonly cpus?: string | undefined;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly ipc?: boolean;
  /** Collects garbage on SIGWINCH. */
  readonly collects?: boolean;
  /** Writes each fsync and its time into this file. */
  readonly strace?: string | undefined;
};

/** Starts Node on these arguments. */
export const startNode = (
  args: readonly string[],
  { cpus, env, cwd, ipc, collects, strace }: StartOptions = {},
): Child => {
  const command = [
    ...(cpus !== undefined && hasTaskset ? [TASKSET, '-c', cpus] : []),
    // -D: the tracer is the grandchild, so that the process here is the server itself.
    ...(strace === undefined
      ? []
      : ['strace', '-D', '-f', '--seccomp-bpf', '-qq', '-ttt', '-e', 'trace=fsync,fdatasync', '-o', strace]),
    process.execPath,
    ...(collects ? COLLECTS : []),
    ...args,
  ];
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
  let output = '';
  let watch = () => {};
  const hear = (chunk: Buffer) => {
    output = (output + String(chunk)).slice(-OUTPUT);
    watch();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(null);
    });
    child.once('exit', (code) => resolve(code));
  });
  const self: Child = {
    pid: child.pid ?? 0,
    process: child,
    ended,
    line: (pattern, withinMs) =>
      new Promise((resolve, reject) => {
        const fail = (why: string) =>
          reject(new Error(`${args.join(' ')} ${why}; its last words:\n${output}`));
        const late = setTimeout(() => fail(`did not say ${pattern} in ${withinMs} ms`), withinMs);
        watch = () => {
          const found = output.match(pattern);
          if (!found) return;
          clearTimeout(late);
          watch = () => {};
          resolve(found);
        };
        watch();
        void ended.then((code) => {
          clearTimeout(late);
          fail(`ended with ${code}`);
        });
      }),
    kill: (signal) => void child.kill(signal),
    async stop() {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), NICE_MS);
      await ended;
      clearTimeout(late);
    },
    async [Symbol.asyncDispose]() {
      await self.stop();
    },
  };
  alive.add(self);
  void ended.then(() => alive.delete(self));
  return self;
};

const works = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;
export const hasTaskset = works(TASKSET, '-c', '0', 'true');
export const hasStrace = works(
  'strace',
  '--seccomp-bpf',
  '-f',
  '-qq',
  '-e',
  'trace=fsync',
  '-o',
  '/dev/null',
  'true',
);

/** Moves a running process with all its threads to other cores. */
export const repin = (pid: number, cpus: string): void => {
  if (hasTaskset) spawnSync(TASKSET, ['-a', '-c', '-p', cpus, String(pid)], { stdio: 'ignore' });
};

const TICK_MS = 10; // USER_HZ is 100 on every Linux

/** CPU milliseconds that a process and its descendants have used; undefined where there is no /proc. */
export const cpuMs = (pid: number): number | undefined => {
  const processes = new Map<number, { parent: number; ms: number }>();
  try {
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name)) processes.set(Number(name), statOf(name));
    }
  } catch {
    return undefined;
  }
  const within = (one: number): boolean =>
    one === pid || (processes.has(one) && within(processes.get(one)?.parent ?? 0));
  return [...processes].reduce((sum, [one, { ms }]) => sum + (within(one) ? ms : 0), 0);
};

const statOf = (pid: string) => {
  try {
    const stat = readFileSync(join('/proc', pid, 'stat'), 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), ms: (Number(fields[11]) + Number(fields[12])) * TICK_MS };
  } catch {
    return { parent: 0, ms: 0 }; // it ended while we were looking
  }
};

/** Waits until a process does next to nothing (a server that still has work of its own would be measured with it). */
export const untilIdle = async (pid: number, withinMs: number): Promise<number> => {
  const from = performance.now();
  let before = cpuMs(pid) ?? 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = cpuMs(pid) ?? 0;
    const waited = performance.now() - from;
    if (now - before <= TICK_MS * 2 || waited > withinMs) return Math.max(0, waited - 250);
    before = now;
  }
};

/** Resident bytes of a process, and the most there were since `forgetPeak`; undefined where there is no /proc. */
export const memoryOf = (pid: number): { resident: number; peak: number } | undefined => {
  try {
    const status = readFileSync(join('/proc', String(pid), 'status'), 'utf8');
    const kiB = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]);
    return { resident: kiB('VmRSS') * 1024, peak: kiB('VmHWM') * 1024 };
  } catch {
    return undefined;
  }
};

export const forgetPeak = (pid: number): void => {
  try {
    writeFileSync(join('/proc', String(pid), 'clear_refs'), '5');
  } catch {
    // Then the peak is that of the process's whole life.
  }
};
