import { ModelError } from '../errors.js';
import type { Words } from '../words.js';
import { createRenderer, disarm } from './markdown.js';

/** Whether the terminal, if there is one, can do nothing but lines. */
export const IS_PLAIN = process.env.TERM === 'dumb';

/** Ends the program when its output can't be written any more: without a word where a reader has read enough. */
export function endWithReader(): void {
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit();
    console.error(`Standard output can’t be written (${code}).`);
    process.exit(1);
  });
}

/**
 * Where an answer is written: readable in a terminal, or plain, though harmless even then; and as it is anywhere else.
 * It ends with the end of a line.
 */
export function openPage(output: NodeJS.WriteStream, isPlain: boolean, column = 0) {
  const renderer =
    output.isTTY && !isPlain && !IS_PLAIN
      ? createRenderer({ columns: () => output.columns || 80, isColoured: output.hasColors(), column })
      : undefined;
  let last = '\n';
  const put = (text: string) => {
    if (text === '') return;
    last = text.at(-1) ?? last;
    output.write(text);
  };
  return {
    write: (piece: string): void => put(renderer ? renderer.write(piece) : output.isTTY ? disarm(piece) : piece),
    end(): void {
      if (renderer) put(renderer.end());
      if (last !== '\n') put('\n');
    },
  };
}

/** As much of a server's sentence as tells the cause. */
const REASON_LENGTH = 200;

/** A failure in one line. The console has no log: so it tells the cause too, but never the key, which some servers repeat. */
export function tellFailure(error: unknown, words: Words, key = ''): string {
  const reason = reasonOf(error)
    .replaceAll(key.trim() || /(?!)/g, '[key]')
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim();
  const sentence = words.explain(error);
  return reason === '' ? sentence : `${sentence} (${reason.slice(0, REASON_LENGTH)})`;
}

/** What libraries say of a connection that breaks tells nothing, but its own cause does; nor does all that is wrong with a chunk. */
function reasonOf(error: unknown): string {
  if (!(error instanceof ModelError)) return '';
  let { cause } = error;
  while (error.failure === 'connection' && cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause instanceof Error && cause.name !== 'ZodError' ? cause.message : '';
}
