import { setTimeout as pause } from 'node:timers/promises';
import { topicOf } from './answers.js';
import { type City, type Corner, openCity } from './city.js';
import { readTurns } from './evidence.js';
import { createMemoryProbe, type Sample } from './memory.js';
import { type Life, startProgram } from './program.js';
import { createRandom, type Random } from './random.js';

type Way = 'mention' | 'ask';

export interface SoakPlan {
  readonly seed: number;
  readonly turns: number;
  readonly channels: number;
  /**
   * How many questions are open at a time. Mentions take requests that the program itself holds to 50 a second, and uses
   * of a command take others, so each has a number of its own; together they need less than there are channels.
   */
  readonly open: Readonly<Record<Way, number>>;
  /** How many times the memory is measured on the way. */
  readonly samples: number;
  /** How long the program is left alone before its memory is measured at rest. */
  readonly restMs: number;
}

export interface SoakOutcome {
  /** What is not as promised; the program's memory is for the caller to judge. */
  readonly faults: readonly string[];
  readonly turnsPerSecond: number;
  /** Of these turns, so many were mentions; the others were uses of a command. */
  readonly mentions: number;
  readonly requests: number;
  /** While it worked. */
  readonly busy: readonly Sample[];
  /** When all was over, and it had nothing to do. */
  readonly resting: Sample | undefined;
}

/** Has people ask in many channels as fast as they are answered, and measures what the program takes. */
export async function soak(plan: SoakPlan): Promise<SoakOutcome> {
  const { turns, channels, samples, restMs } = plan;
  const city = await openCity(channels);
  const probe = createMemoryProbe();
  const life = startProgram(1, city.settings, probe.nodeOptions);
  const crowd = createCrowd(city, createRandom(plan.seed), plan);
  const busy: Sample[] = [];
  const faults: string[] = [];
  let resting: Sample | undefined;
  try {
    await life.ready;
    await city.discord.until(() => city.app.commands().length > 0);
    for (let sample = 1; sample <= samples; sample += 1) {
      await crowd.askUntil(Math.ceil((turns * sample) / samples));
      busy.push(await probe.sample(life, crowd.answered));
    }
    await pause(restMs);
    resting = await probe.sample(life, crowd.answered);
  } catch (error) {
    faults.push(String(error));
  }
  const { answered, mentions, turnsPerSecond } = crowd;
  faults.push(...(await lookBack(city, life, answered)));
  return { faults, turnsPerSecond, mentions, requests: city.requests().count, busy, resting };
}

/** The people of a city, who ask one question after the other, each in their own channel. */
function createCrowd({ corners }: City, random: Random, { open }: SoakPlan) {
  const idle: Corner[] = [...corners];
  let asked = 0;
  let answered = 0;
  let mentions = 0;
  let workedMs = 0;

  /** Asks one question after the other, until so many are asked in all. */
  async function keepAsking(way: Way, until: number): Promise<void> {
    while (asked < until) {
      const corner = idle.shift();
      if (corner === undefined) return;
      asked += 1;
      if (way === 'mention') mentions += 1;
      await corner.ask(way, topicOf(asked, random.chance(0.02) ? 'code' : 'short'));
      answered += 1;
      idle.push(corner);
    }
  }

  return {
    get answered() {
      return answered;
    },
    get mentions() {
      return mentions;
    },
    get turnsPerSecond() {
      return (answered / workedMs) * 1000;
    },
    async askUntil(until: number): Promise<void> {
      const from = performance.now();
      await Promise.all(
        (['ask', 'mention'] as const).flatMap((way) => Array.from({ length: open[way] }, () => keepAsking(way, until))),
      );
      workedMs += performance.now() - from;
    },
  };
}

/** Ends it all, and says what was not well. */
async function lookBack(city: City, life: Life, answered: number): Promise<string[]> {
  life.signal('SIGTERM', 'at the end');
  await life.exit;
  await city.close();
  const turns = readTurns(city.databasePath);
  const wrong = turns.filter(({ state, address }) => state !== 'answered' || address !== null);
  return [
    ...city.corners.flatMap(({ surplus }) => surplus() ?? []),
    ...city.requests().refusals,
    ...life.complaints(),
    ...life.log.map((line) => `it warned: ${line}`),
    ...(turns.length === answered ? [] : [`${turns.length} turns are on disk where ${answered} were answered`]),
    ...wrong.map(({ id, state, failure }) => `turn ${id} is ${state} (${failure}), or not settled`),
  ];
}
