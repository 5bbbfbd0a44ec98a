import pino from 'pino';
import type { Answer, Audience } from '../src/chat.js';
import { explain } from '../src/errors.js';
import type { ChatMessage, Ending, Model } from '../src/model/model.js';
import type { Question, Speaker } from '../src/question.js';

export const ada: Speaker = { id: '1', handle: 'ada', name: 'Ada' };
export const bob: Speaker = { id: '2', handle: 'bob', name: 'Bob' };

let questions = 0;

/** A question by Ada in channel c1, or as told. */
export function question(text: string, told: Partial<Question> & { channelId?: string } = {}): Question {
  const { channelId = 'c1', ...rest } = told;
  questions += 1;
  return { id: `q${questions}`, place: { channelId }, speaker: ada, text, attachments: [], isPrivate: false, ...rest };
}

export const silent = pino({ level: 'silent' });

export const counted = (text: string): number => text.split(/\s+/).length;

/** A model that answers as scripted and keeps the prompts that it was given. */
export function fakeModel(
  script: (prompt: readonly ChatMessage[], signal: AbortSignal) => AsyncGenerator<string, Partial<Ending> | undefined>,
) {
  const prompts: (readonly ChatMessage[])[] = [];
  const model: Model = async function* (prompt, signal) {
    prompts.push(prompt);
    const ending = yield* script(prompt, signal);
    return { finish: 'stop', model: 'fake', ...ending };
  };
  return { model, prompts };
}

/** A model that says the same each time. */
export const sayingModel = (text: string) =>
  fakeModel(async function* () {
    yield text;
    return undefined;
  });

/** An audience that keeps what it was shown. */
export function listener() {
  const shown = { text: '', notes: [] as readonly string[], failure: '', waited: false };
  const audience: Audience = {
    address: '',
    waits() {
      shown.waited = true;
    },
    async reply(answer) {
      try {
        shown.notes = await readTo(answer, (piece) => {
          shown.text += piece;
        });
      } catch (error) {
        shown.failure = explain(error);
      }
    },
    async refuse(why) {
      shown.failure = explain(why);
    },
  };
  return { audience, shown };
}

async function readTo(answer: Answer, take: (piece: string) => void): Promise<readonly string[]> {
  let piece = await answer.next();
  for (; !piece.done; piece = await answer.next()) take(piece.value);
  return piece.value;
}

/** A promise that a test settles when it likes. */
export function gate<Value = void>() {
  let open: (value: Value) => void = () => {};
  const opened = new Promise<Value>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
