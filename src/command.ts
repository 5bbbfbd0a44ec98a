import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import type { Chat } from './chat.js';
import { ConfigError } from './errors.js';
import type { Place, Speaker } from './question.js';

/** Text that goes with a command. */
export interface TextOption {
  readonly type: 'text';
  readonly name: string;
  readonly description: string;
  readonly maxLength: number;
  readonly isRequired?: boolean;
  /** Where the text is left out, it is asked for in a form of its own, which fits long texts. */
  readonly form?: Form;
}

export interface Form {
  readonly title: string;
  readonly label: string;
  /** What the form holds at first. */
  prefill?(use: Pick<Use, 'chat' | 'place'>): Promise<string | undefined>;
}

/** A yes or no that goes with a command; no where it is left out. */
export interface FlagOption {
  readonly type: 'flag';
  readonly name: string;
  readonly description: string;
}

export type Option = TextOption | FlagOption;

/** One use of a command by a person, on whatever front. */
export interface Use {
  readonly chat: Chat;
  readonly commands: readonly Command[];
  readonly place: Place;
  readonly speaker: Speaker;
  /** How a question is asked where the command was used. */
  readonly hint: string;
  /** The value of a text option; undefined where it was left out. */
  text(option: string): string | undefined;
  /** The value of a flag option. */
  flag(option: string): boolean;
  /** Asks a question as this person and shows them the answer. */
  ask(text: string): Promise<void>;
}

/** Something that a command does. */
export interface Action {
  readonly description: string;
  readonly options?: readonly Option[];
  /** Whether only the person who used it sees the reply. */
  isPrivate(use: Pick<Use, 'flag'>): boolean;
  /** Does it, and returns the reply, unless `use.ask` has shown one. Throws a UserError to say why it can't. */
  run(use: Use): Promise<string | undefined>;
}

interface Named {
  readonly name: string;
  readonly description: string;
  /** Whether, in a server, it is for people who may manage the channel. */
  readonly isForManagers?: boolean;
}

/** A command that does one thing. */
export interface SingleCommand extends Named, Action {}

/** A command that does several things, each under a name of its own. */
export interface CommandGroup extends Named {
  readonly actions: Readonly<Record<string, Action>>;
}

export type Command = SingleCommand | CommandGroup;

/** A command's actions, each under the words that are typed for it, without the slash. */
export function actionsOf(command: Command): ReadonlyMap<string, Action> {
  if (!('actions' in command)) return new Map([[command.name, command]]);
  return new Map(Object.entries(command.actions).map(([name, action]) => [`${command.name} ${name}`, action]));
}

const wordShape = z.string().regex(/^[a-z0-9_-]{1,32}$/);
const descriptionShape = z.string().min(1).max(100);
const optionShape = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('text'),
    name: wordShape,
    description: descriptionShape,
    maxLength: z.int().min(1).max(6000),
    isRequired: z.boolean().optional(),
    form: z.object({ title: z.string().min(1).max(45), label: z.string().min(1).max(45) }).optional(),
  }),
  z.object({ type: z.literal('flag'), name: wordShape, description: descriptionShape }),
]);
const actionShape = z.object({
  description: descriptionShape,
  options: z.array(optionShape).max(25).optional(),
  isPrivate: z.function(),
  run: z.function(),
});
const namedShape = z.object({ name: wordShape, description: descriptionShape, isForManagers: z.boolean().optional() });
/** Discord's own limits on a command, so that a faulty file is named at the start and not refused by Discord later. */
const singleShape = namedShape.extend(actionShape.shape);
const groupShape = namedShape.extend({ actions: z.record(wordShape, actionShape) });

/**
 * Loads the commands in a folder: each file has one as its default export.
 *
 * @throws {ConfigError} naming a file that has none, or two files that have the same
 */
export async function loadCommands(folder: URL): Promise<readonly Command[]> {
  const files = (await readdir(folder)).filter((file) => /(?<!\.d)\.[jt]s$/.test(file)).sort();
  const commands = await Promise.all(files.map((file) => loadCommand(new URL(file, folder), file)));
  for (const [index, { name }] of commands.entries()) {
    const first = commands.findIndex((command) => command.name === name);
    if (first < index)
      throw new ConfigError(`commands/${files[index]}: /${name} is already in commands/${files[first]}.`);
  }
  return commands;
}

async function loadCommand(address: URL, file: string): Promise<Command> {
  const { default: command }: { default?: unknown } = await import(address.href);
  const isGroup = typeof command === 'object' && command !== null && 'actions' in command;
  const checked = (isGroup ? groupShape : singleShape).safeParse(command);
  if (checked.success) return command as Command; // its functions' types are the compiler's to check
  throw new ConfigError(
    `commands/${file} has no valid command as its default export: ${z.prettifyError(checked.error)}`,
  );
}
