import { describe, expect, type TestContext, test } from 'vitest';
import { chosenSeed } from './random.js';
import { type Outcome, type Plan, playRound } from './round.js';

const isLong = import.meta.env.MODE === 'long';

const plan = isLong
  ? { shape: { channels: 6, threads: 2, directs: 3 }, ends: 10, longestLifeMs: 5_000, mostOpen: 12 }
  : { shape: { channels: 3, threads: 1, directs: 1 }, ends: 2, longestLifeMs: 2_000, mostOpen: 6 };
const rounds = isLong ? { killed: 32, varied: 12 } : { killed: 1, varied: 1 };

/** Most of a round is waiting. */
const roundsAtATime = 2;

describe('ended at any moment, again and again,', {
  concurrent: !isLong,
  timeout: isLong ? 3_600_000 : 120_000,
}, () => {
  test('by kill -9, the program answers every question once, whole and in order', ({ task }) =>
    play(rounds.killed, { ...plan, isVaried: false }, task));

  test('also by SIGTERM, and with conversations reset, it loses no question and doubles no answer', ({ task }) =>
    play(rounds.varied, { ...plan, isVaried: true }, task));
});

/** Plays rounds, each with a seed of its own. The first that goes wrong ends it, and tells the seed that repeats it. */
async function play(count: number, each: Omit<Plan, 'seed'>, task: TestContext['task']): Promise<void> {
  const first = chosenSeed();
  console.log(`SEED=${first}`);
  const outcomes: Outcome[] = [];
  let next = 0;
  const playOn = async (): Promise<void> => {
    while (next < count) {
      const seed = (first + next) >>> 0;
      next += 1;
      const outcome = await playRound({ ...each, seed });
      outcomes.push(outcome);
      if (outcome.faults.length === 0) continue;
      next = count;
      expect.fail(`SEED=${seed} repeats this round:\n${outcome.story()}`);
    }
  };
  await Promise.all(Array.from({ length: roundsAtATime }, playOn));
  task.meta.figures = figuresOf(outcomes);
}

function figuresOf(outcomes: readonly Outcome[]): Record<string, number> {
  const all = outcomes.map(({ evidence }) => evidence);
  const lives = all.flatMap((evidence) => evidence.lives);
  const questions = all.flatMap((evidence) => evidence.questions);
  const unheard = questions.filter(({ isUnheard }) => isUnheard).length;
  const kills = lives.filter(({ isKilled }) => isKilled).length;
  return {
    'kill -9': kills,
    'SIGTERM alone': lives.length - kills,
    '/reset': all.flatMap(({ resets }) => resets).length,
    questions: questions.length,
    'of them while the program was away or starting': all.flatMap(unattended).length,
    'of them commands that Discord itself gave up': unheard,
    'messages that the answers took': questions.flatMap(({ parts }) => parts).length,
    'answers asked of the model anew': all.flatMap(({ prompts }) => prompts).length - questions.length + unheard,
    'questions lost, doubled, spoilt or out of order': outcomes.flatMap(({ faults }) => faults).length,
  };
}

/** The questions that were asked between an end and the next start being done. */
const unattended = ({ questions, lives }: Outcome['evidence']) =>
  questions.filter(
    ({ at }) => !lives.some(({ readyAt = Infinity, endedAt = Infinity }) => readyAt <= at && at <= endedAt),
  );
