/** An HTTP answer that is no completion. A body that is no string is sent as JSON. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error as OpenAI sends it. */
export const refusal = (
  status: number,
  message: string,
  type: string,
  code: string | null = null,
  param: string | null = null,
): HttpAnswer => ({ status, body: { error: { message, type, param, code } } });

/** OpenAI's refusals by their names, see https://platform.openai.com/docs/guides/error-codes, and a proxy's. */
export const refusals = {
  badKey: refusal(401, 'Incorrect API key provided.', 'invalid_request_error', 'invalid_api_key'),
  forbidden: refusal(
    403,
    'Country or region not supported.',
    'request_forbidden',
    'unsupported_country_region_territory',
  ),
  noCredit: refusal(429, 'You exceeded your current quota.', 'insufficient_quota', 'insufficient_quota'),
  unknownModel: refusal(404, 'The model `none` does not exist.', 'invalid_request_error', 'model_not_found'),
  tooLong: refusal(
    400,
    'The prompt exceeds the context window of this model.',
    'invalid_request_error',
    'context_length_exceeded',
    'messages',
  ),
  serverError: refusal(500, 'The server had an error.', 'server_error', null),
  overloaded: refusal(503, 'The engine is overloaded.', 'server_error', null),
  /** Azure's. */
  filtered: {
    status: 400,
    body: {
      error: {
        message: 'The prompt was filtered.',
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      },
    },
  },
  htmlPage: {
    status: 502,
    body: '<html><head><title>502 Bad Gateway</title></head></html>',
    headers: { 'content-type': 'text/html' },
  },
  /** Told in one of the three ways, or not at all. */
  rateLimited: (wait?: { readonly seconds: number } | { readonly ms: number } | { readonly until: Date }) => ({
    ...refusal(429, 'Rate limit reached for requests.', 'requests', 'rate_limit_exceeded'),
    headers: waitHeaders(wait),
  }),
  /** What OpenAI's newer models say to `max_tokens`. */
  unsupported: (param: string) =>
    refusal(
      400,
      `Unsupported parameter: '${param}' is not supported with this model.`,
      'invalid_request_error',
      'unsupported_parameter',
      param,
    ),
};

function waitHeaders(wait?: { seconds: number } | { ms: number } | { until: Date }): Record<string, string> {
  if (!wait) return {};
  if ('ms' in wait) return { 'retry-after-ms': String(wait.ms) };
  return { 'retry-after': 'seconds' in wait ? String(wait.seconds) : wait.until.toUTCString() };
}
