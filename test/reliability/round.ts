import { setTimeout as pause } from 'node:timers/promises';
import type { Kind } from './answers.js';
import { attribute, isSame } from './attribution.js';
import type { Evidence } from './evidence.js';
import { type Fault, faultsShown } from './faults.js';
import { faultsInPrompts, faultsOnDisk } from './memory-faults.js';
import type { Life } from './program.js';
import { createRandom, type Random } from './random.js';
import { tell } from './story.js';
import { type Happening, openTown, type Place, type Shape, type Town } from './town.js';

/** A stretch of time in which people ask and the program dies, and at whose end all must be well. */
export interface Plan {
  readonly seed: number;
  readonly shape: Shape;
  /** How often the program is ended. */
  readonly ends: number;
  readonly longestLifeMs: number;
  /** How many questions may be without their answer at a time. */
  readonly mostOpen: number;
  /** Whether some of the ends are SIGTERMs, and people use /reset. */
  readonly isVaried: boolean;
}

/** What a round came to. */
export interface Outcome {
  readonly evidence: Evidence;
  readonly faults: readonly Fault[];
  /** What happened, for whoever has to find out why; asked for only where something is wrong. */
  story(): string;
  readonly lives: readonly Life[];
}

/** How many questions may be without their answer at a time in one place. */
const mostOpenInPlace = 4;

/** Plays a round to its end. */
export async function playRound(plan: Plan): Promise<Outcome> {
  const { seed, shape } = plan;
  const random = createRandom(seed);
  const town = await openTown(random, shape);
  try {
    await introduce(town);
    let isOver = false;
    const asking = askAround(town, random.fork(), plan, () => isOver);
    await endAgainAndAgain(town, random.fork(), plan);
    isOver = true;
    await asking;
    await untilQuiet(town);
    return await judge(town);
  } finally {
    await town.close();
  }
}

/** Starts the program: it registers its commands, and gets to know the direct messages: it can't be told of them when it starts. */
export async function introduce(town: Town): Promise<void> {
  const { discord, app, places } = town;
  await town.start().ready;
  await discord.until(() => app.commands().length > 0);
  for (const place of places) if (place.isDirect) await town.ask(place, place.people[0], 'mention', 'short');
  await discord.until(() => openPlaces(town.evidence()).length === 0);
}

/** The places of the questions that have no answer yet, once for each. */
function openPlaces(evidence: Evidence): string[] {
  const { shown } = attribute(evidence);
  return evidence.questions
    .filter(({ isUnheard }) => !isUnheard)
    .filter(({ id, parts }) => {
      const texts = (shown.get(id) ?? []).map(({ content }) => content);
      // A stopped one is over too; that it may be is looked into at the end.
      return !isSame(texts, parts) && !texts.at(-1)?.includes('Stopped, because');
    })
    .map(({ channelId }) => channelId);
}

/** People ask, now and then several at once, whether the program lives or not. */
async function askAround(town: Town, random: Random, plan: Plan, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await pause(random.between(10, 300));
    const open = openPlaces(town.evidence());
    const place = random.pick(town.places as [Place, ...Place[]]); // there is at least one
    const roomHere = mostOpenInPlace - open.filter((id) => id === place.id).length;
    const burst = random.chance(0.15) ? 3 : 1;
    const count = Math.min(burst, roomHere, plan.mostOpen - open.length);
    for (let one = 0; one < count; one += 1) await askSomething(town, random, place);
    if (plan.isVaried && random.chance(0.06)) await town.reset(place, random.pick(place.people));
  }
}

async function askSomething(town: Town, random: Random, place: Place): Promise<void> {
  const kinds: readonly [Kind, ...Kind[]] = ['short', 'short', 'short', 'slow', 'slow', 'code', 'code'];
  const kind = random.chance(0.03) ? 'long' : random.pick(kinds);
  const isThere = town.discord.isConnected(town.app);
  const isCommand = random.chance(isThere ? 0.35 : 0.1);
  const way = !isCommand ? 'mention' : random.chance(0.4) ? 'private' : 'ask';
  await town.ask(place, random.pick(place.people), way, kind);
}

/** When an end comes: at any time, while the program starts, or right after something happened. */
type Moment = 'any' | 'starting' | Happening;

const happenings: readonly Happening[] = ['asked', 'acknowledged', 'begun', 'said', 'read', 'marked', 'deleted'];

/** The more often one stands here, the more often it is chosen. */
const moments: readonly [Moment, ...Moment[]] = [
  ...(['any', 'any', 'any', 'starting', 'created', 'created', 'edited', 'edited', 'said'] as const),
  ...happenings,
];

const longestStartMs = 1_200;

/** Lets the program live and ends it, so many times; at the end, it lives. */
async function endAgainAndAgain(town: Town, random: Random, plan: Plan): Promise<void> {
  let [life] = town.lives;
  for (let count = 0; count < plan.ends && life; count += 1) {
    await endOnce(town, random, life, plan);
    await pause(random.chance(0.5) ? 0 : random.between(0, 1_500));
    life = town.start();
  }
}

async function endOnce(town: Town, random: Random, life: Life, { isVaried, longestLifeMs }: Plan): Promise<void> {
  const moment = random.pick(moments);
  const isGentle = isVaried && random.chance(0.4);
  const end = (when: string) => life.signal(isGentle ? 'SIGTERM' : 'SIGKILL', when);
  if (moment === 'any') await pauseThen(random.between(0, longestLifeMs), () => end('at any time'));
  else if (moment === 'starting') await pauseThen(random.between(0, longestStartMs), () => end('while it starts'));
  else await after(town, moment, random.chance(0.4) ? 0 : random.between(1, 40), longestLifeMs, end);
  // Who asks for an end may lose patience.
  if (isGentle && random.chance(0.3)) {
    const patience = pause(random.between(0, 3_000));
    await Promise.race([life.exit, patience]);
    if (life.endedAt === undefined) life.signal('SIGKILL', 'while it stops');
  }
  await life.exit;
}

async function pauseThen(ms: number, act: () => void): Promise<void> {
  await pause(ms);
  act();
}

/** Acts so long after the next happening of a kind, in the same moment if the time is 0; or when patience is at its end. */
function after(
  { listen }: Town,
  awaited: Happening,
  ms: number,
  patienceMs: number,
  act: (when: string) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const finish = (when: string) => {
      listen(() => {});
      act(when);
      resolve();
    };
    const patience = setTimeout(() => finish(`after nothing was ${awaited}`), patienceMs);
    listen((happening) => {
      if (happening !== awaited) return;
      listen(() => {});
      clearTimeout(patience);
      if (ms === 0) finish(`as something was ${awaited}`);
      else setTimeout(() => finish(`${ms} ms after something was ${awaited}`), ms);
    });
  });
}

/** A program that has done nothing for so long does nothing more: signs of life are given more often. */
const quietMs = 12_000;
const longestEndMs = 150_000;

/** Waits until all that people see is well, and stays so; or until nothing happens any more. */
export async function untilQuiet(town: Town): Promise<void> {
  const since = Date.now();
  const isWell = () => faultsShown(town.evidence()).length === 0;
  for (let wellFor = 0; wellFor < 4; ) {
    await pause(250);
    wellFor = isWell() ? wellFor + 1 : 0;
    if (Date.now() - Math.max(since, town.lastSign()) > quietMs || Date.now() - since > longestEndMs) return;
  }
}

/** Asks the program to stop, and looks at everything. */
export async function judge(town: Town): Promise<Outcome> {
  const { lives } = town;
  lives.at(-1)?.signal('SIGTERM', 'at the end of the round');
  await lives.at(-1)?.exit;
  const evidence = town.evidence({ onDisk: true });
  const faults = [
    ...faultsShown(evidence),
    ...faultsOnDisk(evidence),
    ...faultsInPrompts(evidence),
    ...lives.flatMap(({ number, complaints }) =>
      complaints().map((what): Fault => ({ kind: 'program', what: `life ${number}: ${what}` })),
    ),
  ];
  return { evidence, faults, lives, story: () => tell(faults, evidence, lives) };
}
