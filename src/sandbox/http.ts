import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import multipart, { type MultipartFile } from '@fastify/multipart';
import { pathsList } from 'discord-api-spec';
import type { PublishedSchema } from 'discord-api-spec/zod';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { maxFileBytes, tooManyFiles, type Upload } from './attachments.js';
import type { Backend } from './backend.js';
import type { createRestFaults, RestFault } from './faults.js';
import type { createLimits } from './limits.js';
import { endTimeouts } from './membership.js';
import { Refusal, refusal, unauthorized } from './refusal.js';
import { check } from './schema.js';
import type { Application, User } from './world.js';

/** Who makes a call: an account, and for a bot its application. */
export interface Caller {
  readonly user: User;
  readonly application: Application | undefined;
}

/** A call of a route, its body checked. */
export interface Call<Body = unknown> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly uploads: readonly Upload[];
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As Discord's documentation writes it, below the version: `/channels/:channel_id`. */
  readonly path: string;
  /** Answers a call, with nothing for 204; an open route has no caller. */
  readonly answer: (call: Call, caller: Caller | undefined) => unknown;
}

type Guarded<Body> = (call: Call<Body>, caller: Caller) => unknown;

/** A route for accounts: without a valid token it answers 401. With a schema, the body is checked against it first. */
export function route<Body = unknown>(
  method: Route['method'],
  path: string,
  answer: Guarded<Body>,
  schema?: PublishedSchema<Body>,
): Route {
  return openRoute<Body>(
    method,
    path,
    (call, caller) => {
      if (caller === undefined) throw unauthorized();
      return answer(call, caller);
    },
    schema,
  );
}

/** A route that its address opens, as those of interactions do. */
export function openRoute<Body = unknown>(
  method: Route['method'],
  path: string,
  answer: (call: Call<Body>, caller: Caller | undefined) => unknown,
  schema?: PublishedSchema<Body>,
): Route {
  return {
    method,
    path,
    // Without a schema, a route does not say what its body is, and Body is unknown.
    answer: (call, caller) =>
      answer({ ...call, body: schema ? check(schema, call.body) : (call.body as Body) }, caller),
  };
}

/** One call as it was answered, for tests to count. */
export interface RestCall {
  readonly at: number;
  readonly method: string;
  /** The path below the version, as it came. */
  readonly path: string;
  /** As in {@link Route.path}; the path as it came, where the sandbox has no such route. */
  readonly route: string;
  /** Who called: the id of a user. */
  readonly by: string | undefined;
  readonly body: unknown;
  readonly status: number;
  /** Discord's error code, where there was one. */
  readonly code: number | undefined;
}

export interface HttpOptions {
  readonly backend: Backend;
  readonly routes: readonly Route[];
  readonly faults: ReturnType<typeof createRestFaults>;
  /** `undefined` where nothing is limited. */
  readonly limits: ReturnType<typeof createLimits> | undefined;
  readonly record: (call: RestCall) => void;
  /** Whether a request means this server: pages and names from elsewhere do not. */
  readonly isWelcome: (headers: IncomingHttpHeaders) => boolean;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

const base = '/api/v10';

/** Discord's REST API v10: authentication, limits, ordered faults, then the route; every answer is recorded. */
export async function createHttp(options: HttpOptions): Promise<FastifyInstance> {
  const server = Fastify({
    bodyLimit: 12 * maxFileBytes,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 500 },
  });
  await server.register(multipart, { limits: { fileSize: maxFileBytes + 1, files: 11, fieldSize: maxFileBytes } });
  server.addHook('onRequest', async (request, reply) => {
    reply.header('date', new Date(options.backend.clock.now()).toUTCString());
    endTimeouts(options.backend);
    if (!options.isWelcome(request.headers)) await reply.code(403).send({ message: 'This host is not served here' });
  });
  for (const one of options.routes) {
    server.route({
      method: one.method,
      url: base + one.path,
      handler: (request, reply) => serve(options, one, request, reply),
    });
  }
  server.setNotFoundHandler((request, reply) => {
    const isOfDiscord = knownPaths(request.method).some((path) => matches(path, pathOf(request)));
    const missing = isOfDiscord
      ? new Refusal(501, 0, 'The sandbox does not have this route of Discord')
      : new Refusal(404, 0, '404: Not Found');
    const answer = answerTo(missing);
    note(options, request, pathOf(request), request.body, answer);
    return reply.code(answer.status).send(answer.body);
  });
  server.setErrorHandler((error, request, reply) => {
    const answer = answerTo(error);
    note(options, request, (request.routeOptions.url ?? pathOf(request)).replace(base, ''), request.body, answer);
    return reply.code(answer.status).send(answer.body);
  });
  return server;
}

const pathOf = ({ url }: FastifyRequest) => (url.split('?')[0] ?? '').replace(base, '');
const published: Readonly<Record<string, readonly string[]>> = pathsList;
const knownPaths = (method: string): readonly string[] => published[method.toLowerCase()] ?? [];

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((part, index) => part.startsWith('{') || part === given[index]);
}

async function serve(options: HttpOptions, one: Route, request: FastifyRequest, reply: FastifyReply) {
  const { backend, faults } = options;
  const { method } = request;
  const caller = callerOf(backend, request.headers.authorization);
  const { body, uploads, broken } = await read(request);
  const fault = faults.meet(method, one.path, caller?.user.id);
  const ordinary = () => {
    if (broken) throw broken;
    return ask(options, one, { params: strings(request.params), query: strings(request.query), body, uploads }, caller);
  };
  const answer = await disturbed(fault, () => attempt(ordinary));
  note(options, request, one.path, body, answer);
  if (fault?.answer === 'silence') return reply.hijack();
  if (fault?.answer === 'reset') {
    request.raw.socket.destroy();
    return reply.hijack();
  }
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}

/** Records a call with its answer, and counts the answer where it is an invalid request. */
function note(
  { backend, limits, record }: HttpOptions,
  request: FastifyRequest,
  path: string,
  body: unknown,
  { status, body: answered }: Answer,
): void {
  limits?.answered(status);
  const code = answered !== null && typeof answered === 'object' && 'code' in answered ? answered.code : undefined;
  record({
    at: backend.clock.now(),
    method: request.method,
    path: pathOf(request),
    route: path,
    by: callerOf(backend, request.headers.authorization)?.user.id,
    body,
    status,
    code: typeof code === 'number' && status >= 400 ? code : undefined,
  });
}

/** Asks the route, with the limits in force, and returns what a client gets. */
function ask({ limits }: HttpOptions, one: Route, call: Call, caller: Caller | undefined): Answer {
  if (limits?.isShutOut()) throw new Refusal(429, 0, 'This address made too many invalid requests');
  // People's clients have limits too, but it is bots that the sandbox is strict with.
  const isLimited = caller === undefined || caller.application !== undefined;
  const { channel_id, guild_id, interaction_token } = call.params;
  const resource = channel_id ?? guild_id ?? interaction_token ?? '';
  const callerId = caller?.user.id ?? '';
  const headers = isLimited ? limits?.count({ method: one.method, route: one.path, resource, callerId }) : undefined;
  try {
    const body = one.answer(call, caller);
    return { status: body === undefined ? 204 : 200, body, headers: headers ?? {} };
  } catch (error) {
    const { status, body, headers: own } = answerTo(error);
    return { status, body, headers: { ...headers, ...own } };
  }
}

function attempt(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    return answerTo(error);
  }
}

function answerTo(error: unknown): Answer {
  if (error instanceof Refusal) {
    const { status, code, message, errors, headers, extra } = error;
    return { status, headers, body: { message, code, ...(errors && { errors }), ...extra } };
  }
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (status === 413) return answerTo(refusal(40005));
  if (status === 415) return answerTo(malformed());
  if (status === 400) return answerTo(refusal(50109));
  const what = error instanceof Error ? error.stack : String(error);
  return { status: 500, headers: {}, body: { message: `The sandbox itself failed: ${what}`, code: 0 } };
}

/** "Invalid form body …, or invalid Content-Type provided" (JSON error codes, 50035). */
const malformed = (): Refusal => new Refusal(400, 50035, 'Invalid Form Body');

/** Answers as an ordered fault has it; without one, as the route does. */
async function disturbed(fault: RestFault | undefined, ordinary: () => Answer): Promise<Answer> {
  if (fault?.delayMs !== undefined) await sleep(fault.delayMs, undefined, { ref: false });
  if (fault?.answer === undefined) return ordinary();
  if (fault.takesEffect) ordinary();
  if (typeof fault.answer === 'string') return { status: 0, body: undefined, headers: {} };
  return { status: fault.answer.status, body: fault.answer.body ?? '', headers: fault.answer.headers ?? {} };
}

/** The account of an `Authorization` header: `Bot` and a bot's token, or a person's token alone. */
function callerOf({ world }: Backend, authorization: string | undefined): Caller | undefined {
  if (authorization === undefined) return undefined;
  const isBot = authorization.startsWith('Bot ');
  const token = isBot ? authorization.slice(4) : authorization;
  const user = [...world.users.values()].find((one) => one.token === token);
  if (user === undefined || (user.applicationId !== undefined) !== isBot) return undefined;
  return { user, application: world.applications.get(user.applicationId ?? '') };
}

interface Read {
  readonly body: unknown;
  readonly uploads: readonly Upload[];
  readonly broken: Refusal | undefined;
}

/** The body of a request: JSON, or a form with `payload_json` and `files[n]` ("Uploading Files"). */
async function read(request: FastifyRequest): Promise<Read> {
  if (!request.isMultipart()) return { body: request.body ?? undefined, uploads: [], broken: undefined };
  const uploads: Upload[] = [];
  let payload = '{}';
  try {
    for await (const part of request.parts()) {
      if (part.type === 'file') uploads.push(await upload(part, uploads.length));
      else if (part.fieldname === 'payload_json') payload = String(part.value);
    }
    return { body: JSON.parse(payload), uploads, broken: undefined };
  } catch (error) {
    return { body: payload, uploads, broken: brokenForm(error) };
  }
}

/** What is wrong with a form that could not be read: its text, the number or the size of its files, or the form itself. */
function brokenForm(error: unknown): Refusal {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'FST_REQ_FILE_TOO_LARGE') return refusal(40005);
  if (code === 'FST_FILES_LIMIT') return tooManyFiles();
  return error instanceof SyntaxError ? refusal(50109) : malformed();
}

async function upload(part: MultipartFile, position: number): Promise<Upload> {
  const index = Number(/^files\[(\d+)\]$/.exec(part.fieldname)?.[1] ?? position);
  return { index, filename: part.filename, contentType: part.mimetype, bytes: await part.toBuffer() };
}

const strings = (values: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(values ?? {}).map(([key, value]) => [key, String(value)]));
