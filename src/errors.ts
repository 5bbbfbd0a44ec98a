/** A failure whose message was written for the person in the channel. */
export class UserError extends Error {
  override name = 'UserError';
}

/** An answer was ended before its time: by a reset, a restart, or because nobody could be shown it. */
export class Stopped extends UserError {
  override name = 'Stopped';
  constructor(
    readonly why: 'reset' | 'restart' | 'undelivered',
    message: string,
  ) {
    super(message);
  }
}

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

/** The model could not answer, or not to the end. `cause` holds the original error, for the log only. */
export class ModelError extends UserError {
  override name = 'ModelError';
  constructor(
    readonly failure: ModelFailure,
    options?: ErrorOptions & { readonly message?: string },
  ) {
    super(options?.message ?? sentences[failure], options);
  }
}

/** The sentence that a person may read about any failure; what was not written for people stays in the log. */
export const explain = (error: unknown): string =>
  error instanceof UserError ? error.message : 'Something broke on my side. Whoever runs me finds it in the log.';
