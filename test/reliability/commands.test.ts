import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, type TaskMeta, test } from 'vitest';
import type { Question } from '../../src/question.js';
import { openStore } from '../../src/store.js';
import { talk } from './commands/channel.js';
import { letTimePass, settle, stopTime } from './commands/clock.js';
import { ask, askAgain, deletePart, finish, leave, lock, reset, setRole, withdraw } from './commands/deeds.js';
import { deliver } from './commands/front.js';
import type { Asked, Mood } from './commands/ledger.js';
import { bury, ended, events, kill, pass, start, stop } from './commands/lives.js';
import { channelOf, createWorld, type Doom, type Fate, places, type World } from './commands/world.js';
import { chosenSeed } from './random.js';

const isLong = import.meta.env.MODE === 'long';

/** Files in memory are files all the same, and take no milliseconds at each write. */
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'parley-commands-'));
const blank = join(folder, 'blank.db');
await openStore(blank).close();
afterAll(() => rmSync(folder, { recursive: true }));

const people = ['ada', 'bob', 'cy'] as const;

type Command = fc.AsyncCommand<World, World>;

let done = 0;

/** What somebody does, or what happens. It is left out where it can't be done. */
const command = <Told>(
  name: string,
  arbitrary: fc.Arbitrary<Told>,
  run: (world: World, told: Told) => unknown,
  can: (world: World, told: Told) => boolean = () => true,
): fc.Arbitrary<Command> =>
  arbitrary.map((told) => ({
    check: (world) => can(world, told),
    async run(world) {
      done += 1;
      await run(world, told);
      await settle();
      await bury(world);
      look(world);
    },
    toString: () => `${name}(${JSON.stringify(told) ?? ''})`,
  }));

function look({ ledger: { faults, story } }: World): void {
  if (faults.length > 0) expect.fail([...faults, '', ...story].join('\n'));
}

const isUp = ({ life }: World): boolean => life !== undefined;
const isListening = ({ life }: World): boolean => life?.isListening === true;

const pick = <Thing>(things: readonly Thing[], which: number): Thing | undefined => things[which % things.length];

const pickAsked = (world: World, which: number, is: (asked: Asked) => boolean): Asked | undefined =>
  pick([...world.ledger.asked.values()].filter(is), which);

const which = fc.nat({ max: 100 });
const place = fc.constantFrom(...places);
const person = fc.constantFrom(...people);
const mood = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Mood>('well') },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Mood>('length', 'filtered', 'breaks', 'busy', 'stalls', 'too-long', 'bug'),
  },
);
const doom: fc.Arbitrary<Doom> = fc.record({ calls: fc.nat({ max: 15 }), isAfter: fc.boolean() });

const quote = fc.option(which, { freq: 4 });

const asking = fc.record({
  place,
  person,
  /** By a message, by a command, or by one whose answer nobody else sees. */
  by: fc.constantFrom('message', 'message', 'command', 'private'),
  moods: fc.array(mood, { maxLength: 3 }),
  lines: fc.constantFrom(1, 3, 40, 70, 130),
  quote,
  isUnfit: fc.nat({ max: 3 }).map((number) => number === 3),
  /** Whether it says nothing but what it quotes. */
  isBare: fc.nat({ max: 9 }).map((number) => number === 9),
});
type Told = typeof asking extends fc.Arbitrary<infer Values> ? Values : never;

/** Somebody asks something, whose text is its id, so that everybody knows it again. */
function askAs(world: World, { person: name, ...told }: Told): void {
  const id = `q${world.ledger.asked.size + 1}`;
  const quoted = told.quote === null ? undefined : pick([...world.ledger.asked.keys(), 'unknown'], told.quote);
  const messageId = told.isBare ? 'unknown' : quoted;
  const question: Question = {
    ...{ id, place: told.place, text: told.isBare ? '' : id, attachments: [], isPrivate: told.by === 'private' },
    speaker: { id: name, handle: name, name },
    ...(messageId && { quote: { messageId } }),
  };
  ask(world, { ...told, question, isByMessage: told.by === 'message' });
}

/** A message can be written while nobody is there to read it; a command can't. */
const canAsk = (world: World, told: Told): boolean =>
  world.channels.get(told.place.channelId)?.isGone === false && (isListening(world) || told.by === 'message');

/** A question that somebody may delete, or Discord deliver again. */
const isThere = (world: World, asked: Asked): boolean =>
  asked.isByMessage && !asked.isWithdrawn && !channelOf(world, asked).isGone;

const asks = command('ask', asking, askAs, canAsk);
const goesOn = command('goOn', fc.integer({ min: 1, max: 40 }), events, isUp);

const commands: readonly fc.Arbitrary<Command>[] = [
  ...[asks, asks, asks],
  ...[goesOn, goesOn, goesOn],
  command(
    'flood',
    fc.record({ told: asking, all: fc.array(fc.record({ person, quote }), { minLength: 2, maxLength: 7 }) }),
    (world, { told, all }) => {
      for (const own of all) askAs(world, { ...told, ...own });
    },
    (world, { told }) => canAsk(world, told),
  ),
  command(
    'hearAgain',
    which,
    (world, number) => {
      // One that was turned away would be told so again, or answered below.
      const again = pickAsked(world, number, (asked) => isThere(world, asked) && !asked.isTurnedAway);
      if (again) deliver(world, again);
    },
    isListening,
  ),
  command('reset', fc.record({ place, person }), (world, told) => reset(world, told.place, told.person), isListening),
  command(
    'setRole',
    fc.record({ place, words: fc.option(fc.constantFrom('A pirate.', 'A parrot.'), { nil: undefined }) }),
    (world, { place: channel, words }) => setRole(world, channel, words),
    isListening,
  ),
  command('withdraw', which, (world, number) => {
    const asked = pickAsked(world, number, (one) => isThere(world, one));
    if (asked) withdraw(world, asked);
  }),
  command('deletePart', which, (world, number) => {
    const asked = pickAsked(world, number, () => true);
    if (asked) deletePart(world, asked);
  }),
  command('leave', fc.record({ place, isMeant: fc.nat({ max: 3 }) }), (world, told) => {
    const channel = world.channels.get(told.place.channelId);
    if (channel && told.isMeant === 3) leave(world, channel);
  }),
  command(
    'askAgain',
    which,
    (world, number) => {
      const open = [...world.channels.values()].filter(({ isGone }) => !isGone);
      const buttons = open.flatMap(({ posted }) => posted.filter((one) => one.offersAgain && !one.isDeleted));
      const button = pick(buttons, number);
      const asked = world.ledger.asked.get(button?.turnId ?? '');
      // Where the disk fails, nothing comes of it.
      if (button && asked) askAgain(world, asked, button).catch(() => {});
    },
    isListening,
  ),
  command('talk', fc.record({ place, isHint: fc.boolean() }), (world, { place: { channelId }, isHint }) => {
    const channel = world.channels.get(channelId);
    if (!channel || channel.isGone) return;
    talk(channel, { isBots: false });
    // The bot's hint below an empty mention is a reply, and no answer.
    if (isHint && isListening(world))
      talk(channel, { isBots: true, repliesTo: channel.isReadable ? 'talk' : undefined });
  }),
  command('stop', fc.constant(undefined), stop, isUp),
  command('kill', doom, kill, isUp),
  command(
    'start',
    fc.option(doom, { nil: undefined }),
    async (world, told) => {
      await ended(world);
      start(world, told);
    },
    ({ life }) => life === undefined || life.isClosing,
  ),
  command('pass', fc.constantFrom(1000, 10_000, 70_000), pass),
  command('passLong', fc.constantFrom(300_000, 700_000), pass, (world) => !isUp(world)),
  command('lock', fc.constantFrom(50, 1000, 10_000, 40_000), lock, isUp),
  command(
    'failDisk',
    fc.array(fc.constantFrom('disk', 'full'), { minLength: 1, maxLength: 4 }),
    ({ trouble }, failures) => trouble.failures.push(...failures),
  ),
  command(
    'loseRequests',
    fc.array(fc.constantFrom<Fate>('before', 'after', 'fine'), { minLength: 1, maxLength: 8 }),
    ({ trouble }, fates) => trouble.fates.push(...fates),
  ),
  command('slowDown', fc.integer({ min: 1, max: 5 }), ({ trouble }, slow) => Object.assign(trouble, { slow })),
  command('crowd', fc.boolean(), ({ trouble }, isCrowded) => Object.assign(trouble, { isCrowded })),
];

test(
  'whatever people, the model, Discord, the disk and its own deaths do, each question comes to one end, and is told it',
  async ({ task }) => {
    const worlds = { runs: 0, questions: 0, lives: 0, kills: 0, prompts: 0 };
    const property = fc.asyncProperty(
      fc.commands([...commands], { maxCommands: 60, size: 'max' }),
      async (sequence) => {
        worlds.runs += 1;
        const own = mkdtempSync(join(folder, 'world-'));
        copyFileSync(blank, join(own, '0.db'));
        stopTime(0);
        const world = createWorld(own, join(own, '0.db'));
        try {
          start(world);
          await settle();
          await fc.asyncModelRun(() => ({ model: world, real: world }), sequence);
          await finish(world);
          look(world);
        } finally {
          await world.life?.close();
          world.disk.close();
          letTimePass();
          rmSync(own, { recursive: true });
        }
        worlds.questions += world.ledger.asked.size;
        worlds.lives += world.ledger.lives;
        worlds.kills += world.ledger.kills;
        worlds.prompts += world.ledger.prompts;
      },
    );
    await fc.assert(property, { seed: chosenSeed() | 0, numRuns: isLong ? 20_000 : 180 });
    task.meta.figures = figuresOf(worlds);
  },
  isLong ? 60 * 60_000 : 180_000,
);

const figuresOf = (worlds: Readonly<Record<string, number>>): NonNullable<TaskMeta['figures']> => ({
  sequences: worlds.runs ?? 0,
  'commands in them': done,
  questions: worlds.questions ?? 0,
  'requests to the model': worlds.prompts ?? 0,
  processes: worlds.lives ?? 0,
  'of them killed': worlds.kills ?? 0,
});
