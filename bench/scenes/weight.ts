import { type Findings, median, megabytes, ms, type Result } from '../figures.js';
import { type Kind, type Program, startProgram, UNLIMITED } from '../program.js';
import { openStage, type Stage } from '../stage.js';

/** What a program may take beside the floor, in bytes and milliseconds. */
const MORE_BYTES = 25e6;
const MORE_MS = 150;
/** By how much it may grow, in bytes. */
const GROWTH = 20e6;

/** What it takes to start, and to be there. */
export async function weight(isQuick: boolean): Promise<Findings> {
  const stage = await openStage();
  const starts: Record<Kind, number[]> = { floor: [], parley: [] };
  for (let round = 0; round < (isQuick ? 1 : 15); round++) {
    for (const kind of ['floor', 'parley'] as const) {
      const program = await startProgram(stage, kind);
      starts[kind].push(program.readyMs);
      await program.close();
    }
  }
  const memory = isQuick ? await atRest(stage, 1, 100) : await atRest(stage, 7, 40_000);
  await stage.close();
  return { results: [start(starts), rest(memory)] };
}

/** The memory of programs that have had nothing to do for a while. When the engine gives back what a start took is chance, so there are some of them. */
async function atRest(stage: Stage, count: number, restMs: number): Promise<Record<Kind, number[]>> {
  const programs: Record<Kind, Program[]> = { floor: [], parley: [] };
  for (let number = 0; number < count; number++) {
    programs.floor.push(await startProgram(stage, 'floor'));
    programs.parley.push(await startProgram(stage, 'parley'));
  }
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const memory: Record<Kind, number[]> = { floor: [], parley: [] };
  for (const kind of ['floor', 'parley'] as const) {
    for (const program of programs[kind]) {
      memory[kind].push((await program.tell()).rss);
      await program.close();
    }
  }
  return memory;
}

function start(starts: Readonly<Record<Kind, readonly number[]>>): Result {
  const [parley, floor] = [median(starts.parley), median(starts.floor)];
  return {
    what: 'start to ready',
    goal: '≤ floor + 150 ms',
    found: `${ms(parley)} beside ${ms(floor)}: ${ms(parley - floor)} more`,
    isMet: parley - floor <= MORE_MS,
    figures: { parley, floor },
  };
}

function rest(memory: Readonly<Record<Kind, readonly number[]>>): Result {
  const [parley, floor] = [median(memory.parley), median(memory.floor)];
  return {
    what: 'memory at rest (RSS)',
    goal: '≤ floor + 25 MB',
    found: `${megabytes(parley)} beside ${megabytes(floor)}: ${megabytes(parley - floor)} more`,
    isMet: parley - floor <= MORE_BYTES,
    figures: { parley, floor },
  };
}

/** What is left of many turns in many channels. */
export async function growth(isQuick: boolean): Promise<Findings> {
  const [turns, channels, firstTurns] = isQuick ? [20, 10, 10] : [100_000, 1000, 1000];
  const stage = await openStage();
  const settings = { ...UNLIMITED, MAX_CONCURRENT: '64', MAX_WAITING_PER_PERSON: '1000' };
  const program = await startProgram(stage, 'parley', { settings });
  const places = Array.from({ length: channels }, (_, number) => stage.channel(`place-${number}`, program.application));
  const points: [turns: number, mb: number][] = [];
  let early = 0;
  for (let answered = 0; answered < turns; ) {
    const next = Math.min(turns, answered === 0 ? firstTurns : answered + Math.ceil(turns / 25));
    await askAll(stage, program, places, answered, next);
    answered = next;
    const { rss } = await program.tell();
    points.push([answered, rss / 1e6]);
    if (answered === firstTurns) early = await restingMemory(program, isQuick);
  }
  const late = await restingMemory(program, isQuick);
  await program.close();
  await stage.close();
  return {
    results: [flat([firstTurns, early], [turns, late], points)],
    curves: [
      {
        name: 'memory-over-turns',
        title: `Memory over turns in ${channels.toLocaleString('en')} channels`,
        x: 'turns',
        y: 'RSS, MB',
        series: [{ name: 'Parley', points }],
      },
    ],
  };
}

/** Questions `from` to `to`, in one channel after the other, some at a time. */
async function askAll(
  stage: Stage,
  { application }: Program,
  places: readonly { readonly id: string }[],
  from: number,
  to: number,
): Promise<void> {
  let next = from;
  const keepAsking = async () => {
    while (next < to) {
      const place = places[next++ % places.length] ?? { id: '' };
      await (await stage.ask(application, place)).answered;
    }
  };
  await Promise.all(Array.from({ length: 32 }, keepAsking));
}

/** What it has when it is left alone for a while: the engine gives back only then what it has in store while it is busy. */
async function restingMemory(program: Program, isQuick: boolean): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, isQuick ? 100 : 60_000));
  return (await program.tell()).rss;
}

type Point = readonly [turns: number, memory: number];

function flat([firstTurns, early]: Point, [lastTurns, late]: Point, busy: readonly Point[]): Result {
  const most = Math.max(...busy.map(([, memory]) => memory)) * 1e6;
  return {
    what: `memory after ${lastTurns.toLocaleString('en')} turns`,
    goal: `≤ 20 MB over that after ${firstTurns.toLocaleString('en')}`,
    found: `${megabytes(late)} beside ${megabytes(early)}: ${megabytes(late - early)} more, each after a minute of rest; ${megabytes(most)} at most while busy`,
    isMet: late - early <= GROWTH,
    figures: { early, late, most },
  };
}

/** Memory over the channels in which something was answered. */
export async function channels(isQuick: boolean): Promise<Findings> {
  const counts = isQuick ? [0, 5] : [0, 250, 500, 1000, 2000, 4000];
  const stage = await openStage();
  const series = [];
  for (const kind of ['parley', 'floor'] as const) {
    const program = await startProgram(stage, kind, { settings: { ...UNLIMITED, MAX_WAITING_PER_PERSON: '1000' } });
    const points: [channels: number, mb: number][] = [];
    let answered = 0;
    for (const count of counts) {
      const places = Array.from({ length: count - answered }, (_, number) =>
        stage.channel(`place-${answered + number}`, program.application),
      );
      await askAll(stage, program, places, 0, places.length);
      answered = count;
      const { rss } = await program.tell();
      points.push([count, rss / 1e6]);
    }
    series.push({ name: kind === 'parley' ? 'Parley' : 'floor', points });
    await program.close();
  }
  await stage.close();
  const curve = {
    name: 'memory-over-channels',
    title: 'Memory over channels',
    x: 'channels that were answered in',
    y: 'RSS, MB',
  };
  return { results: [], curves: [{ ...curve, series }] };
}
