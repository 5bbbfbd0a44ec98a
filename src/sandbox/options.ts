import {
  type APIApplicationCommandInteractionDataOption,
  type APIApplicationCommandOption,
  type APIInteractionDataResolved,
  ApplicationCommandOptionType as Kind,
} from 'discord-api-types/v10';
import { channelPayload, memberPayload, userPayload } from './payloads.js';
import { permissionsIn } from './permissions.js';
import { invalid } from './refusal.js';
import { characters } from './schema.js';
import { type Channel, channelOf, userOf, type World } from './world.js';

/** An option as a client sends it: a value, or a subcommand with options of its own. */
export interface GivenOption {
  readonly type: number;
  readonly name: string;
  readonly value?: string | number | boolean | undefined;
  readonly options?: readonly GivenOption[] | undefined;
}

/** What a command was invoked with: its options, checked, what their ids stand for, and the subcommands' names. */
export interface Given {
  readonly options: APIApplicationCommandInteractionDataOption[];
  readonly resolved: APIInteractionDataResolved;
  readonly path: string[];
}

type Declared = APIApplicationCommandOption;
const maxStringCharacters = 6000;

const declaredIn = (option: Declared): readonly Declared[] =>
  option.type === Kind.Subcommand || option.type === Kind.SubcommandGroup ? (option.options ?? []) : [];

/** Checks options against what the command declares, as Discord's client does before it sends them. Throws 50035. */
export function readOptions(
  world: World,
  channel: Channel,
  declared: readonly Declared[],
  given: readonly GivenOption[],
): Given {
  const at = ['data', 'options'];
  const missing = declared.find(({ required, name }) => required && !given.some((one) => one.name === name));
  if (missing) throw invalid([...at, missing.name], 'BASE_TYPE_REQUIRED', 'This field is required');
  const needsSubcommand = declared.some(({ type }) => type === Kind.Subcommand || type === Kind.SubcommandGroup);
  if (needsSubcommand && given.length !== 1) throw invalid(at, 'BASE_TYPE_REQUIRED', 'A subcommand is required');
  const read = given.map((one) => readOption(world, channel, declared, one));
  return {
    options: read.flatMap(({ options }) => options),
    resolved: read.reduce((all, { resolved }) => merged(all, resolved), {}),
    path: read.flatMap(({ path }) => path),
  };
}

const resolvable = ['users', 'members', 'roles', 'channels'] as const;

/** What two options stand for, with no list that would be empty. */
const merged = (one: APIInteractionDataResolved, other: APIInteractionDataResolved): APIInteractionDataResolved =>
  Object.fromEntries(
    resolvable.flatMap((kind) => (one[kind] || other[kind] ? [[kind, { ...one[kind], ...other[kind] }]] : [])),
  );

function readOption(world: World, channel: Channel, declared: readonly Declared[], given: GivenOption): Given {
  const option = declared.find(({ name, type }) => name === given.name && type === given.type);
  if (option === undefined)
    throw invalid(['data', 'options', given.name], 'BASE_TYPE_CHOICES', 'The command has no such option');
  const { name, type } = option;
  if (type === Kind.Subcommand || type === Kind.SubcommandGroup) {
    const inner = readOptions(world, channel, declaredIn(option), given.options ?? []);
    // A subcommand with its own options is one of the union that an option's data is.
    const data = { name, type, options: inner.options } as APIApplicationCommandInteractionDataOption;
    return { options: [data], resolved: inner.resolved, path: [name, ...inner.path] };
  }
  checkValue(option, given.value);
  // The value has the type that the option's kind asks for.
  const data = { name, type, value: given.value } as APIApplicationCommandInteractionDataOption;
  return { options: [data], resolved: resolve(world, channel, type, `${given.value}`), path: [] };
}

const expected: Partial<Record<Kind, 'string' | 'number' | 'boolean'>> = {
  [Kind.Integer]: 'number',
  [Kind.Number]: 'number',
  [Kind.Boolean]: 'boolean',
};

function checkValue(option: Declared, value: GivenOption['value']): void {
  const at = ['data', 'options', option.name, 'value'];
  const refuse = (message: string) => invalid(at, 'APPLICATION_COMMAND_OPTION_VALUE_INVALID', message);
  const isInteger = option.type !== Kind.Integer || Number.isInteger(value);
  if (typeof value !== (expected[option.type] ?? 'string') || !isInteger) throw refuse('The value is of another kind');
  if ('choices' in option && option.choices?.length && !option.choices.some((choice) => choice.value === value)) {
    throw refuse('The value is none of the choices');
  }
  const { least, most, size } = boundsOf(option, value);
  if (size < least || size > most) throw refuse(`Must be between ${least} and ${most}`);
}

function boundsOf(option: Declared, value: GivenOption['value']): { least: number; most: number; size: number } {
  if (option.type === Kind.String) {
    const { min_length: least = 0, max_length: most = maxStringCharacters } = option;
    return { least, most, size: characters(`${value}`) };
  }
  if ((option.type === Kind.Integer || option.type === Kind.Number) && typeof value === 'number') {
    const least = 'min_value' in option ? option.min_value : undefined;
    const most = 'max_value' in option ? option.max_value : undefined;
    return { least: least ?? Number.NEGATIVE_INFINITY, most: most ?? Number.POSITIVE_INFINITY, size: value };
  }
  return { least: 0, most: 0, size: 0 };
}

/** What an id among the options stands for. */
function resolve(world: World, channel: Channel, type: Kind, id: string): APIInteractionDataResolved {
  const guild = world.guilds.get(channel.guildId ?? '');
  const role = guild?.roles.get(id);
  if (type === Kind.Role || (type === Kind.Mentionable && role)) return role ? { roles: { [id]: role } } : {};
  if (type === Kind.User || type === Kind.Mentionable) {
    const member = guild?.members.get(id);
    const users = { [id]: userPayload(userOf(world, id)) };
    if (member === undefined) return { users };
    const { user: _user, deaf: _deaf, mute: _mute, ...rest } = memberPayload(world, member);
    return { users, members: { [id]: { ...rest, permissions: `${permissionsIn(world, id, channel)}` } } };
  }
  if (type !== Kind.Channel) return {};
  // A channel of the union, with what its reader may do there.
  const found = { ...channelPayload(world, channelOf(world, id)), permissions: '0' };
  return { channels: { [id]: found } } as APIInteractionDataResolved;
}
