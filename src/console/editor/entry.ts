/** What somebody gave at the prompt. */
export type Entry =
  /** One line, never blank. */
  | { readonly kind: 'line'; readonly text: string }
  /** What was pasted or written as a whole, never blank. It is a question whatever it looks like: no command. */
  | { readonly kind: 'block'; readonly text: string }
  /** There is no more: the input ended (Ctrl-D), or Ctrl-C was pressed twice. */
  | { readonly kind: 'end'; readonly by: 'input' | 'interrupt' };

export const inputEnd: Entry = { kind: 'end', by: 'input' };

const MARK = '"""';

export type Entries = ReturnType<typeof createEntries>;

/**
 * Makes entries of lines: `"""` opens a block and closes it, and may have text beside it. A line that has line ends in
 * it, having been pasted, is a block by itself, and opens none.
 */
export function createEntries() {
  let block: string[] | undefined;

  const close = (): Entry | undefined => {
    const text = block?.join('\n') ?? '';
    block = undefined;
    return text.trim() === '' ? undefined : { kind: 'block', text };
  };

  function open(text: string): Entry | undefined {
    block = [];
    const first = text.trimStart().slice(MARK.length);
    return first.trim() === '' ? undefined : proceed(first);
  }

  function proceed(text: string): Entry | undefined {
    const isLast = text.trimEnd().endsWith(MARK);
    const line = isLast ? text.trimEnd().slice(0, -MARK.length) : text;
    if (!isLast || line.trim() !== '') block?.push(line);
    return isLast ? close() : undefined;
  }

  return {
    /** Whether the next line goes on with a block. */
    get isOpen(): boolean {
      return block !== undefined;
    },

    /** Takes a line, and gives the entry that it completes. */
    take(text: string): Entry | undefined {
      if (block) return proceed(text);
      if (text.includes('\n')) return text.trim() === '' ? undefined : { kind: 'block', text };
      if (text.trimStart().startsWith(MARK)) return open(text);
      return text.trim() === '' ? undefined : { kind: 'line', text };
    },

    /** Closes a block that has no end, and gives what it has. */
    close,

    /** Forgets an open block. */
    drop(): void {
      block = undefined;
    },
  };
}
