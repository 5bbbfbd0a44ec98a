import { isDeepStrictEqual } from 'node:util';
import type { CommandDraft } from 'discord-api-spec/zod';
import {
  type APIApplicationCommand,
  type APIApplicationCommandOption,
  ApplicationCommandOptionType,
  ApplicationCommandType,
} from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import { invalid, refusal } from './refusal.js';
import { characters } from './schema.js';
import type { Application } from './world.js';

const maxCommands = 100;
const maxCreatesADay = 200;
const maxCommandCharacters = 8000;
const dayMs = 24 * 60 * 60_000;

type Path = readonly (string | number)[];
type Option = APIApplicationCommandOption;

/** "Application Command Naming": letters of any script, digits, `-`, `_` and `'`; lower case where there is one. */
const isSlashName = (name: string) =>
  /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u.test(name) && name === name.toLowerCase();

const optionsOf = (option: { readonly options?: readonly Option[] | null | undefined }): readonly Option[] =>
  option.options ?? [];
const nested = (option: Option): readonly Option[] =>
  option.type === ApplicationCommandOptionType.Subcommand ||
  option.type === ApplicationCommandOptionType.SubcommandGroup
    ? optionsOf(option)
    : [];

/** Throws 50035 for what Discord's rules forbid beyond its schema. `at` is where the command stands in the body. */
function checkCommand(draft: CommandDraft, at: Path): void {
  const isSlash = (draft.type ?? 1) === ApplicationCommandType.ChatInput;
  const description = 'description' in draft ? draft.description : undefined;
  if (isSlash && !isSlashName(draft.name ?? '')) {
    throw invalid([...at, 'name'], 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid');
  }
  if (isSlash && !description) throw invalid([...at, 'description'], 'BASE_TYPE_REQUIRED', 'This field is required');
  const options = slashOptions(draft);
  checkOptions(options, [...at, 'options']);
  if (textLength(draft.name ?? '', description ?? '', options) > maxCommandCharacters) {
    throw invalid(at, 'APPLICATION_COMMAND_TOO_LARGE', `Command exceeds maximum size (${maxCommandCharacters})`);
  }
}

// Only chat input commands have options; the schema has checked them.
const slashOptions = (draft: CommandDraft): readonly Option[] =>
  'options' in draft ? ((draft.options ?? []) as readonly Option[]) : [];

function checkOptions(options: readonly Option[], at: Path): void {
  const names = options.map(({ name }) => name);
  for (const [index, option] of options.entries()) {
    const here = [...at, index];
    if (!isSlashName(option.name)) {
      throw invalid([...here, 'name'], 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid');
    }
    if (names.indexOf(option.name) !== index) {
      const message = 'Option name already exists in options';
      throw invalid([...here, 'name'], 'APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS', message);
    }
    if (option.required && options.slice(0, index).some(({ required }) => !required)) {
      const message = 'Required options must be placed before non-required options';
      throw invalid(here, 'APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID', message);
    }
    checkOptions(nested(option), [...here, 'options']);
  }
  checkKinds(options, at);
}

/** Subcommands stand alone: beside values there is no telling them apart. */
function checkKinds(options: readonly Option[], at: Path): void {
  const isNesting = ({ type }: Option) =>
    type === ApplicationCommandOptionType.Subcommand || type === ApplicationCommandOptionType.SubcommandGroup;
  if (!options.some(isNesting) || options.every(isNesting)) return;
  const message = 'Sub-command and sub-command group option types are mutually exclusive to all other types';
  throw invalid(
    [...at, options.findIndex((option) => !isNesting(option))],
    'APPLICATION_COMMAND_OPTIONS_TYPE_INVALID',
    message,
  );
}

const textLength = (name: string, description: string, options: readonly Option[]): number =>
  characters(name) +
  characters(description) +
  options.reduce(
    (sum, option) => sum + textLength(option.name, option.description, nested(option)) + choicesLength(option),
    0,
  );

const choicesLength = (option: Option): number =>
  'choices' in option
    ? (option.choices ?? []).reduce((sum, { name, value }) => sum + characters(name) + characters(`${value}`), 0)
    : 0;

/** An option as Discord gives it back: `required`, `autocomplete` and nested options only where there are any. */
function stored(option: Option): Option {
  const options = nested(option).map(stored);
  const isKept = ([field, value]: [string, unknown]) => value !== null && value !== false && field !== 'options';
  const kept = {
    name_localizations: null,
    description_localizations: null,
    ...Object.fromEntries(Object.entries(option).filter(isKept)),
    ...(options.length > 0 && { options }),
  };
  // Fields were taken out and defaults put in; it is the same option.
  return kept as Option;
}

const defaults = {
  type: ApplicationCommandType.ChatInput,
  default_member_permissions: null,
  name_localizations: null,
  description: '',
  description_localizations: null,
  nsfw: false,
};

/** A command as Discord stores it, all fields filled in. It keeps the id of the one it replaces. */
function build(
  backend: Backend,
  application: Application,
  guildId: string,
  draft: CommandDraft,
  old?: APIApplicationCommand,
): APIApplicationCommand {
  const given = Object.entries(draft).filter(([, value]) => value !== null && value !== undefined);
  const { options: _options, default_member_permissions: permissions, ...rest } = Object.fromEntries(given);
  const options = slashOptions(draft).map(stored);
  const everywhere = {
    contexts: null,
    integration_types: [0],
    ...rest,
    dm_permission: draft.contexts?.includes(1) ?? draft.dm_permission ?? true,
  };
  const command = {
    ...defaults,
    ...(guildId === '' ? everywhere : { ...rest, guild_id: guildId }),
    ...(permissions !== undefined && { default_member_permissions: `${permissions}` }),
    ...(options.length > 0 && { options }),
    id: old?.id ?? backend.newId(),
    application_id: application.id,
    version: backend.newId(),
    // Put together from checked parts, whose types do not add up by themselves.
  } as APIApplicationCommand;
  return old && isSame(old, command) ? old : command;
}

const isSame = (one: APIApplicationCommand, other: APIApplicationCommand): boolean =>
  isDeepStrictEqual({ ...one, version: '' }, { ...other, version: '' });

const key = ({ type, name }: Pick<CommandDraft, 'type' | 'name'>) => `${type ?? 1} ${name}`;

/** "Bulk Overwrite": these are the app's commands from now on. Those of a name that was there keep their id. */
export function overwriteCommands(
  backend: Backend,
  application: Application,
  guildId: string,
  drafts: readonly CommandDraft[],
): APIApplicationCommand[] {
  if (drafts.length > maxCommands) throw refusal(30032);
  for (const [index, draft] of drafts.entries()) {
    checkCommand(draft, [index]);
    if (drafts.findIndex((other) => key(other) === key(draft)) === index) continue;
    const message = 'Application command names must be unique';
    throw invalid([index, 'name'], 'APPLICATION_COMMANDS_DUPLICATE_NAME', message);
  }
  const present = application.commands.get(guildId) ?? [];
  const oldOf = (draft: CommandDraft) => present.find((command) => key(command) === key(draft));
  countCreates(backend, application, drafts.filter((draft) => !oldOf(draft)).length);
  const commands = drafts.map((draft) => build(backend, application, guildId, draft, oldOf(draft)));
  application.commands.set(guildId, commands);
  return commands;
}

/** "Create Application Command": one of the same name is replaced. */
export function createCommand(
  backend: Backend,
  application: Application,
  guildId: string,
  draft: CommandDraft,
): APIApplicationCommand {
  checkCommand(draft, []);
  const present = application.commands.get(guildId) ?? [];
  const old = present.find((command) => key(command) === key(draft));
  if (old === undefined) countCreates(backend, application, 1);
  if (old === undefined && present.length >= maxCommands) throw refusal(30032);
  const command = build(backend, application, guildId, draft, old);
  application.commands.set(guildId, [...present.filter((one) => one !== old), command]);
  return command;
}

/** "Edit Application Command": what the body leaves out stays. */
export function editCommand(
  backend: Backend,
  application: Application,
  guildId: string,
  id: string,
  change: Partial<CommandDraft>,
): APIApplicationCommand {
  const old = commandOf(application, guildId, id);
  // A stored command is a draft with more to it.
  const draft = { ...old, ...change, type: old.type } as CommandDraft;
  checkCommand(draft, []);
  const command = build(backend, application, guildId, draft, old);
  application.commands.set(
    guildId,
    (application.commands.get(guildId) ?? []).map((one) => (one.id === id ? command : one)),
  );
  return command;
}

export function deleteCommand(application: Application, guildId: string, id: string): void {
  const gone = commandOf(application, guildId, id);
  application.commands.set(
    guildId,
    (application.commands.get(guildId) ?? []).filter((one) => one !== gone),
  );
}

/** A command by id; throws 10063. */
export function commandOf(application: Application, guildId: string, id: string): APIApplicationCommand {
  const command = application.commands.get(guildId)?.find((one) => one.id === id);
  if (command === undefined) throw refusal(10063);
  return command;
}

function countCreates({ clock }: Backend, application: Application, count: number): void {
  const recent = application.commandsCreated.filter((at) => at > clock.now() - dayMs);
  if (recent.length + count > maxCreatesADay) throw refusal(30034);
  application.commandsCreated = [...recent, ...Array.from({ length: count }, () => clock.now())];
}
