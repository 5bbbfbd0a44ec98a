import { z } from 'zod';
import { type HttpAnswer, refusal } from './refusals.js';

const penalty = z.number().min(-2).max(2).nullish();
const tokenLimit = z.number().int().positive().nullish();
const content = z.union([z.string(), z.array(z.looseObject({ type: z.string() })).min(1)]);

/** The request as documented, and nothing else: https://platform.openai.com/docs/api-reference/chat/create. What takes tools or sound is not looked into. */
const schema = z
  .strictObject({
    model: z.string().min(1),
    messages: z
      .array(
        z.strictObject({
          role: z.enum(['developer', 'system', 'user', 'assistant', 'tool', 'function']),
          content: content.nullish(),
          name: z.string().optional(),
          refusal: z.string().nullish(),
          tool_calls: z.array(z.unknown()).optional(),
          tool_call_id: z.string().optional(),
          audio: z.unknown().optional(),
          function_call: z.unknown().optional(),
        }),
      )
      .min(1),
    stream: z.boolean().nullish(),
    stream_options: z
      .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
      .nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    max_tokens: tokenLimit,
    max_completion_tokens: tokenLimit,
    frequency_penalty: penalty,
    presence_penalty: penalty,
    n: z.number().int().min(1).max(128).nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
    seed: z.number().int().nullish(),
    logprobs: z.boolean().nullish(),
    top_logprobs: z.number().int().min(0).max(20).nullish(),
    logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
    user: z.string().optional(),
    safety_identifier: z.string().max(64).nullish(),
    prompt_cache_key: z.string().nullish(),
    prompt_cache_retention: z.enum(['in_memory', '24h']).nullish(),
    reasoning_effort: z.string().nullish(),
    verbosity: z.enum(['low', 'medium', 'high']).nullish(),
    service_tier: z.enum(['auto', 'default', 'flex', 'scale', 'priority']).nullish(),
    store: z.boolean().nullish(),
    metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
    modalities: z.array(z.enum(['text', 'audio'])).nullish(),
    response_format: z.looseObject({ type: z.string() }).optional(),
    parallel_tool_calls: z.boolean().optional(),
    ...Object.fromEntries(
      [
        'audio',
        'function_call',
        'functions',
        'moderation',
        'prediction',
        'prompt_cache_options',
        'tool_choice',
        'tools',
        'web_search_options',
      ].map((name) => [name, z.unknown().optional()]),
    ),
  })
  .refine((body) => body.stream || !body.stream_options, {
    path: ['stream_options'],
    message: "only allowed when 'stream' is enabled",
  });
export type RequestBody = z.infer<typeof schema>;

/** The request in a body, or what OpenAI answers when there is none: a parameter that it does not know, or a value out of range. */
export function readRequest(text: string): RequestBody | HttpAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refusal(400, 'The body is no JSON.', 'invalid_request_error');
  }
  const { data, error } = schema.safeParse(json);
  if (data) return data;
  const [issue] = error.issues;
  const path = issue?.path ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const param = [...path, issue.keys[0]].join('.');
    return refusal(400, `Unknown parameter: '${param}'.`, 'invalid_request_error', 'unknown_parameter', param);
  }
  const param = path.join('.');
  return refusal(400, `Invalid '${param}': ${issue?.message}.`, 'invalid_request_error', 'invalid_value', param);
}

/** The text of a message, whether it came as one or in parts. */
export const plainText = (content: RequestBody['messages'][number]['content']): string =>
  typeof content === 'string'
    ? content
    : (content ?? []).map(({ text }) => (typeof text === 'string' ? text : '')).join('');

/** The usage of an exchange in which a word is a token. */
export function countWords({ messages }: RequestBody, answer: unknown) {
  const words = (text: string) => text.split(/\s+/).filter(Boolean).length;
  const prompt_tokens = messages.reduce((sum, { content }) => sum + words(plainText(content)), 0);
  const completion_tokens = words(typeof answer === 'string' ? answer : '');
  const prompt_tokens_details = { cached_tokens: 0 };
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, prompt_tokens_details };
}
