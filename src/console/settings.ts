import { type ConsoleConfig, readConsoleConfig } from '../config.js';
import { ConfigError } from '../errors.js';
import { Misuse } from './misuse.js';

/** What a command line says about the model, in the words of its options; it counts more than the environment. */
export interface ModelFlags {
  readonly model?: string;
  readonly temperature?: string;
  readonly maxTokens?: string;
  readonly topP?: string;
  readonly frequencyPenalty?: string;
  readonly presencePenalty?: string;
  /** False for `--no-stream`. */
  readonly stream: boolean;
}

const settingOf: Readonly<Record<Exclude<keyof ModelFlags, 'stream'>, string>> = {
  model: 'OPENAI_MODEL',
  temperature: 'OPENAI_TEMPERATURE',
  maxTokens: 'OPENAI_MAX_TOKENS',
  topP: 'OPENAI_TOP_P',
  frequencyPenalty: 'OPENAI_FREQUENCY_PENALTY',
  presencePenalty: 'OPENAI_PRESENCE_PENALTY',
};

/**
 * The settings of the environment, and before them those of the command line.
 *
 * @throws {Misuse} naming what is wrong with either, a line each
 */
export function readFlags(flags: ModelFlags, environment: NodeJS.ProcessEnv): ConsoleConfig {
  const told = Object.entries(settingOf).flatMap(([flag, setting]) => {
    const value = flags[flag as keyof typeof settingOf]; // these are its keys
    return value === undefined ? [] : [{ option: optionOf(flag), setting, value }];
  });
  const empty = told.find(({ value }) => value.trim() === '');
  if (empty) throw new Misuse(`${empty.option} needs a value.`);
  try {
    return readConsoleConfig({
      ...environment,
      ...Object.fromEntries(told.map(({ setting, value }) => [setting, value])),
      ...(!flags.stream && { OPENAI_STREAM: 'false' }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Whoever gave an option wants to read of that, and not of the setting that it stands for.
    const said = told.reduce((text, { option, setting }) => text.replaceAll(setting, option), error.message);
    throw new Misuse(said, { cause: error });
  }
}

const optionOf = (flag: string): string => `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
