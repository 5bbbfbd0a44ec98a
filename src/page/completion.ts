import { emojis } from './emoji.js';

/** Somebody or something that can be spoken of in a text: Discord's `<@id>` or `<#id>`, `@Name` or `#name` to people. */
export interface Mentionable {
  readonly id: string;
  readonly name: string;
  /** What it is called beside its name: the account's name, say. */
  readonly detail?: string;
  readonly isApp?: boolean;
}

export interface Vocabulary {
  readonly people: readonly Mentionable[];
  readonly channels: readonly Mentionable[];
  readonly commands: readonly {
    readonly name: string;
    readonly description: string;
    readonly applicationName: string;
  }[];
}

/** One thing that what stands before the caret can become. */
export interface Suggestion {
  readonly kind: 'person' | 'channel' | 'emoji' | 'command';
  readonly label: string;
  readonly detail: string;
  /** What it becomes, in place of `from` to the caret. */
  readonly text: string;
  readonly from: number;
}

const maxSuggestions = 8;

/** What the word before the caret can be completed to, the likeliest first. */
export function suggestions(text: string, caret: number, { people, channels, commands }: Vocabulary): Suggestion[] {
  const before = text.slice(0, caret);
  if (/^\/[^\n]*$/.test(before)) {
    const typed = before.slice(1).toLowerCase();
    return ranked(commands, typed).map(({ name, description, applicationName }) => ({
      kind: 'command',
      label: `/${name}`,
      detail: [description, applicationName].filter(Boolean).join(' · '),
      text: `/${name}`,
      from: 0,
    }));
  }
  const { sign = '', typed = '' } = /(?:^|[\s(])(?<sign>[@#:])(?<typed>[^\s@#:]*)$/u.exec(before)?.groups ?? {};
  const from = caret - typed.length - 1;
  switch (sign) {
    case '@':
      return completing(people, typed.toLowerCase()).map(({ name, detail = '' }) => ({
        kind: 'person',
        label: name,
        detail,
        text: `@${name} `,
        from,
      }));
    case '#':
      return completing(channels, typed.toLowerCase()).map(({ name, detail = '' }) => ({
        kind: 'channel',
        label: name,
        detail,
        text: `#${name} `,
        from,
      }));
    case ':':
      // A colon alone is punctuation, and so are two letters after it often enough.
      if (typed.length < 2) return [];
      return ranked(emojis, typed.toLowerCase()).map(({ name, emoji }) => ({
        kind: 'emoji',
        label: `${emoji} :${name}:`,
        detail: '',
        text: `${emoji} `,
        from,
      }));
    default:
      return [];
  }
}

/** Those whose name begins with what was typed, then those that have it elsewhere. */
function ranked<Thing extends { readonly name: string; readonly detail?: string }>(
  things: readonly Thing[],
  typed: string,
): Thing[] {
  const place = ({ name, detail = '' }: Thing) => {
    if (name.toLowerCase().startsWith(typed)) return 0;
    if (detail.toLowerCase().startsWith(typed)) return 1;
    return name.toLowerCase().includes(typed) ? 2 : 3;
  };
  return things
    .map((thing) => ({ thing, at: place(thing) }))
    .filter(({ at }) => at < 3)
    .sort((one, other) => one.at - other.at)
    .slice(0, maxSuggestions)
    .map(({ thing }) => thing);
}

/** As {@link ranked}, but a name that is written out needs no completion: Enter is to send the message. */
function completing<Thing extends Mentionable>(things: readonly Thing[], typed: string): Thing[] {
  const found = ranked(things, typed);
  return found.length === 1 && found[0]?.name.toLowerCase() === typed ? [] : found;
}

/** The text as Discord takes it: every `@Name` and `#name` of somebody or something known becomes a mention, but not in code. */
export function encodeMentions(text: string, { people, channels }: Vocabulary): string {
  const named = new Map([
    ...channels.map(({ id, name }) => [`#${name}`.toLowerCase(), `<#${id}>`] as const),
    ...people.flatMap(({ id, name, detail = name }) => [
      [`@${detail}`.toLowerCase(), `<@${id}>`] as const,
      [`@${name}`.toLowerCase(), `<@${id}>`] as const,
    ]),
  ]);
  if (named.size === 0) return text;
  // The longest first: `@Ada Lovelace` is not `@Ada` with a word behind it.
  const names = [...named.keys()].sort((one, other) => other.length - one.length).map(escaped);
  const mention = new RegExp(`(?<![\\p{L}\\p{N}_<])(?:${names.join('|')})(?![\\p{L}\\p{N}_])`, 'giu');
  return outsideCode(text, (part) => part.replace(mention, (found) => named.get(found.toLowerCase()) ?? found));
}

/** The text as it is typed: the other way round. Who or what is not known stays as it is. */
export function decodeMentions(text: string, { people, channels }: Vocabulary): string {
  return outsideCode(text, (part) =>
    part
      .replace(/<@!?(\d+)>/g, (found, id) => named('@', people, id) ?? found)
      .replace(/<#(\d+)>/g, (found, id) => named('#', channels, id) ?? found),
  );
}

const named = (sign: string, things: readonly Mentionable[], id: string): string | undefined => {
  const thing = things.find((one) => one.id === id);
  return thing && sign + thing.name;
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const outsideCode = (text: string, change: (part: string) => string): string =>
  text
    .split(/(```[\s\S]*?```|`[^`\n]*`)/)
    .map((part, index) => (index % 2 === 0 ? change(part) : part))
    .join('');
