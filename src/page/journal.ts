/** What passes through the sandbox, as it tells the workshop; tokens are taken out. */
export type Entry =
  | {
      readonly kind: 'gateway';
      readonly at: number;
      readonly direction: 'in' | 'out';
      readonly who?: string;
      readonly op: number;
      readonly t?: string | null;
      readonly d?: unknown;
    }
  | {
      readonly kind: 'rest';
      readonly at: number;
      readonly who?: string;
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly code?: number;
      readonly body?: unknown;
    }
  | {
      readonly kind: 'model';
      readonly at: number;
      readonly request: {
        readonly model: string;
        readonly messages: readonly { readonly role: string; readonly content?: unknown }[];
      };
      readonly tokens: number;
    }
  | { readonly kind: 'bot'; readonly at: number; readonly line: string };

export const entryKinds = ['gateway', 'rest', 'model', 'bot'] as const;

/** Listens to the sandbox's journal: what it kept first, then everything as it passes. A cut connection goes on where it was. */
export function listenToJournal(onEntry: (entry: Entry) => void): void {
  const source = new EventSource('/sandbox/journal');
  source.addEventListener('message', ({ data }) => {
    // The sandbox's own route, of the same version as the page.
    onEntry(JSON.parse(data) as Entry);
  });
}

const opcodes: Readonly<Record<number, string>> = {
  1: 'Heartbeat',
  2: 'Identify',
  3: 'Presence Update',
  6: 'Resume',
  7: 'Reconnect',
  8: 'Request Guild Members',
  9: 'Invalid Session',
  10: 'Hello',
  11: 'Heartbeat ACK',
};

/** An entry in one line. */
export function summaryOf(entry: Entry): string {
  switch (entry.kind) {
    case 'gateway':
      return `${entry.direction === 'in' ? '→' : '←'} ${entry.t ?? opcodes[entry.op] ?? `opcode ${entry.op}`}`;
    case 'rest':
      return `${entry.method} ${entry.path} ${entry.status}${entry.code ? ` (${entry.code})` : ''}`;
    case 'model':
      return `${entry.request.model}: ${entry.request.messages.length} messages, ${entry.tokens} tokens`;
    case 'bot':
      return entry.line;
  }
}

/** What stands behind the line, if anything does. */
export function detailOf(entry: Entry): unknown {
  switch (entry.kind) {
    case 'gateway':
      return entry.d;
    case 'rest':
      return entry.body;
    case 'model':
      return entry.request;
    case 'bot':
      return undefined;
  }
}
