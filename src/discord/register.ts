import { isDeepStrictEqual } from 'node:util';
import {
  type APIApplicationCommandOption,
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  type REST,
  type RESTPutAPIApplicationCommandsJSONBody,
  Routes,
} from 'discord.js';
import type { Action, Command, Option } from '../command.js';

type Registration = RESTPutAPIApplicationCommandsJSONBody[number];

/**
 * Registers the commands with Discord, for all servers and users, if they differ from those it has: registering counts
 * against a daily limit ("Application Commands", registering a command). Returns whether it did.
 */
export async function registerCommands(
  rest: REST,
  applicationId: string,
  commands: readonly Command[],
): Promise<boolean> {
  const route = Routes.applicationCommands(applicationId);
  const wanted = commands.map(toRegistration);
  const registered = await rest.get(route);
  if (Array.isArray(registered) && isSame(registered, wanted)) return false;
  await rest.put(route, { body: wanted });
  return true;
}

/** A command as Discord is told of it. */
export function toRegistration(command: Command): Registration {
  return {
    type: ApplicationCommandType.ChatInput,
    name: command.name,
    description: command.description,
    options: optionsOf(command),
    default_member_permissions: command.isForManagers ? String(PermissionFlagsBits.ManageChannels) : null,
    integration_types: [ApplicationIntegrationType.GuildInstall, ApplicationIntegrationType.UserInstall],
    contexts: [InteractionContextType.Guild, InteractionContextType.BotDM, InteractionContextType.PrivateChannel],
  };
}

function optionsOf(command: Command): APIApplicationCommandOption[] {
  if (!('actions' in command)) return optionsOfAction(command);
  return Object.entries(command.actions).map(([name, action]) => ({
    type: ApplicationCommandOptionType.Subcommand,
    name,
    description: action.description,
    options: optionsOfAction(action),
  }));
}

const optionsOfAction = ({ options = [] }: Action) => options.map(toOption);

function toOption(option: Option) {
  const { name, description } = option;
  if (option.type === 'flag') return { type: ApplicationCommandOptionType.Boolean as const, name, description };
  const { isRequired = false, maxLength } = option;
  return {
    type: ApplicationCommandOptionType.String as const,
    name,
    description,
    required: isRequired,
    min_length: 1,
    max_length: maxLength,
  };
}

/** Discord adds fields of its own (ids, versions) and leaves out what is at its default; neither is a difference. */
function isSame(registered: readonly unknown[], wanted: readonly Registration[]): boolean {
  if (registered.length !== wanted.length) return false;
  const byName = new Map(registered.map((command) => [fieldOf(command, 'name'), command]));
  return wanted.every((command) =>
    isDeepStrictEqual(shapeOf(byName.get(command.name), command), withDefaults(command)),
  );
}

/** What of a registered value can be compared with the wanted one: the fields that the wanted one has, and all of a list. */
function shapeOf(registered: unknown, wanted: unknown): unknown {
  if (Array.isArray(wanted)) {
    const items = Array.isArray(registered) ? registered : [];
    return items.map((item, index) => shapeOf(item, wanted[index]));
  }
  if (typeof wanted !== 'object' || wanted === null) return registered;
  return withDefaults(
    Object.fromEntries(
      Object.entries(wanted).map(([field, value]) => [field, shapeOf(fieldOf(registered, field), value)]),
    ),
  );
}

function withDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([field, inner]) => [field, withDefaults(inner)] as const);
  return Object.fromEntries(
    fields.filter(([, inner]) => inner !== undefined && inner !== false && !isEmptyList(inner)),
  );
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, field)?.value : undefined;
