import { z } from 'zod';
import { ModelError } from '../errors.js';
import { isBlank } from '../split.js';

/** What an answer cost, in tokens; `cachedTokens` is the part of the prompt that the server had read before. */
export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** How an answer ended: by itself, cut off by the token limit or by ours, or by the content filter after text had come. */
export interface Ending {
  readonly finish: 'stop' | 'length' | 'content_filter';
  /** The model that answered, as the server names it. */
  readonly model: string;
  readonly usage?: Usage;
}

/** Mistral sends the text of its reasoning models in parts, of which only those of type `text` are the answer. */
const content = z.union([
  z.string(),
  z
    .array(z.object({ type: z.string(), text: z.string().optional() }))
    .transform((parts) => parts.map(({ type, text }) => (type === 'text' ? (text ?? '') : '')).join('')),
]);
const said = z.object({ content: content.nullish(), refusal: z.string().nullish() }).nullish();
const tokens = z.number().nonnegative();

const choices = z.array(
  z.object({ index: z.number().nullish(), delta: said, message: said, finish_reason: z.string().nullish() }),
);

/**
 * What is read of a chunk of a stream (`delta`) or of a whole answer (`message`). Without choices it is something that a
 * proxy put in, Open WebUI its sources, say. A count that makes no sense spoils no answer.
 */
const chunk = z.object({
  model: z.string().nullish(),
  choices: choices.nullish(),
  usage: z
    .object({
      prompt_tokens: tokens,
      completion_tokens: tokens,
      prompt_tokens_details: z.object({ cached_tokens: tokens.nullish() }).nullish(),
    })
    .nullish()
    .catch(undefined),
});
export type Chunk = z.infer<typeof chunk>;

/**
 * Checks a chunk of a stream, or a whole answer, which is read as a stream of one. Throws a ZodError for any other shape.
 * See https://platform.openai.com/docs/api-reference/chat/streaming.
 */
export function readChunk(value: unknown, whole: boolean): Chunk {
  if (!whole) return chunk.parse(value);
  const answer = chunk.extend({ choices: choices.min(1) }).parse(value);
  // Some servers leave the reason out of a whole answer, and that cannot break off unnoticed.
  const ended = answer.choices.map((choice) => ({ ...choice, finish_reason: choice.finish_reason || 'stop' }));
  return { ...answer, choices: ended };
}

/** As much of an answer as is taken, in UTF-16 code units: a hundred messages of Discord. A model that repeats itself may never end. */
export const LONGEST_ANSWER = 200_000;

/** What is known of an answer while it comes. */
export class Completion {
  /** Whether there is any text; what shows nothing is held back and is no answer. */
  begun = false;
  /** Whether there was more text than is taken. It ends with `length`, and what may follow need not be waited for. */
  isFull = false;
  #heldBack: string[] = [];
  #room = LONGEST_ANSWER;
  #finish = '';
  #usage: Usage | undefined;
  #model: string;

  /** @param model the name of the model if the server tells none. */
  constructor(model: string) {
    this.#model = model;
  }

  /** Adds a chunk and tells the text that it brings to light, if any. Of several choices only the first is read. */
  take({ model, usage, choices }: Chunk): string {
    this.#model = model || this.#model;
    if (usage) {
      const { prompt_tokens: promptTokens, completion_tokens: completionTokens, prompt_tokens_details } = usage;
      this.#usage = { promptTokens, cachedTokens: prompt_tokens_details?.cached_tokens ?? 0, completionTokens };
    }
    const choice = choices?.find(({ index }) => (index ?? 0) === 0);
    this.#finish = choice?.finish_reason || this.#finish;
    const said = choice?.delta ?? choice?.message;
    const text = this.#upToLimit(`${said?.content ?? ''}${said?.refusal ?? ''}`);
    if (text === '') return '';
    // Only what is new is looked at, but with the character before, which may be the first half of a visible one.
    this.begun ||= !isBlank((this.#heldBack.at(-1)?.at(-1) ?? '') + text);
    this.#heldBack.push(text);
    return this.begun ? this.#heldBack.splice(0).join('') : '';
  }

  #upToLimit(text: string): string {
    if (text.length <= this.#room) {
      this.#room -= text.length;
      return text;
    }
    this.isFull = true;
    this.#finish = 'length';
    // A cut leaves no half of a character.
    return text.slice(0, this.#room).replace(/[\uD800-\uDBFF]$/, '');
  }

  /**
   * How the answer ended. Throws the ModelError that says why it is none, or not whole: a server that hangs up in the
   * middle looks like a normal end, but for the missing finish reason. With that at hand, a later `failure` took nothing away.
   */
  ending(failure?: ModelError): Ending {
    const finish = this.#finish;
    if (!finish) throw failure ?? new ModelError('connection');
    if (finish === 'error') throw new ModelError('trouble');
    if (!this.begun) throw new ModelError(finish === 'content_filter' ? 'filtered' : 'empty');
    return {
      finish: finish === 'length' || finish === 'content_filter' ? finish : 'stop',
      model: this.#model,
      ...(this.#usage && { usage: this.#usage }),
    };
  }
}
