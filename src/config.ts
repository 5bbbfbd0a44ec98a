import { z } from 'zod';
import { ConfigError } from './errors.js';

/** One setting: how its text becomes a value, its default as it is written in `.env.example`, and a line of help. */
interface Setting<Value> {
  readonly read: z.ZodType<Value, string>;
  readonly byDefault: string;
  readonly help: string;
}

const setting = <Value>(read: z.ZodType<Value, string>, byDefault: string, help: string): Setting<Value> => ({
  read,
  byDefault,
  help,
});

const anyText = z.string();

/** A Discord token is three dot-separated runs of base64url; everything else is a mix-up worth saying at once. */
const discordToken = z
  .string()
  .regex(
    /^[\w-]{10,}\.[\w-]{4,}\.[\w-]{10,}$/,
    'is not a bot token. Copy it from the Bot page of the developer portal',
  );

const webAddress = z
  .string()
  .refine(
    isWebAddress,
    'must be an address that begins with http:// or https:// and holds no user name, password, ? or #',
  )
  .transform((text) => text.replace(/\/+$/, ''));

const between = (least: number, most: number) =>
  z
    .string()
    .refine((text) => Number(text) >= least && Number(text) <= most, `must be a number from ${least} to ${most}`)
    .transform(Number);

const whole = (least: number, most: number) =>
  z
    .string()
    .refine(
      (text) => /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most,
      `must be a whole number from ${least} to ${most}`,
    )
    .transform(Number);

const yesOrNo = z
  .string()
  .refine((text) => text === 'true' || text === 'false', 'must be true or false')
  .transform((text) => text === 'true');

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const logLevel = z.enum(levels, { error: `must be one of ${levels.join(', ')}` });

/** Every setting there is, in the order of `.env.example` and the README's table, which a test keeps equal to it. */
export const settings = {
  DISCORD_TOKEN: setting(
    discordToken,
    '',
    'The bot’s token, from the Bot page of the developer portal. Without one, the sandbox starts.',
  ),
  OPENAI_API_KEY: setting(anyText, '', 'The key of the chat API. Required, unless the server is on this machine.'),
  OPENAI_BASE_URL: setting(
    webAddress,
    'https://api.openai.com/v1',
    'The chat API: OpenAI’s, or any compatible server.',
  ),
  OPENAI_MODEL: setting(anyText, 'gpt-5.4-mini', 'The model that answers.'),
  OPENAI_TEMPERATURE: setting(between(0, 2), '', 'How freely it chooses its words, 0 to 2. Sent only when set.'),
  OPENAI_TOP_P: setting(
    between(0, 1),
    '',
    'The share of likely words that it chooses from, 0 to 1. Sent only when set.',
  ),
  OPENAI_MAX_TOKENS: setting(
    whole(1, 1_000_000),
    '',
    'The longest answer, in tokens, thoughts included. Sent only when set.',
  ),
  OPENAI_FREQUENCY_PENALTY: setting(
    between(-2, 2),
    '',
    'How much it avoids words it used often, -2 to 2. Sent only when set.',
  ),
  OPENAI_PRESENCE_PENALTY: setting(
    between(-2, 2),
    '',
    'How much it avoids words it used at all, -2 to 2. Sent only when set.',
  ),
  OPENAI_STREAM: setting(yesOrNo, 'true', 'Whether answers appear while they are being written.'),
  OPENAI_TIMEOUT: setting(between(1, 290), '60', 'Seconds that a stream may send nothing before the answer is ended.'),
  SYSTEM_PROMPT: setting(
    anyText,
    'You are a helpful assistant in a Discord channel. Answer correctly and briefly, in the language of the question.',
    'The system role where `/system` has set no other.',
  ),
  DATABASE_PATH: setting(
    anyText,
    'data/parley.db',
    'The SQLite file that remembers the conversations. Its folder is made.',
  ),
  CONTEXT_TOKENS: setting(
    whole(500, 2_000_000),
    '16000',
    'The most tokens that a request’s prompt is filled up to: what a long conversation costs.',
  ),
  MAX_CONCURRENT: setting(whole(1, 10_000), '8', 'Requests to the chat API at a time, over all channels.'),
  MAX_WAITING_PER_PERSON: setting(
    whole(1, 1000),
    '5',
    'Questions of one person that may wait or be answered at a time. What is too many is refused.',
  ),
  MAX_WAITING_PER_CHANNEL: setting(
    whole(1, 1000),
    '25',
    'Questions that may wait or be answered in one channel at a time. What is too many is refused.',
  ),
  CATCH_UP_MINUTES: setting(
    whole(0, 60),
    '10',
    'How old a question may be that came while the bot was away, or was cut off by a crash, and is still answered unasked.',
  ),
  DISCORD_REQUESTS_PER_SECOND: setting(
    whole(1, 10_000),
    '50',
    'Requests that Discord allows the bot a second, over all channels. Only very large bots are granted more.',
  ),
  DISCORD_API_URL: setting(
    webAddress,
    'https://discord.com/api',
    'Discord’s REST API; `/v10` is appended. For proxies and tests.',
  ),
  SANDBOX_PORT: setting(whole(1, 65_535), '3000', 'The port of the sandbox’s page, or the next one that is free.'),
  LOG_LEVEL: setting(
    logLevel,
    'info',
    'trace, debug, info, warn, error, fatal or silent. What people write is never logged.',
  ),
} satisfies Record<string, Setting<unknown>>;

type Name = keyof typeof settings;
type ValueOf<N extends Name> = z.output<(typeof settings)[N]['read']>;

/** The settings' values; those without a default are undefined when they are not set. */
export type Config = { readonly [N in Name]: ValueOf<N> | (N extends WithoutDefault ? undefined : never) };

type WithoutDefault =
  | 'OPENAI_API_KEY'
  | 'OPENAI_TEMPERATURE'
  | 'OPENAI_TOP_P'
  | 'OPENAI_MAX_TOKENS'
  | 'OPENAI_FREQUENCY_PENALTY'
  | 'OPENAI_PRESENCE_PENALTY';

/**
 * Reads every setting from an environment; an empty value counts as not set.
 *
 * @throws {ConfigError} naming all faulty settings at once, a line each, and none of their values
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const { values, faults } = read(environment, Object.keys(settings) as Name[]);
  if (!environment.DISCORD_TOKEN?.trim())
    faults.push('DISCORD_TOKEN is not set. It is on the Bot page of the developer portal.');
  faults.push(...missingKey(environment, values.OPENAI_BASE_URL));
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // Every name was read above, or is one that may be undefined.
  return values as Config;
}

/** The settings of a bot in the sandbox, which knows by itself where its Discord is. */
export type SandboxConfig = Omit<Config, SetBySandbox> & {
  /** Whether somebody chose a chat API: gave a key for one, or the address of another than the usual one. */
  readonly hasChatApi: boolean;
};

type SetBySandbox = 'DISCORD_TOKEN' | 'DISCORD_API_URL' | 'DATABASE_PATH';

/** Whether the sandbox is to start: nobody gave a token for Discord, and nothing says that this is no place to play. */
export const isForSandbox = (environment: Readonly<Record<string, string | undefined>>): boolean =>
  !environment.DISCORD_TOKEN?.trim() && environment.NODE_ENV !== 'production';

/**
 * Reads the settings that hold in the sandbox too, as {@link readConfig} does.
 *
 * @throws {ConfigError} naming all faulty settings at once, a line each, and none of their values
 */
export function readSandboxConfig(environment: Readonly<Record<string, string | undefined>>): SandboxConfig {
  const setBySandbox: readonly string[] = [
    'DISCORD_TOKEN',
    'DISCORD_API_URL',
    'DATABASE_PATH',
  ] satisfies SetBySandbox[];
  const names = (Object.keys(settings) as Name[]).filter((name) => !setBySandbox.includes(name));
  const { values, faults } = read(environment, names);
  const hasKey = Boolean(environment.OPENAI_API_KEY?.trim());
  const hasChatApi = hasKey || values.OPENAI_BASE_URL !== settings.OPENAI_BASE_URL.byDefault;
  if (hasChatApi) faults.push(...missingKey(environment, values.OPENAI_BASE_URL));
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // As in readConfig.
  return { ...(values as Config), hasChatApi };
}

/** The settings of the console, which needs no Discord. */
export type ConsoleConfig = Omit<Config, 'DISCORD_TOKEN' | 'DISCORD_API_URL'>;

/**
 * Reads the settings that hold on the console too, as {@link readConfig} does.
 *
 * @throws {ConfigError} naming all faulty settings at once, a line each, and none of their values
 */
export function readConsoleConfig(environment: Readonly<Record<string, string | undefined>>): ConsoleConfig {
  const names = (Object.keys(settings) as Name[]).filter((name) => !name.startsWith('DISCORD_'));
  const { values, faults } = read(environment, names);
  faults.push(...missingKey(environment, values.OPENAI_BASE_URL));
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // As in readConfig.
  return values as Config;
}

/**
 * Reads where the conversations are kept, for what needs nothing else.
 *
 * @throws {ConfigError} as {@link readConfig} does
 */
export function readConsoleStore(environment: Readonly<Record<string, string | undefined>>): string {
  const { values, faults } = read(environment, ['DATABASE_PATH']);
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  // It has a default.
  return values.DATABASE_PATH as string;
}

/** The settings that the model needs, in its own words. */
export const modelSettings = (config: ConsoleConfig) => ({
  apiKey: config.OPENAI_API_KEY,
  baseUrl: config.OPENAI_BASE_URL,
  model: config.OPENAI_MODEL,
  temperature: config.OPENAI_TEMPERATURE,
  topP: config.OPENAI_TOP_P,
  maxTokens: config.OPENAI_MAX_TOKENS,
  frequencyPenalty: config.OPENAI_FREQUENCY_PENALTY,
  presencePenalty: config.OPENAI_PRESENCE_PENALTY,
  stream: config.OPENAI_STREAM,
  timeoutMs: config.OPENAI_TIMEOUT * 1000,
});

function read(environment: Readonly<Record<string, string | undefined>>, names: readonly Name[]) {
  const faults: string[] = [];
  const values: Partial<Record<Name, unknown>> = {};
  for (const name of names) {
    const { read, byDefault } = settings[name];
    const text = environment[name]?.trim() || byDefault;
    if (text === '') continue;
    const result = read.safeParse(text);
    if (result.success) values[name] = result.data;
    else faults.push(`${name} ${result.error.issues[0]?.message ?? 'is not valid'}.`);
  }
  return { values, faults };
}

function missingKey(environment: Readonly<Record<string, string | undefined>>, baseUrl: unknown): string[] {
  const keyless = typeof baseUrl === 'string' && isLoopback(baseUrl);
  return environment.OPENAI_API_KEY?.trim() || keyless
    ? []
    : ['OPENAI_API_KEY is not set. Only a chat API on this machine needs no key.'];
}

function isWebAddress(text: string): boolean {
  // Paths are appended to it.
  if (!URL.canParse(text) || /[?#]/.test(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}

/** Whether an address is on this machine. */
export function isLoopback(address: string): boolean {
  const { hostname } = new URL(address);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
