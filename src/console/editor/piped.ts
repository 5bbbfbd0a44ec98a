import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createEntries, type Entry } from './entry.js';
import { createStops } from './stops.js';

/** Entries from a pipe or a file, or from a terminal that can do nothing but lines: `ask` writes there, if anywhere. */
export function openPiped(input: Readable, more: string, ask: (prompt: string) => void) {
  const reader = createInterface({ input, terminal: false, crlfDelay: Number.POSITIVE_INFINITY });
  const lines = reader[Symbol.asyncIterator]();
  const entries = createEntries();
  const stops = createStops();
  let interrupted: (() => void) | undefined;
  const onInterrupt = () => (interrupted ? interrupted() : stops.press());
  process.on('SIGINT', onInterrupt);

  async function next(prompt: string): Promise<Entry> {
    for (;;) {
      ask(entries.isOpen ? more : prompt);
      const { value, done } = await lines.next();
      if (done) return entries.close() ?? { kind: 'end', by: 'input' };
      const entry = entries.take(value);
      if (entry) return entry;
    }
  }

  return {
    async read(prompt: string): Promise<Entry> {
      stops.reset();
      const interrupt = new Promise<Entry>((resolve) => {
        interrupted = () => resolve({ kind: 'end', by: 'interrupt' });
      });
      try {
        return await Promise.race([next(prompt), interrupt]);
      } finally {
        interrupted = undefined;
      }
    },
    whileBusy: stops.begin,
    close(): void {
      process.off('SIGINT', onInterrupt);
      reader.close();
    },
  };
}
