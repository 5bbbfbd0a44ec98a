import type { ModelFailure } from '../errors.js';

/** Statuses that say enough, whatever stands in the body. */
const settled: Readonly<Record<number, ModelFailure>> = { 401: 'key', 402: 'credit', 413: 'too-long' };

interface Sign {
  readonly failure: ModelFailure;
  /** In `code`, `type` or `innererror.code`. */
  readonly code: RegExp;
  /** In the sentence, for servers that send no code. */
  readonly sentence?: RegExp;
}

/**
 * What the servers say, the first that fits counts. Codes: OpenAI's error codes, Azure's content filter,
 * llama.cpp (`exceed_context_size_error`), Mistral (`invalid_model`), Moonshot (`exceeded_current_quota_error`).
 * Credit goes by code alone: Gemini words a limit per minute as a quota, too.
 */
const signs: readonly Sign[] = [
  { failure: 'credit', code: /insufficient_(quota|balance|credit|funds)|billing|current_quota|payment_required/ },
  {
    failure: 'too-long',
    code: /context_(length|size|window)|too_long|above_max_length|too_large|max_tokens_exceeded/,
    // Beside OpenAI's wording, and in its order: vLLM with a limit that leaves no room, LM Studio, Anthropic behind
    // a proxy, Bedrock, Ollama, and OpenAI and Groq where one prompt exceeds the tokens of a minute.
    sentence:
      /context (length|size|window)|max_tokens must be at least 1, got -|n_keep|prompt (is )?too long|input (is too long|length exceeds)|request too large|maximum (prompt|input) length/,
  },
  {
    failure: 'filtered',
    code: /content_?(filter|policy)|responsibleai|data_inspection_failed|moderation/,
    sentence: /content (filter|policy|management policy|violat)|was flagged|requires moderation/,
  },
  {
    failure: 'model',
    code: /model_not_(found|exist)|invalid_model|unknown_model/,
    sentence: /\bmodel\b.*(not found|not exist)|invalid model\b|no models? loaded/,
  },
  { failure: 'key', code: /invalid_api_key|authentication/, sentence: /api key not valid|invalid api key/ },
  { failure: 'busy', code: /rate_limit|too_many_requests/ },
];

/**
 * Why a server refused, told by the HTTP status and by the API's error object as it came: servers send it as an object,
 * as a bare sentence or not at all. Where the refusal came inside a 200 there is no status, and a number in `code` takes its place.
 * See https://platform.openai.com/docs/guides/error-codes.
 */
export function readRefusal(status: number | undefined, error: unknown): ModelFailure {
  const { code, type, message, innererror } = fields(error);
  const codes = [code, type, fields(innererror).code].map(wordOf).join(' ').toLowerCase();
  const sentence = textOf(message ?? error).toLowerCase();
  const number = Number(wordOf(code));
  const effective = status ?? (number >= 400 && number < 600 ? number : undefined);
  const sign = signs.find((each) => each.code.test(codes) || each.sentence?.test(sentence));
  return (effective && settled[effective]) || sign?.failure || byStatus(effective);
}

/**
 * Whether a refusal says that the server does not take this parameter at all, in contrast to its value.
 * OpenAI words it "Unsupported parameter", vLLM and Mistral "Extra inputs are not permitted", Groq "property … is unsupported".
 */
export function refusesParameter(error: unknown, name: string): boolean {
  const text = textOf(error);
  return (
    text.includes(name) &&
    /unsupported|not.supported|unrecogni[sz]ed|unknown|unexpected|extra|not.permitted|not.allowed|only allowed|deprecated/i.test(
      text,
    )
  );
}

function byStatus(status: number | undefined): ModelFailure {
  if (status === undefined || status >= 500 || status === 408 || status === 409) return 'trouble';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'model';
  return status === 429 ? 'busy' : 'rejected';
}

const fields = (value: unknown): { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null ? { ...value } : {};

const wordOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? `${value}` : '');

/** More than the beginning tells nothing more, and takes long to search. */
const TEXT_LENGTH = 10_000;

function textOf(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, TEXT_LENGTH);
  try {
    return (JSON.stringify(value) ?? '').slice(0, TEXT_LENGTH);
  } catch {
    // Nested deeper than anybody means.
    return '';
  }
}
