import { failureOf, ModelError } from '../../../src/errors.js';
import type { ChatMessage, Ending, Model } from '../../../src/model/model.js';
import { checkPrompt } from './expectations.js';
import { type Asked, answerTo, idIn, type Mood, reaches } from './ledger.js';
import { after, fault, type Life, outgoing, tell, type World } from './world.js';

/** A model that answers each question as it is told to, and looks at what it is asked with. */
export function createModel(world: World, lifeOf: () => Life, maxConcurrent: number): Model {
  return async function* (prompt, signal) {
    const life = lifeOf();
    const asked = world.ledger.asked.get(idIn(prompt.at(-1)?.content ?? ''));
    if (!asked) throw new Error(`Nobody has asked this: ${prompt.at(-1)?.content}`);
    tell(world, `the model is asked ${asked.question.id}`);
    world.ledger.prompts += 1;
    lookAt(world, life, asked, prompt);
    life.running.add(asked);
    if (life.running.size > maxConcurrent) fault(world, `${life.running.size} answers are being written at once`);
    try {
      return yield* say(world, life, asked, signal);
    } catch (error) {
      asked.mayEnd.add(failureOf(error));
      throw error;
    } finally {
      life.running.delete(asked);
    }
  };
}

function lookAt(world: World, life: Life, asked: Asked, prompt: readonly ChatMessage[]): void {
  const { id, place } = asked.question;
  const isTaken = [...life.running].some(({ question }) => question.place.channelId === place.channelId);
  if (isTaken) fault(world, `${id} was asked while another answer was being written in its channel`);
  const state = world.disk.turn(id)?.state;
  // What a reset has ended is told so a moment later.
  const isBeingReset = [...world.ledger.resets].some((reset) => reaches(reset, asked));
  if (state !== 'open' && !isBeingReset) fault(world, `${id} was asked though it was ${state ?? 'not on disk'}`);
  checkPrompt(world.ledger, asked, prompt, world.disk.answered(asked.question));
}

async function* say(world: World, life: Life, asked: Asked, signal: AbortSignal): ReturnType<Model> {
  const mood = asked.moods[asked.attempts] ?? 'well';
  asked.attempts += 1;
  const pause = (ms: number) => outgoing(world, life, `the model, for ${asked.question.id}`, () => after(ms, signal));
  await pause(300);
  if (mood === 'too-long' || mood === 'busy') throw new ModelError(mood);
  const text = answerTo(asked);
  const size = Math.ceil(text.length / 5);
  for (let at = 0; at < text.length; at += size) {
    if (at >= 2 * size) await spoil(mood, pause);
    if (at >= 2 * size && mood === 'filtered') {
      asked.mayEnd.add('filtered');
      return ending('content_filter');
    }
    yield text.slice(at, at + size);
    await pause(400);
  }
  asked.finish = mood === 'length' ? 'length' : 'stop';
  asked.mayEnd.add('answered');
  return ending(asked.finish);
}

const ending = (finish: Ending['finish']): Ending => ({ finish, model: 'fake' });

/** Amid an answer, what goes wrong with it. */
async function spoil(mood: Mood, pause: (ms: number) => Promise<void>): Promise<void> {
  if (mood === 'breaks') throw new ModelError('connection');
  if (mood === 'bug') throw new TypeError('undefined is not a function');
  if (mood !== 'stalls') return;
  await pause(60_000);
  throw new ModelError('stalled');
}
