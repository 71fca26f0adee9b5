import { parentPort, workerData } from 'node:worker_threads';
import { type Answer, type Batch, packOutcomes, unpackBatch } from './sqlite-batch.ts';
import { openLog } from './sqlite-log.ts';

// The thread that owns the connection that writes: the event loop of the main thread never waits for the disk.

export type WriterData = { readonly path: string; readonly maxPages: number | undefined };
export type ToWriter = { readonly batch: Batch } | 'close';
export type FromWriter = { readonly answer: Answer } | 'ready' | { readonly refused: string };

const port = parentPort;
if (!port) throw new Error('sqlite-writer runs as a worker thread');

const tell = (message: FromWriter, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

const serve = ({ path, maxPages }: WriterData): void => {
  const log = openLog(path, maxPages);
  port.on('message', (message: ToWriter) => {
    if (message === 'close') {
      log.close();
      port.close();
      return;
    }
    const start = performance.now();
    const recordedAt = Date.now();
    const { outcomes, error } = log.commit(unpackBatch(message.batch), recordedAt);
    const numbers = packOutcomes(outcomes);
    tell({ answer: { recordedAt, ms: performance.now() - start, outcomes: numbers, error } }, [
      numbers.buffer as ArrayBuffer,
    ]);
  });
  tell('ready');
};

try {
  serve(workerData as WriterData);
} catch (error) {
  tell({ refused: error instanceof Error ? error.message : String(error) });
}
