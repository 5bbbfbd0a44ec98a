import type { Entry } from './entry.js';
import { openPiped } from './piped.js';
import type { Work } from './stops.js';
import { openTerminal, type TerminalOptions } from './terminal.js';

export interface EditorOptions extends TerminalOptions {
  /** Whether even a terminal is written to without escape sequences, as one that calls itself `dumb`. */
  readonly plain?: boolean;
}

/** Reads what people write on the console. */
export interface Editor {
  /**
   * Asks for an entry, in the row of the cursor; what was written since the last one comes first.
   *
   * At a terminal the line can be edited, what was entered before comes back with Up, what is pasted is one entry and waits
   * for Enter, and Ctrl-C clears the line. Anywhere else nothing is written and each line is an entry. `"""` around lines
   * makes them one in both; the end of the input closes a block too.
   */
  read(prompt: string): Promise<Entry>;
  /**
   * Says what Ctrl-C stops, from now until the next {@link Editor.read}. If it was pressed since the last entry, it is
   * stopped at once. One more Ctrl-C soon after it leaves, also when the work has stopped meanwhile.
   */
  whileBusy(work: Work): void;
  /** Gives the terminal back as it was, and lets the process end. Who waits for an entry gets the end, as who asks later. */
  close(): void;
}

/**
 * Opens the one thing that reads from the console, at a terminal with the keys of GNU Readline. SIGINT from anywhere counts
 * as Ctrl-C. The terminal is given back when the program exits or crashes, too; a signal that ends it is the program's own
 * to hear.
 */
export function openEditor({ plain = false, ...options }: EditorOptions): Editor {
  const { input, output, words } = options;
  const isTerminal = input.isTTY === true && output.isTTY === true;
  if (isTerminal && !plain) return openTerminal(options);
  return openPiped(input, words.more, (prompt) => isTerminal && output.write(prompt));
}
