import { type Findings, median, ms, p99, type Result, times } from '../figures.js';
import { type Kind, type Program, startProgram, UNLIMITED } from '../program.js';
import { type Course, type Manner, openStage, type Stage } from '../stage.js';

const KINDS: readonly Kind[] = ['floor', 'parley'];

const NO_QUEUE = { MAX_CONCURRENT: '500', MAX_WAITING_PER_PERSON: '1000', MAX_WAITING_PER_CHANNEL: '1000' };

/** Many mentions in the same instant, without Discord's limits and with them. */
export async function crowd(isQuick: boolean): Promise<Findings> {
  const [mentions, channels] = isQuick ? [10, 5] : [500, 250];
  const unlimited = await withoutLimits(mentions, channels, isQuick ? 1 : 20);
  return {
    ...unlimited,
    results: [...unlimited.results, ...(await withLimits(mentions, channels, isQuick ? 1 : 20))],
    curves: [
      {
        name: 'throughput-over-channels',
        title: `Up to ${mentions} mentions at once`,
        x: 'channels',
        y: 'answers a second',
        series: await overChannels(mentions, isQuick ? [5] : [1, 5, 25, 100, 250, 500], isQuick ? 1 : 3),
      },
    ],
  };
}

/** How many bursts are looked at for what their time goes to; none of those that are measured, for to look takes time. */
const TRACED = 4;

/** One burst: how it went, question by question, and as a whole. */
interface Burst {
  readonly courses: readonly Course[];
  readonly perSecond: number;
  readonly p99: number;
  readonly delayMs: number;
  readonly longestMs: number;
}

async function burst(
  stage: Stage,
  program: Program,
  mentions: number,
  channels: readonly { readonly id: string }[],
): Promise<Burst> {
  // What came before is not counted with the burst, nor by Discord.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  program.watch();
  // Each channel in turn, so that all of them have as many.
  const places = Array.from({ length: mentions }, (_, number) => channels[number % channels.length] ?? { id: '' });
  const asked = stage.askAtOnce(program.application, places);
  const courses = await Promise.all(asked.map(({ answered }) => answered));
  const began = Math.min(...courses.map((course) => course.asked));
  const tookMs = courses.map(({ wholeShown }) => wholeShown - began);
  const { delayMs, longestMs } = await program.tell();
  return { courses, perSecond: mentions / (Math.max(...tookMs) / 1000), p99: p99(tookMs), delayMs, longestMs };
}

const newChannels = (stage: Stage, { application }: Program, count: number) =>
  Array.from({ length: count }, (_, number) => stage.channel(`place-${number}`, application));

async function withoutLimits(mentions: number, channels: number, rounds: number): Promise<Findings> {
  const stage = await openStage();
  stage.answer({ waitMs: 200 });
  const programs = {
    floor: await startProgram(stage, 'floor', { settings: UNLIMITED }),
    parley: await startProgram(stage, 'parley', { settings: { ...NO_QUEUE, ...UNLIMITED } }),
  };
  const bursts: Record<Kind, Burst[]> = { floor: [], parley: [] };
  // Until what is run often has been compiled.
  const warmUp = Math.ceil(rounds / 2);
  for (let round = -warmUp; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
      const found = await burst(stage, programs[kind], mentions, newChannels(stage, programs[kind], channels));
      if (round >= 0) bursts[kind].push(found);
    }
  }
  const traces: Record<string, Readonly<Record<string, number>>> = {};
  for (const kind of ['floor', 'parley'] as const) {
    const again = () => burst(stage, programs[kind], mentions, newChannels(stage, programs[kind], channels));
    programs[kind].trace();
    for (let round = 0; round < TRACED; round++) await again();
    const spent = Object.entries(await programs[kind].traced());
    traces[kind] = Object.fromEntries(spent.map(([part, took]) => [part, took / (TRACED * mentions)]));
  }
  await programs.floor.close();
  await programs.parley.close();
  await stage.close();
  const of = (kind: Kind, figure: 'perSecond' | 'p99' | 'delayMs' | 'longestMs') =>
    median(bursts[kind].map((one) => one[figure]));
  const throughput = of('parley', 'perSecond') / of('floor', 'perSecond');
  const worst = of('parley', 'p99') / of('floor', 'p99');
  return {
    traces,
    results: [
      {
        what: `${mentions} mentions at once over ${channels} channels, the API taking 200 ms, rate limits off`,
        goal: 'throughput ≥ 0.8 × floor; p99 ≤ 1.5 × floor’s',
        found: `${of('parley', 'perSecond').toFixed(0)} answers a second beside ${of('floor', 'perSecond').toFixed(0)}: ${times(throughput)}; p99 ${ms(of('parley', 'p99'))} beside ${ms(of('floor', 'p99'))}: ${times(worst)}`,
        isMet: throughput >= 0.8 && worst <= 1.5,
        figures: {
          perSecond: of('parley', 'perSecond'),
          perSecondOfFloor: of('floor', 'perSecond'),
          p99: of('parley', 'p99'),
          p99OfFloor: of('floor', 'p99'),
        },
      },
      {
        what: 'event-loop delay under the load above',
        goal: 'p99 ≤ 20 ms',
        found: `p99 ${ms(of('parley', 'delayMs'))} beside the floor’s ${ms(of('floor', 'delayMs'))}; at most ${ms(of('parley', 'longestMs'))} beside ${ms(of('floor', 'longestMs'))}`,
        isMet: of('parley', 'delayMs') <= 20,
        figures: {
          p99: of('parley', 'delayMs'),
          p99OfFloor: of('floor', 'delayMs'),
          longest: of('parley', 'longestMs'),
          longestOfFloor: of('floor', 'longestMs'),
        },
      },
    ],
  };
}

/** With Discord's limits, for short answers and for long ones. */
async function withLimits(mentions: number, channels: number, seconds: number): Promise<Result[]> {
  const stage = await openStage({ limits: true });
  const program = await startProgram(stage, 'parley', { settings: NO_QUEUE });
  const places = newChannels(stage, program, channels);
  const results: Result[] = [];
  for (const judge of [shortAnswers, longAnswers(seconds)]) {
    stage.answer(judge.manner);
    const before = stage.callsOf(program.application);
    const found = await burst(stage, program, mentions, places);
    const after = stage.callsOf(program.application);
    results.push(
      judge.result({ ...found, channels, calls: after.all - before.all, limited: after.limited - before.limited }),
    );
  }
  await program.close();
  await stage.close();
  return results;
}

/** A burst under Discord's limits. */
interface LimitedBurst extends Burst {
  readonly channels: number;
  readonly calls: number;
  readonly limited: number;
}

interface Judge {
  readonly manner: Manner;
  result(burst: LimitedBurst): Result;
}

const shortAnswers: Judge = {
  manner: { waitMs: 200 },
  result: ({ perSecond, limited, calls }) => ({
    what: 'the same burst with Discord’s limits on, short answers',
    goal: '≥ 45 answers a second, no 429',
    found: `${perSecond.toFixed(1)} answers a second with ${calls} requests, ${limited} answered 429`,
    isMet: perSecond >= 45 && limited === 0,
    figures: { perSecond, calls, limited },
  }),
};

/** Requests that Discord allows in a second ("Global Rate Limit"). */
const PER_SECOND = 50;

const WAIT_MS = 200;
const EVERY_MS = 250;

const longAnswers = (seconds: number): Judge => ({
  manner: { waitMs: WAIT_MS, everyMs: EVERY_MS, pieces: (seconds * 1000) / EVERY_MS },
  result({ courses, channels, limited, calls }) {
    const began = Math.min(...courses.map(({ asked }) => asked));
    const lastFirst = Math.max(...courses.map(({ firstShown }) => firstShown)) - began;
    const whole = courses.filter(({ isWhole }) => isWhole).length;
    // In each channel one answer comes after the other. The first ones stream side by side; then each channel takes a
    // request for the last text of the one, and one for the first of the other.
    const waves = Math.ceil(courses.length / channels);
    const streamMs = WAIT_MS + seconds * 1000 - EVERY_MS;
    const forced = (waves - 1) * (streamMs + (2 * channels * 1000) / PER_SECOND) + WAIT_MS;
    return {
      what: `the same burst with Discord’s limits on, streams of ${seconds} s`,
      goal: 'every answer whole, no 429, and the first text of the last one no later than the limit forces',
      found: `${whole} of ${courses.length} whole, ${limited} answered 429; the last first text after ${(lastFirst / 1000).toFixed(1)} s, where ${(forced / 1000).toFixed(1)} s are forced (${calls} requests)`,
      isMet: whole === courses.length && limited === 0 && lastFirst <= forced,
      figures: { whole, limited, lastFirst, forced, calls },
    };
  },
});

async function overChannels(mentions: number, counts: readonly number[], rounds: number) {
  const stage = await openStage();
  stage.answer({ waitMs: 200 });
  const programs = {
    parley: await startProgram(stage, 'parley', { settings: { ...NO_QUEUE, ...UNLIMITED } }),
    floor: await startProgram(stage, 'floor', { settings: UNLIMITED }),
  };
  /** Answers a second, one round of each program after the other. */
  const measure = async (count: number, most: number) => {
    // Where one answer waits for the other, fewer of them tell as much.
    const asked = Math.min(mentions, count * 20);
    const found: Record<Kind, number[]> = { parley: [], floor: [] };
    for (let round = 0; round < most; round++) {
      for (const kind of KINDS) {
        const { perSecond } = await burst(stage, programs[kind], asked, newChannels(stage, programs[kind], count));
        found[kind].push(perSecond);
      }
    }
    return found;
  };
  // Until what is run often has been compiled.
  await measure(Math.max(...counts), rounds);
  const points: Record<Kind, [x: number, y: number][]> = { parley: [], floor: [] };
  for (const count of counts) {
    const found = await measure(count, rounds);
    for (const kind of KINDS) points[kind].push([count, median(found[kind])]);
  }
  for (const kind of KINDS) await programs[kind].close();
  await stage.close();
  return [
    { name: 'Parley', points: points.parley },
    { name: 'floor (no order in a channel)', points: points.floor },
  ];
}
