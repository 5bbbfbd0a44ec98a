/** A failure whose message was written for the person in the channel. */
export class UserError extends Error {
  override name = 'UserError';
  /** Whether the same question may well be answered when it is asked again. */
  readonly mayPass: boolean = false;
}

/** Why a turn was stopped. */
export type StopReason =
  | 'reset' // the conversation was forgotten meanwhile
  | 'expired' // left behind by a process that died, too long ago to go on unasked
  | 'undelivered' // nobody could be shown the answer
  | 'withdrawn' // the question was deleted
  | 'restart'; // the process ends; the next one goes on

const stops: Record<StopReason, string> = {
  reset: 'Stopped, because the conversation was reset.',
  expired: 'I was away before this was answered, and for too long to go on unasked.',
  undelivered: 'The answer could not be shown.',
  withdrawn: 'Stopped, because the question was deleted.',
  restart: 'I am being restarted, and go on with this when I am back.',
};

/** An answer was ended before its time. */
export class Stopped extends UserError {
  override name = 'Stopped';
  override readonly mayPass: boolean;
  /** Whether it is told only where a part of the answer stands: nobody waits for the question, or it is not over. */
  readonly isQuiet: boolean;
  constructor(readonly why: StopReason) {
    super(stops[why]);
    this.mayPass = why === 'expired';
    this.isQuiet = why === 'withdrawn' || why === 'restart' || why === 'undelivered';
  }
}

/** So much waits already that a question was not taken. */
export class Refused extends UserError {
  override name = 'Refused';
  constructor(message = 'So much was waiting that I left this question out.') {
    super(message);
  }
}

/** What becomes of a question that replies to a message which Discord withholds. */
export const WITHHELD = 'I can’t read the message you replied to: Discord withholds its text from me.';

/** All that there was to a question stands in a message that can't be read. */
export class NothingAsked extends UserError {
  override name = 'NothingAsked';
  constructor() {
    super(`${WITHHELD} Write what you want to know beside the mention.`);
  }
}

/** What keeps the conversations could not do its part. `cause` holds the original error, for the log only. */
export class StoreError extends UserError {
  override name = 'StoreError';
  constructor(
    readonly failure: StoreFailure,
    options?: ErrorOptions,
  ) {
    super(storeSentences[failure], options);
  }
}

export type StoreFailure = 'locked' | 'full' | 'read-only' | 'damaged' | 'disk' | 'unreadable';

const storeSentences: Record<StoreFailure, string> = {
  locked: 'I can’t get at my memory: another program holds it. Please try again in a moment.',
  full: 'I can’t write anything down: my disk is full. Whoever runs me has to look at it.',
  'read-only': 'I can’t write anything down: my memory is read-only. Whoever runs me has to look at it.',
  disk: 'I have trouble with my memory. Whoever runs me has to look at it.',
  damaged: 'My memory is damaged. Whoever runs me has to look at it.',
  unreadable: 'I can’t read my own note of this question any more. Please ask again.',
};

/** The environment cannot start a bot; the message is for its operator, one line a fault, and never holds a value. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Why the model gave no whole answer. The words are for code and logs; people read {@link ModelError}'s message. */
export type ModelFailure =
  | 'key' // the server does not accept the key
  | 'forbidden' // the key may not do this (region, project)
  | 'credit' // nothing left to pay with; waiting does not help
  | 'model' // the server does not know the model
  | 'busy' // the rate limit, and it lasts longer than we wait
  | 'trouble' // the server answered with an error of its own
  | 'connection' // no connection, or it broke before the answer ended
  | 'stalled' // connected, but silent for too long
  | 'filtered' // the server's content filter took the answer
  | 'too-long' // the prompt does not fit the model
  | 'empty' // the answer has no text
  | 'rejected'; // the server calls the request invalid

const sentences: Record<ModelFailure, string> = {
  key: 'The language model does not accept my key. Whoever runs me has to look at it.',
  forbidden: 'The language model does not let me in. Whoever runs me has to look at it.',
  credit: 'My credit with the language model is used up. Whoever runs me has to look at it.',
  model: 'The language model I am set to use does not exist there. Whoever runs me has to look at it.',
  busy: 'The language model is too busy right now. Please try again in a moment.',
  trouble: 'The language model has trouble on its side. Please try again in a moment.',
  connection: 'I lost the connection to the language model. Please try again in a moment.',
  stalled: 'The language model stopped sending. Please try again in a moment.',
  filtered: 'The language model’s content filter held this answer back.',
  'too-long': 'That is more text than the language model can read at once. Please ask with less.',
  empty: 'The language model gave an empty answer. Please try again, or put it another way.',
  rejected: 'The language model did not accept the request. Whoever runs me finds the reason in the log.',
};

/** What a later attempt may not meet any more: the others need somebody to change something. */
const passing: ReadonlySet<ModelFailure> = new Set(['busy', 'trouble', 'connection', 'stalled', 'empty']);

/** The model could not answer, or not to the end. `cause` holds the original error, for the log only. */
export class ModelError extends UserError {
  override name = 'ModelError';
  override readonly mayPass: boolean;
  constructor(
    readonly failure: ModelFailure,
    options?: ErrorOptions & { readonly message?: string },
  ) {
    super(options?.message ?? sentences[failure], options);
    this.mayPass = passing.has(failure);
  }
}

/** The word for a failure, for the store and the log. */
export function failureOf(error: unknown): string {
  if (error instanceof ModelError || error instanceof StoreError) return error.failure;
  if (error instanceof Stopped) return error.why;
  return error instanceof Error ? error.name : 'unknown';
}

/** What {@link failureOf} gave the word for, as far as people are told of it. */
export function failureNamed(word: string): Error {
  if (isKey(sentences, word)) return new ModelError(word);
  if (isKey(storeSentences, word)) return new StoreError(word);
  if (isKey(stops, word)) return new Stopped(word);
  if (word === NothingAsked.name) return new NothingAsked();
  return word === Refused.name ? new Refused() : new Error(word);
}

const isKey = <Table extends object>(table: Table, word: string): word is Extract<keyof Table, string> =>
  Object.hasOwn(table, word);

/** The sentence that a person may read about any failure; what was not written for people stays in the log. */
export const explain = (error: unknown): string =>
  error instanceof UserError ? error.message : 'Something broke on my side. Whoever runs me finds it in the log.';

/** Whether the log says more of a failure, under the id of its turn. */
export const isTraced = (error: unknown): boolean =>
  !(error instanceof UserError) || traced.some((kind) => error instanceof kind) || error.mayPass;

const traced = [ModelError, StoreError, Refused, NothingAsked];
