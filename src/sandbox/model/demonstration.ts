import { setTimeout as sleep } from 'node:timers/promises';
import { hangUp, type ModelRequest, type Step } from './model.js';
import { type Asked, readConversation } from './question.js';
import { refusals } from './refusals.js';

type Steps = AsyncGenerator<Step>;

/** Something that the offline model does when it is asked for it in plain words. */
interface Feat {
  /** What asks for it. */
  readonly asks: RegExp;
  /** How somebody is told to ask. */
  readonly say: string;
  readonly shows: string;
  readonly play: (request: ModelRequest) => Steps | readonly Step[];
}

const usualMs = 25;

/** Pieces as they stream. */
async function* stream(pieces: Iterable<string>, everyMs = usualMs): Steps {
  for (const piece of pieces) {
    yield piece;
    await sleep(everyMs, undefined, { ref: false });
  }
}

const words = (text: string): string[] => text.split(/(?<=\s)/);
const lines = (text: string): string[] => text.split(/(?<=\n)/);

const fails = (names: string, shows: string, step: Step): Feat => ({
  asks: new RegExp(`\\bfail\\w*\\b.*\\b(${names})\\b`, 'i'),
  say: `fail with ${/^[aeiou]/.test(names) ? 'an' : 'a'} ${names.split('|')[0]}`,
  shows,
  play: () => [step],
});

const feats: readonly Feat[] = [
  {
    asks: /100,?000 (characters|letters)/i,
    say: '100,000 characters',
    shows: 'an answer of that length, in more than fifty messages',
    play: () => stream(paragraphsUpTo(100_000), 5),
  },
  {
    asks: /\blong\b.*\b(answer|code|markdown)\b/i,
    say: 'a long answer with code',
    shows: 'headings, lists, quotes and code over several messages',
    play: () => stream(lines(longMarkdown()), 15),
  },
  {
    asks: /\blanguages?\b.*\btable\b|\btable\b.*\blanguages?\b|\bmany languages\b/i,
    say: 'a table of languages',
    shows: 'many scripts, both directions, emoji',
    play: () => stream(lines(languages)),
  },
  {
    asks: /\bslow(ly)?\b.*\bstart\b|\bstart slowly\b|\bbe slow\b/i,
    say: 'be slow to start',
    shows: 'nothing for eight seconds, then an answer',
    play: async function* () {
      await sleep(8_000, undefined, { ref: false });
      yield* stream(words('That took me eight seconds. The typing indicator stood in for me.'));
    },
  },
  {
    asks: /\bslow(ly)?\b/i,
    say: 'answer slowly',
    shows: 'a word every half second',
    play: () =>
      stream(words('One word at a time, so that you can watch the message being edited while it grows.'), 500),
  },
  {
    asks: /\btrickle\b/i,
    say: 'trickle',
    shows: 'a letter at a time',
    play: () => stream('Letter by letter, as a small model on a slow machine would write it.', 100),
  },
  {
    asks: /\bstall\b/i,
    say: 'stall',
    shows: 'an answer that stops in the middle and says nothing more, until `OPENAI_TIMEOUT`',
    play: async function* ({ closed }) {
      yield* stream(words('I begin with this, and then I fall '));
      await closed;
    },
  },
  {
    asks: /\bhang up\b/i,
    say: 'hang up',
    shows: 'a connection that breaks in the middle',
    play: async function* () {
      yield* stream(words('I begin with this, and then the line '));
      yield hangUp;
    },
  },
  {
    asks: /\b(cut|broken) off\b.*\bfilter\b|\bfilter\b.*\bmidway\b/i,
    say: 'be cut off by the filter',
    shows: 'a content filter that ends the answer midway',
    play: async function* () {
      yield* stream(words('I begin with this, and then the content filter '));
      yield { finish: 'content_filter' };
    },
  },
  {
    asks: /\b(cut|broken) off\b/i,
    say: 'be cut off',
    shows: 'an answer that reaches its token limit',
    play: async function* () {
      yield* stream(words('I begin with this, and then there are no tokens left for '));
      yield { finish: 'length' };
    },
  },
  {
    asks: /\bempty answer\b/i,
    say: 'an empty answer',
    shows: 'an answer without a word',
    play: () => [{ finish: 'stop' }],
  },
  fails('wrong key|key', 'a key that is not accepted', refusals.badKey),
  fails('forbidden region|forbidden|region', 'a key that may not do this', refusals.forbidden),
  fails('lack of credit|credit|quota', 'nothing left to pay with', refusals.noCredit),
  fails('unknown model|model', 'a model that does not exist', refusals.unknownModel),
  fails('rate limit', 'too many requests; it is waited out', refusals.rateLimited({ seconds: 2 })),
  fails('server error|error', 'a server in trouble; it is tried again', refusals.serverError),
  fails('filter', 'a content filter that takes the question', refusals.filtered),
  fails('too long prompt|too long|length', 'a prompt that does not fit; it is shortened once', refusals.tooLong),
  fails('html page|proxy', 'a proxy that answers instead', refusals.htmlPage),
  {
    asks: /^\W*(help|what can you do)\b/i,
    say: 'help',
    shows: 'this list',
    play: () => stream(lines(help())),
  },
];

const help = (): string =>
  [
    'I am the offline model. There is no language model behind me: I tell you what I was sent, so that you can see what a model would get. I can also show how the bot takes whatever a chat API does. Write, in any words around it:',
    '',
    ...feats.map(({ say, shows }) => `- \`${say}\` – ${shows}`),
  ].join('\n');

/**
 * How the offline model of the sandbox answers: it says what it is, what it was told and by whom, what it remembers and
 * what role it was given; and it does what {@link feats} names when the question asks for it.
 */
export async function* demonstrate(request: ModelRequest): Steps {
  const { text } = readConversation(request.body).question;
  const feat = feats.find(({ asks }) => asks.test(text));
  yield* feat ? feat.play(request) : stream(words(account(request)));
}

const maxRemembered = 5;

/** What came, told in the order in which somebody wants to know it. */
function account({ body }: ModelRequest): string {
  const { question, earlier, role } = readConversation(body);
  const told = earlier.slice(-maxRemembered).map((asked) => `- ${asked.speaker ?? 'Somebody'}: ${firstLine(asked)}`);
  const more = earlier.length - told.length;
  return [
    'I am the offline model: I only tell what I was sent. Ask me for `help` to see what I can show.',
    '',
    `${question.speaker ?? 'Somebody'} said:`,
    ...question.text.split('\n').map((line) => `> ${line}`),
    '',
    earlier.length === 0
      ? 'I remember nothing before that.'
      : `I remember ${earlier.length} ${earlier.length === 1 ? 'exchange' : 'exchanges'} before that${more > 0 ? `, of which the last ${told.length} began` : ''}:`,
    ...told,
    '',
    role === undefined ? 'I was given no system role.' : `My system role: ${role}`,
  ].join('\n');
}

function firstLine({ text }: Asked): string {
  const [line = ''] = text.split('\n');
  return line.length > 80 ? `${[...line].slice(0, 80).join('')} …` : line;
}

const codeSample = [
  '```ts',
  '/** The first numbers of a sequence in which each is the sum of the two before it. */',
  'function* fibonacci(count: number): Generator<bigint> {',
  '  let [one, other] = [0n, 1n];',
  '  for (let index = 0; index < count; index += 1) {',
  '    yield one;',
  '    [one, other] = [other, one + other];',
  '  }',
  '}',
  '',
  "for (const number of fibonacci(20)) console.log(number.toString().padStart(12, ' '));",
  '```',
].join('\n');

/** About eight thousand characters of everything that Discord's markdown has. */
function longMarkdown(): string {
  const chapter = (number: number) => [
    `## Chapter ${number}`,
    `This is **bold**, this is *italic*, this is ~~struck~~, this is \`inline code\`, and ||this is hidden||. ${lorem}`,
    ['- a list', '  - with a list in it', '  - of two', '- and an end'].join('\n'),
    ['1. First', '2. then', '3. at last'].join('\n'),
    `> ${lorem}`,
    codeSample,
    lorem,
  ];
  return ['# A long answer', ...[1, 2, 3, 4, 5].flatMap(chapter), 'That was all.'].join('\n\n');
}

const lorem =
  'The offline model has nothing to say about anything, but it says it at some length, because what you want to see is how a text is cut into messages, and not what it is about.';

function* paragraphsUpTo(characters: number): Generator<string> {
  let left = characters;
  for (let number = 1; left > 0; number += 1) {
    const paragraph = `Paragraph ${number}. ${lorem} ${lorem}\n\n`.slice(0, left);
    left -= paragraph.length;
    yield paragraph;
  }
}

const languages = [
  '```',
  'Language   | Good morning',
  '-----------|----------------------',
  'English    | Good morning',
  'Deutsch    | Guten Morgen',
  'Français   | Bonjour',
  'Ελληνικά   | Καλημέρα',
  'Русский    | Доброе утро',
  'Tiếng Việt | Chào buổi sáng',
  'Türkçe     | Günaydın',
  '```',
  '- العربية: صباح الخير',
  '- עברית: בוקר טוב',
  '- हिन्दी: सुप्रभात',
  '- ไทย: สวัสดีตอนเช้า',
  '- 日本語: おはようございます',
  '- 한국어: 좋은 아침이에요',
  '- 中文: 早上好',
  '- Emoji: 🌅 👋🏽 👩‍👩‍👧‍👦 🏳️‍🌈',
].join('\n');
