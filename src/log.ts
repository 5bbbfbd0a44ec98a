import pino, { type Logger } from 'pino';

/** Routes of interactions hold their token, which lets whoever has it reply in the bot's name for fifteen minutes. */
const interactionToken = /(\/(?:interactions|webhooks)\/\d+\/)[\w-]+/g;

/**
 * A log of JSON lines. It holds no secret, whoever put it there, and no more of an error than what tells its cause:
 * the errors of some libraries carry the request's body, which is what people wrote.
 */
export function createLog(level: string, secrets: readonly string[], write: (line: string) => void): Logger {
  const hidden = secrets.filter((secret) => secret.length > 0).map((secret) => JSON.stringify(secret).slice(1, -1));
  const options = { level, base: null, serializers: { err: describe } };
  return pino(options, {
    write: (line: string) =>
      write(
        hidden.reduce(
          (text, secret) => text.replaceAll(secret, '[secret]'),
          line.replaceAll(interactionToken, '$1[token]'),
        ),
      ),
  });
}

/** The fields of errors that tell a cause and can hold nobody's words. */
const telling = ['code', 'status', 'method', 'url', 'failure', 'type', 'param', 'syscall'] as const;

/** As much of a server's sentence as tells the cause; further on, some repeat what they were sent. */
const MESSAGE_LENGTH = 300;

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error === undefined ? undefined : { message: cut(String(error)) };
  const fields = Object.entries(error).filter(([field]) => telling.some((name) => name === field));
  return {
    name: error.name,
    // These two quote what could not be read.
    ...(error.name !== 'SyntaxError' && error.name !== 'ZodError' && { message: cut(error.message) }),
    ...Object.fromEntries(fields),
    at: error.stack?.match(/^ {4}at .*$/gm)?.map((line) => line.slice(7)),
    ...(error.cause !== undefined && { cause: describe(error.cause) }),
  };
}

const cut = (message: string): string =>
  message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH)} …` : message;
