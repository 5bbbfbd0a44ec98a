import {
  type APIApplicationCommand,
  type APIApplicationCommandOption,
  type APIMessage,
  ApplicationCommandOptionType,
} from 'discord-api-types/v10';
import { type Dialog, textInputs } from './dialogs.js';
import { respondWithinMs } from './interactions.js';
import { messagePayload } from './message-payloads.js';
import type { GivenOption } from './options.js';
import { Refusal, refusal } from './refusal.js';
import type { DiscordServer } from './server.js';
import { byAge } from './snowflake.js';
import { applicationOf, channelOf, type User } from './world.js';

/** Anything with an id: a channel, a message, a person, an app. */
export interface Identified {
  readonly id: string;
}

/** The options of a command by name; something with an id stands for it. */
export type Options = Readonly<Record<string, string | number | boolean | Identified>>;

/** A use of a command, a button or a dialog box, as the person who made it sees it. It follows what the app does. */
export interface Use {
  readonly id: string;
  readonly applicationId: string;
  readonly channelId: string;
  /** `failed` is "The application did not respond": three seconds went by without an answer. */
  readonly state: 'waiting' | 'thinking' | 'answered' | 'dialog' | 'updated' | 'failed';
  /** Whether the answer is for this person alone. */
  readonly ephemeral: boolean;
  /** The answer, or what stands for it while the app thinks; none once it is deleted. */
  readonly message: APIMessage | undefined;
  /** What the app said after its answer, oldest first. */
  readonly followUps: APIMessage[];
  readonly dialog: Dialog | undefined;
}

const states = { message: 'answered', thinking: 'thinking', update: 'updated', modal: 'dialog' } as const;
let nonces = 0;

/** Posts an interaction as a person's client does, and follows what becomes of it. */
export async function use(
  server: DiscordServer,
  call: (method: 'POST', path: string, body: unknown) => Promise<unknown>,
  user: User,
  body: Readonly<Record<string, unknown>>,
): Promise<Use> {
  const { world, clock, touch } = server.backend;
  nonces += 1;
  const nonce = `${nonces}`;
  await call('POST', '/interactions', { ...body, nonce });
  const interaction = [...world.interactions.values()].findLast((one) => one.nonce === nonce && one.userId === user.id);
  if (interaction === undefined) throw new Error('The interaction got lost in the sandbox');
  // That an app said nothing is no event; who waits for it has to be woken all the same.
  setTimeout(touch, respondWithinMs + 1).unref();
  const { id, applicationId, channelId } = interaction;
  const viewer = { userId: user.id, readsContent: true };
  const original = () => world.channels.get(channelId)?.messages.get(interaction.originalId ?? '');
  return {
    id,
    applicationId,
    channelId,
    get state() {
      if (interaction.response !== 'none') return states[interaction.response];
      return clock.now() - interaction.createdAt > respondWithinMs ? 'failed' : 'waiting';
    },
    get ephemeral() {
      return original()?.onlyFor !== undefined;
    },
    get message() {
      const message = original();
      return message && messagePayload(world, message, viewer);
    },
    get followUps() {
      return [...(world.channels.get(channelId)?.messages.values() ?? [])]
        .filter((message) => message.interaction?.metadata.id === id && message.id !== interaction.originalId)
        .sort((one, other) => byAge(one.id, other.id))
        .map((message) => messagePayload(world, message, viewer));
    },
    get dialog() {
      return interaction.modal;
    },
  };
}

/** The command that a client would offer under this name. Throws 10063 if there is none. */
export function commandNamed(
  { backend: { world } }: DiscordServer,
  application: Identified,
  channel: Identified,
  name: string,
): APIApplicationCommand {
  const { commands } = applicationOf(world, application.id);
  const ofGuild = commands.get(channelOf(world, channel.id).guildId ?? ' ') ?? [];
  const found = [...ofGuild, ...(commands.get('') ?? [])].find((command) => command.name === name);
  if (found === undefined) throw refusal(10063);
  return found;
}

/** Options as a client sends them, in the subcommand that `path` names. */
export function optionData(
  declared: readonly APIApplicationCommandOption[],
  path: readonly string[],
  options: Options,
): GivenOption[] {
  const [subcommand, ...rest] = path;
  if (subcommand === undefined) return Object.entries(options).map(([name, value]) => given(declared, name, value));
  const found = declared.find(({ name }) => name === subcommand);
  if (found === undefined) throw new Refusal(404, 10063, `There is no subcommand ${subcommand}`);
  const inner = 'options' in found ? (found.options ?? []) : [];
  return [{ type: found.type, name: subcommand, options: optionData(inner, rest, options) }];
}

function given(declared: readonly APIApplicationCommandOption[], name: string, value: Options[string]): GivenOption {
  const type = declared.find((option) => option.name === name)?.type ?? ApplicationCommandOptionType.String;
  return { type, name, value: typeof value === 'object' ? value.id : value };
}

/** What a dialog box has in its inputs when it opens. */
export const prefilled = (dialog: Dialog): Record<string, string> =>
  Object.fromEntries(textInputs(dialog).map(({ custom_id, value = '' }) => [custom_id, value]));
