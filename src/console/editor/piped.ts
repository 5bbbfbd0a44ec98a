import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createEntries, type Entry, inputEnd } from './entry.js';
import { createStops } from './stops.js';

/** Entries from a pipe or a file, or from a terminal that can do nothing but lines: `ask` writes there, if anywhere. */
export function openPiped(input: Readable, more: string, ask: (prompt: string) => void) {
  const reader = createInterface({ input, terminal: false, crlfDelay: Number.POSITIVE_INFINITY });
  const lines = reader[Symbol.asyncIterator]();
  const entries = createEntries();
  const stops = createStops();
  let end: ((entry: Entry) => void) | undefined;
  let isClosed = false;
  const onInterrupt = () => (end ? end({ kind: 'end', by: 'interrupt' }) : stops.press());
  process.on('SIGINT', onInterrupt);

  async function next(prompt: string): Promise<Entry> {
    for (;;) {
      ask(entries.isOpen ? more : prompt);
      const { value, done } = await lines.next();
      if (done) return entries.close() ?? inputEnd;
      const entry = entries.take(value);
      if (entry) return entry;
    }
  }

  return {
    async read(prompt: string): Promise<Entry> {
      if (isClosed) return inputEnd;
      stops.reset();
      const ended = new Promise<Entry>((resolve) => {
        end = resolve;
      });
      const entry = await Promise.race([next(prompt), ended]);
      end = undefined;
      // Nobody ended the row of the prompt.
      if (entry.kind === 'end') ask('\n');
      return entry;
    },
    whileBusy: stops.begin,
    close(): void {
      isClosed = true;
      end?.(inputEnd);
      process.off('SIGINT', onInterrupt);
      reader.close();
    },
  };
}
