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
const telling = ['code', 'status', 'method', 'url', 'failure', 'type', 'syscall'] as const;

function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error === undefined ? undefined : { message: String(error) };
  const fields = Object.entries(error).filter(([field]) => telling.some((name) => name === field));
  return {
    name: error.name,
    message: error.message,
    ...Object.fromEntries(fields),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describe(error.cause) }),
  };
}
