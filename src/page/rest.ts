/** Discord refused a request; the message says why, in its words. */
export class Refused extends Error {
  override name = 'Refused';
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Rest = <Answer = undefined>(
  method: Method,
  path: string,
  body?: unknown,
  files?: readonly File[],
) => Promise<Answer>;

/** Calls Discord's REST API with a person's token. A rate limit is waited out. The calls throw {@link Refused}. */
export function createRest(token: string): Rest {
  return async function call<Answer>(
    method: Method,
    path: string,
    body?: unknown,
    files: readonly File[] = [],
  ): Promise<Answer> {
    const response = await fetch(`/api/v10${path}`, { method, ...request(token, body, files) });
    const text = await response.text();
    const answer = readJson(text);
    // The routes that the page calls are typed by what Discord documents for them.
    if (response.ok) return answer as Answer;
    if (response.status !== 429) throw new Refused(response.status, codeOf(answer), reasonOf(answer, response.status));
    await new Promise((resolve) => setTimeout(resolve, secondsToWait(answer) * 1000));
    return call(method, path, body, files);
  };
}

function request(token: string, body: unknown, files: readonly File[]): RequestInit {
  if (body === undefined) return { headers: { authorization: token } };
  const json = JSON.stringify(body);
  if (files.length === 0) {
    return { headers: { authorization: token, 'content-type': 'application/json' }, body: json };
  }
  const form = new FormData();
  form.append('payload_json', json);
  for (const [index, file] of files.entries()) form.append(`files[${index}]`, file, file.name);
  return { headers: { authorization: token }, body: form };
}

function readJson(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

const field = (value: unknown, name: string): unknown =>
  value !== null && typeof value === 'object' ? Reflect.get(value, name) : undefined;

const codeOf = (answer: unknown): number => Number(field(answer, 'code') ?? 0);

const secondsToWait = (answer: unknown): number => Number(field(answer, 'retry_after') ?? 1);

/** The first field's fault, if the body was invalid (50035), else the message. */
function reasonOf(answer: unknown, status: number): string {
  const message = field(answer, 'message');
  return firstFault(field(answer, 'errors')) ?? (typeof message === 'string' ? message : `Discord answered ${status}`);
}

function firstFault(errors: unknown): string | undefined {
  if (errors === null || typeof errors !== 'object') return undefined;
  const [own] = Array.isArray(Reflect.get(errors, '_errors')) ? Reflect.get(errors, '_errors') : [];
  const message = field(own, 'message');
  if (typeof message === 'string') return message;
  for (const inner of Object.values(errors)) {
    const found = firstFault(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
