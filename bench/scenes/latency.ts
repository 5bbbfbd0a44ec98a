import { type Findings, median, ms, p99, type Result, times } from '../figures.js';
import { makeDatabase } from '../past.js';
import { type Program, startProgram } from '../program.js';
import { openStage, type Stage } from '../stage.js';

const MESSAGES = [100, 1_000_000];
const HISTORIES = [0, 10, 30, 100, 300, 1000, 3000];

/** From a mention on the socket to the request at the chat API: what happens in between is the bot's own. */
export async function latency(isQuick: boolean): Promise<Findings> {
  const stage = await openStage();
  const [few = 0, many = 0] = isQuick ? [10, 100] : MESSAGES;
  const floor = await startProgram(stage, 'floor');
  const light = await startProgram(stage, 'parley', { databasePath: await databaseOf(few) });
  const heavy = await startProgram(stage, 'parley', { databasePath: await databaseOf(many) });
  const [ofFloor = [], ofLight = [], ofHeavy = []] = await sideBySide(stage, [floor, light, heavy], isQuick ? 3 : 600);
  for (const program of [floor, light, heavy]) await program.close();
  await stage.close();
  const history = await overHistory(isQuick);
  return {
    results: [addedTo(ofFloor, ofLight), overSizes([few, many], ofLight, ofHeavy)],
    curves: [
      {
        name: 'latency-over-history',
        title: 'From the mention to the request at the chat API',
        x: 'messages in the channel’s history',
        y: 'ms, median',
        series: [
          { name: 'Parley', points: history },
          { name: 'floor (no history)', points: history.map(([x]) => [x, median(ofFloor)]) },
        ],
      },
    ],
  };
}

const databaseOf = (messages: number): Promise<string> =>
  // As many conversations of a hundred messages as that makes.
  makeDatabase(
    Array.from({ length: messages / 2 / 50 || 1 }, (_, number) => ({
      channelId: `past-${number}`,
      exchanges: Math.min(50, messages / 2),
    })),
  );

function addedTo(floor: readonly number[], parley: readonly number[]): Result {
  const [atMedian, atWorst] = [median(parley) / median(floor), p99(parley) / p99(floor)];
  return {
    what: 'from MESSAGE_CREATE on the socket to the chat API’s receipt of the request, empty history',
    goal: 'p50 ≤ 1.3 × floor, p99 ≤ 2 × floor',
    found: `p50 ${ms(median(parley))} beside ${ms(median(floor))}: ${times(atMedian)}; p99 ${ms(p99(parley))} beside ${ms(p99(floor))}: ${times(atWorst)}`,
    isMet: atMedian <= 1.3 && atWorst <= 2,
    figures: {
      p50: median(parley),
      p50OfFloor: median(floor),
      p99: p99(parley),
      p99OfFloor: p99(floor),
      questions: parley.length,
    },
  };
}

function overSizes([few, many]: readonly [number, number], light: readonly number[], heavy: readonly number[]): Result {
  const ratio = median(heavy) / median(light);
  return {
    what: `the same with ${few.toLocaleString('en')} and with ${many.toLocaleString('en')} stored messages`,
    goal: 'within 10 % of each other',
    found: `p50 ${ms(median(light))} and ${ms(median(heavy))}: ${times(ratio)}`,
    isMet: Math.abs(ratio - 1) <= 0.1,
    figures: { few: median(light), many: median(heavy) },
  };
}

/** Asks all of them in turn, each time in a channel in which nothing was said before. */
async function sideBySide(stage: Stage, programs: readonly Program[], rounds: number): Promise<number[][]> {
  const found: number[][] = programs.map(() => []);
  const warmUp = Math.ceil(rounds / 10);
  for (let round = -warmUp; round < rounds; round++) {
    // Nobody always comes after the same.
    const order = round % 2 === 0 ? [...programs.entries()] : [...programs.entries()].reverse();
    for (const [index, program] of order) {
      const took = await latencyOf(stage, program, stage.channel(`place-${round + warmUp}`, program.application));
      if (round >= 0) found[index]?.push(took);
    }
  }
  return found;
}

async function latencyOf(stage: Stage, { application }: Program, channel: { readonly id: string }): Promise<number> {
  const { received, asked } = await (await stage.ask(application, channel)).answered;
  await restful();
  return received - asked;
}

/** What comes after an answer is not to be in the next question's way. */
const restful = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

/** With a prompt that holds all of them, so that it is the history that grows and not the budget that cuts it. */
async function overHistory(isQuick: boolean): Promise<[x: number, y: number][]> {
  const stage = await openStage();
  const repetitions = isQuick ? 2 : 40;
  const lengths = isQuick ? HISTORIES.slice(0, 2) : HISTORIES;
  // Each channel is asked in once: then it has two messages more.
  const channelsWith = (messages: number) =>
    Array.from({ length: repetitions }, (_, number) => ({ messages, ...stage.channel(`${messages}-${number}`) }));
  const warmUp = channelsWith(100);
  const sizes = lengths.map(channelsWith);
  const pasts = [warmUp, ...sizes].flat().map(({ id, messages }) => ({ channelId: id, exchanges: messages / 2 }));
  const settings = { CONTEXT_TOKENS: '200000' };
  const parley = await startProgram(stage, 'parley', { databasePath: await makeDatabase(pasts), settings });
  for (const channel of warmUp) await latencyOf(stage, parley, channel);
  const points: [number, number][] = [];
  for (const [size, messages] of lengths.entries()) {
    const took: number[] = [];
    for (const channel of sizes[size] ?? []) took.push(await latencyOf(stage, parley, channel));
    points.push([messages, median(took)]);
  }
  await parley.close();
  await stage.close();
  return points;
}
