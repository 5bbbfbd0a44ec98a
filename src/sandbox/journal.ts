import type { WatchFrame } from './frames.js';
import type { RestCall } from './http.js';
import type { World } from './world.js';

/** Something that passed between a bot and its Discord or its chat API, as those who build the bot want to see it. */
export type JournalEntry =
  | {
      readonly kind: 'gateway';
      readonly at: number;
      /** As the sandbox sees it: `in` came from the bot. */
      readonly direction: 'in' | 'out';
      readonly who: string | undefined;
      readonly op: number;
      readonly t?: string;
      readonly d: unknown;
    }
  | {
      readonly kind: 'rest';
      readonly at: number;
      readonly who: string | undefined;
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly code: number | undefined;
      readonly body: unknown;
    }
  | {
      readonly kind: 'model';
      readonly at: number;
      readonly request: unknown;
      /** Of the prompt, as OpenAI's current models count. */
      readonly tokens: number;
    }
  | { readonly kind: 'bot'; readonly at: number; readonly line: string };

/** An entry as it is shown: JSON, redacted, under a number that grows. */
export interface Noted {
  readonly number: number;
  readonly json: string;
}

const maxEntries = 500;
const maxCharacters = 8_000_000;

/** The token of an interaction, wherever it stands: what `interaction:` looks like in base64url, and all behind it. */
const interactionToken = /aW50ZXJhY3Rpb246[\w-]*/g;

/**
 * What bots did lately, as far as 500 entries and some megabytes reach. It holds no token of anybody, and nothing that
 * is to be hidden. What people's clients did is not in it; its traces are the events that bots get.
 */
export function createJournal(world: World) {
  const secrets = new Set<string>();
  const entries: Noted[] = [];
  const readers = new Set<(noted: Noted) => void>();
  let characters = 0;
  // Greater than any of an earlier process, so that a reader who was there before gets all that is new.
  let last = Date.now() * 1000;

  function redact(json: string): string {
    const tokens = [...world.users.values()].map(({ token }) => token);
    return [...tokens, ...secrets].reduce(
      (text, secret) => text.replaceAll(JSON.stringify(secret).slice(1, -1), '[secret]'),
      json.replaceAll(interactionToken, '[token]'),
    );
  }

  function note(entry: JournalEntry): void {
    last += 1;
    const noted = { number: last, json: redact(JSON.stringify(entry)) };
    entries.push(noted);
    characters += noted.json.length;
    while (entries.length > maxEntries || (characters > maxCharacters && entries.length > 1)) {
      characters -= entries.shift()?.json.length ?? 0;
    }
    for (const read of readers) read(noted);
  }

  const botNamed = (id: string | undefined) => {
    const user = world.users.get(id ?? '');
    return user?.applicationId === undefined ? undefined : user.username;
  };

  /** An answer to an interaction comes without a bot's token; its path says whose it is. */
  function callerOf({ by, path }: RestCall): string | undefined {
    if (by !== undefined) return botNamed(by);
    const [, kind = '', id = ''] = path.split('/');
    return botNamed(kind === 'webhooks' ? id : world.interactions.get(id)?.applicationId);
  }

  const watchFrame: WatchFrame = (direction, userId, frame) => {
    if (userId !== undefined && botNamed(userId) === undefined) return;
    const { op, d, ...more }: { op: number; d: unknown; t?: unknown } =
      typeof frame === 'string' ? JSON.parse(frame) : frame;
    const who = botNamed(userId ?? accountOf(world, d));
    if (who === undefined) return;
    const t = typeof more.t === 'string' ? { t: more.t } : {};
    note({ kind: 'gateway', at: Date.now(), direction, who, op, ...t, d });
  };

  return {
    note,
    /** From now on, this stands in no entry. */
    hide(secret: string): void {
      if (secret !== '') secrets.add(secret);
    },
    watchFrame,
    watchCall(call: RestCall): void {
      const who = callerOf(call);
      if (who === undefined) return;
      const { at, method, path, status, code, body } = call;
      note({ kind: 'rest', at, who, method, path, status, code, body });
    },
    /** Gives a reader everything after `number`, and from then on whatever comes, until it is stopped. */
    follow(number: number, read: (noted: Noted) => void): () => void {
      for (const noted of entries) if (noted.number > number) read(noted);
      readers.add(read);
      return () => readers.delete(read);
    },
  };
}

/** Whose token an identify or a resume holds: its connection has no session yet. */
function accountOf({ users }: World, d: unknown): string | undefined {
  const token = d !== null && typeof d === 'object' && 'token' in d ? d.token : undefined;
  return [...users.values()].find((user) => user.token === token)?.id;
}

export type Journal = ReturnType<typeof createJournal>;
