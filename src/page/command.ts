import type {
  APIApplicationCommand,
  APIApplicationCommandBasicOption,
  APIApplicationCommandOption,
} from 'discord-api-types/v10';

/** `GET /channels/{id}/application-command-index`: what a person may use in a channel. */
export interface CommandIndex {
  readonly applications: readonly { readonly id: string; readonly name: string }[];
  readonly application_commands: readonly APIApplicationCommand[];
}

/** A command that can be used as it stands: one with subcommands is several of these. */
export interface Usable {
  readonly command: APIApplicationCommand;
  readonly applicationName: string;
  /** The words that are typed for it, without the slash: `system set`. */
  readonly name: string;
  readonly description: string;
  /** The subcommand's group and the subcommand, outermost first. */
  readonly path: readonly APIApplicationCommandOption[];
  /** Required ones first. */
  readonly options: readonly APIApplicationCommandBasicOption[];
}

// "Application Command Option Type", by its numbers
export const optionTypes = {
  subcommand: 1,
  group: 2,
  string: 3,
  integer: 4,
  boolean: 5,
  user: 6,
  channel: 7,
  role: 8,
  mentionable: 9,
  number: 10,
  attachment: 11,
} as const;

/** Every command and subcommand of an index, by name. Those of a message's or a person's menu are not typed. */
export function usables({ applications, application_commands }: CommandIndex): Usable[] {
  return application_commands
    .filter(({ type }) => type === undefined || Number(type) === 1)
    .flatMap((command) => {
      const applicationName = applications.find(({ id }) => id === command.application_id)?.name ?? '';
      return leaves(command, applicationName, command.options ?? [], []);
    })
    .sort((one, other) => one.name.localeCompare(other.name));
}

function leaves(
  command: APIApplicationCommand,
  applicationName: string,
  options: readonly APIApplicationCommandOption[],
  path: readonly APIApplicationCommandOption[],
): Usable[] {
  const inner = options.filter(isSubcommand);
  if (inner.length > 0) {
    return inner.flatMap((option) =>
      leaves(command, applicationName, 'options' in option ? (option.options ?? []) : [], [...path, option]),
    );
  }
  const basic = options.filter((option): option is APIApplicationCommandBasicOption => !isSubcommand(option));
  return [
    {
      command,
      applicationName,
      name: [command.name, ...path.map(({ name }) => name)].join(' '),
      description: path.at(-1)?.description ?? command.description,
      path,
      options: basic.toSorted((one, other) => Number(other.required ?? false) - Number(one.required ?? false)),
    },
  ];
}

const isSubcommand = ({ type }: APIApplicationCommandOption): boolean =>
  Number(type) === optionTypes.subcommand || Number(type) === optionTypes.group;

/** What is wrong with the text given for an option, in words for the person; `undefined` if it can be sent. */
export function faultOf(option: APIApplicationCommandBasicOption, text: string): string | undefined {
  if (text === '') return option.required ? `${option.name} is required` : undefined;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = boundsOf(option);
  const isNumber = Number(option.type) === optionTypes.integer || Number(option.type) === optionTypes.number;
  const measured = isNumber ? Number(text) : [...text].length;
  if (Number.isNaN(measured)) return `${option.name} has to be a number`;
  if (Number(option.type) === optionTypes.integer && !Number.isInteger(measured)) {
    return `${option.name} has to be a whole number`;
  }
  const unit = isNumber ? '' : ' characters';
  if (measured < min) return `${option.name} has to be at least ${min}${unit}`;
  if (measured > max) return `${option.name} can be at most ${max}${unit}`;
  return undefined;
}

/** The bounds of a number, or of a text's length; a text is 6,000 characters at most in any case. */
export function boundsOf(option: APIApplicationCommandBasicOption): { readonly min?: number; readonly max?: number } {
  const given = (name: string): number | undefined => {
    const value: unknown = Reflect.get(option, name);
    return typeof value === 'number' ? value : undefined;
  };
  const isText = Number(option.type) === optionTypes.string;
  const min = given(isText ? 'min_length' : 'min_value');
  const max = given(isText ? 'max_length' : 'max_value') ?? (isText ? 6000 : undefined);
  return { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
}

/** The choices that an app gives for an option. */
export const choicesOf = (
  option: APIApplicationCommandBasicOption,
): readonly { readonly name: string; readonly value: string | number }[] =>
  ('choices' in option && Array.isArray(option.choices) ? option.choices : undefined) ?? [];

/** The data of the interaction that uses a command, with the options that have a value ("Application Command Data"). */
export function commandData({ command, path, options }: Usable, values: ReadonlyMap<string, string>): unknown {
  const given: unknown[] = options.flatMap((option) => {
    const text = values.get(option.name) ?? '';
    return text === '' ? [] : [{ type: option.type, name: option.name, value: typedValue(option, text) }];
  });
  const nested = path.toReversed().reduce((inner, { type, name }) => [{ type, name, options: inner }], given);
  const { id, name, type, version, guild_id } = command;
  return { id, name, type, version, ...(guild_id !== undefined && { guild_id }), options: nested };
}

function typedValue({ type }: APIApplicationCommandBasicOption, text: string): string | number | boolean {
  switch (Number(type)) {
    case optionTypes.integer:
    case optionTypes.number:
      return Number(text);
    case optionTypes.boolean:
      return text === 'true';
    default:
      return text;
  }
}
