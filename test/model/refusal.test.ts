import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRefusal, refusesParameter } from '../../src/model/refusal.js';

const error = (message: string, fields: object = {}) => ({ message, ...fields });

describe('a prompt that is too long is known', () => {
  test.each([
    ['OpenAI by its code', 400, error('', { code: 'context_length_exceeded' })],
    ['OpenAI by one text', 400, error('', { code: 'string_above_max_length' })],
    [
      'OpenAI by the tokens of a minute',
      429,
      error('Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 30601.', {
        type: 'tokens',
        code: 'rate_limit_exceeded',
      }),
    ],
    [
      'vLLM',
      400,
      error("This model's maximum context length is 2048 tokens. However, you requested 2100 tokens", {
        type: 'BadRequestError',
        code: 400,
      }),
    ],
    [
      'vLLM with a token limit',
      400,
      error('max_tokens must be at least 1, got -186.', { type: 'BadRequestError', code: 400 }),
    ],
    [
      'llama.cpp',
      400,
      error('the request exceeds the available context size', {
        code: 400,
        type: 'exceed_context_size_error',
        n_ctx: 256,
      }),
    ],
    [
      'llama.cpp before it had a type for it',
      500,
      error('the request exceeds the available context size. try increasing the context size', {
        code: 500,
        type: 'server_error',
      }),
    ],
    ['LM Studio', 400, 'The number of tokens to keep from the initial prompt is greater than the context length'],
    ['LM Studio in its newer words', 400, 'Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)'],
    [
      'Mistral',
      400,
      error('Prompt contains 40000 tokens, too large for model with 32768 maximum context length', {
        type: 'invalid_request_error',
        code: '3051',
      }),
    ],
    ['Ollama', 400, error('input length exceeds maximum context length', { type: 'invalid_request_error' })],
    ['Anthropic behind a proxy', 400, error('prompt is too long: 201130 tokens > 200000 maximum')],
    ['a proxy by its status', 413, undefined],
    ['a stream by the number in the error', undefined, error('too big', { code: 413 })],
  ])('from %s', (_, status, body) => {
    expect(readRefusal(status, body)).toBe('too-long');
  });
});

test.each([
  ['credit', 429, error('You exceeded your current quota', { type: 'insufficient_quota', code: null })],
  ['credit', 429, error('Your account is not active', { code: 'billing_not_active' })],
  ['credit', 429, error('', { type: 'exceeded_current_quota_error' })],
  ['credit', 402, error('Insufficient Balance', { code: 'invalid_request_error' })],
  ['busy', 429, error('Rate limit reached', { code: 'rate_limit_exceeded' })],
  [
    'busy',
    429,
    error('You exceeded your current quota, please check your plan. Please retry in 37s.', {
      status: 'RESOURCE_EXHAUSTED',
    }),
  ],
  ['busy', 429, undefined],
  ['busy', undefined, error('slow down', { code: 'rate_limit_exceeded' })],
  ['filtered', 400, error('', { code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } })],
  [
    'filtered',
    400,
    error('', {
      code: 'invalid_prompt',
      message: 'Your prompt was flagged as potentially violating our usage policy.',
    }),
  ],
  ['filtered', 403, error('The model requires moderation and your input was flagged', { code: 403 })],
  [
    'forbidden',
    403,
    error('Country not supported', { code: 'unsupported_country_region_territory', type: 'request_forbidden' }),
  ],
  ['model', 404, error('The model `x` does not exist', { code: 'model_not_found' })],
  ['model', 403, error('Project has no access to model', { code: 'model_not_found' })],
  ['model', 404, error("model 'x' not found, try pulling it first", { type: 'not_found_error' })],
  ['model', 400, error('Model Not Exist', { type: 'invalid_request_error' })],
  ['model', 400, error('Invalid model: x', { type: 'invalid_model', code: '1500' })],
  ['key', 401, error('', { code: 'invalid_api_key' })],
  ['key', 400, error('API key not valid. Please pass a valid API key.', { status: 'INVALID_ARGUMENT' })],
  [
    'rejected',
    400,
    error("Unsupported parameter: 'max_tokens' is not supported with this model.", { code: 'unsupported_parameter' }),
  ],
  ['rejected', 422, undefined],
  ['trouble', 500, error('The server had an error', { type: 'server_error' })],
  ['trouble', undefined, error('upstream', { code: 502 })],
  ['trouble', undefined, 'something'],
  ['trouble', undefined, error('', { code: 9000 })],
  ['trouble', undefined, 42],
] as const)('%s is told by %s %j', (failure, status, body) => {
  expect(readRefusal(status, body)).toBe(failure);
});

test.each([
  [true, error("Unsupported parameter: 'max_tokens' is not supported with this model.", { param: 'max_tokens' })],
  [
    true,
    error('', {
      detail: [{ type: 'extra_forbidden', loc: ['body', 'max_tokens'], msg: 'Extra inputs are not permitted' }],
    }),
  ],
  [true, "unknown field 'max_tokens'"],
  [false, error("Unsupported parameter: 'max_completion_tokens'")],
  [false, error('max_tokens is too large: 100000', { param: 'max_tokens', code: 'invalid_value' })],
  [false, undefined],
])('whether max_tokens is refused as such: %s by %j', (expected, body) => {
  expect(refusesParameter(body, 'max_tokens')).toBe(expected);
});

const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
const misleading = fc.constantFrom<unknown>(
  { toString: 1 },
  { valueOf: null },
  nested(20_000),
  'max_tokens',
  404,
  '401',
);
const fieldOf = fc.oneof(fc.jsonValue(), misleading);

test('whatever a server sends as its error has a reason', () => {
  const failures = /^(key|forbidden|credit|model|busy|trouble|filtered|too-long|rejected)$/;
  const errors = fc.oneof(
    fieldOf,
    fc.record(
      { message: fieldOf, code: fieldOf, type: fieldOf, param: fieldOf, innererror: fieldOf, deep: fieldOf },
      { requiredKeys: [] },
    ),
  );
  const status = fc.option(fc.integer({ min: 400, max: 599 }), { nil: undefined });
  fc.assert(
    fc.property(status, errors, (each, body) => {
      expect(readRefusal(each, body)).toMatch(failures);
      expect(refusesParameter(body, 'max_tokens')).toBeTypeOf('boolean');
    }),
  );
});

test('an error of megabytes is read no longer than its beginning', () => {
  expect(readRefusal(400, error(`Unknown. ${'model '.repeat(1_000_000)}`))).toBe('rejected');
  expect(readRefusal(400, error(`Unknown model: not found. ${'x'.repeat(1_000_000)}`))).toBe('model');
});
