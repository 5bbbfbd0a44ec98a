import {
  type APIModalInteractionResponseCallbackData,
  type APITextInputComponent,
  ApplicationIntegrationType,
  type ChatInputCommandInteraction,
  ComponentType,
  DiscordAPIError,
  MessageFlags,
  type ModalSubmitInteraction,
  PermissionFlagsBits,
  RESTJSONErrorCodes,
  TextInputStyle,
} from 'discord.js';
import type { Logger } from 'pino';
import type { Answer, Chat } from '../chat.js';
import { type Action, actionsOf, type Command, type Form, type TextOption, type Use } from '../command.js';
import { UserError } from '../errors.js';
import type { Place, Speaker } from '../question.js';
import { paintReply } from '../reply.js';
import { placeOf, readable } from './mention.js';
import type { DiscordPace } from './pace.js';
import { type Interaction, interactionSurface } from './surface.js';

/** The longest text that a text input of a dialog box takes ("Component Reference", text input). */
const FORM_LENGTH = 4000;

/** The longest question that is shown whole above its answer. */
const SHOWN_QUESTION = 1000;

/** Of how many people, mentioned in one question, the names are asked for. */
const MOST_STRANGERS = 5;

/** How many interactions are remembered, to know one that comes again. */
const MOST_RECENT = 1000;

/** A command's action with the command that it belongs to. */
interface Entry {
  readonly command: Command;
  readonly action: Action;
}

/** The values of a command's options, wherever they were entered. */
type Values = Pick<Use, 'text' | 'flag'>;

/** Answers uses of the commands: of a slash command, and of the dialog box that asks for a text that was left out. */
export function createInteractions(commands: readonly Command[], chat: Chat, pace: DiscordPace, log: Logger) {
  const entries = new Map<string, Entry>(
    commands.flatMap((command) =>
      [...actionsOf(command)].map(([words, action]) => [words, { command, action }] as const),
    ),
  );

  const recent = new Set<string>();

  /** Acknowledges first, because Discord gives three seconds; then does it, and replies. */
  async function perform(interaction: Interaction, { command, action }: Entry, values: Values): Promise<void> {
    const isPrivate = action.isPrivate(values);
    const acknowledged = acknowledge(interaction, isPrivate);
    // Awaited where it matters; until then, another answer may be in the way.
    acknowledged.catch(() => {});
    let isShown = false;
    const show = async (answer: Answer, head: string, stopped: AbortSignal) => {
      isShown = true;
      await acknowledged;
      await paintReply(answer, interactionSurface(interaction, pace, head, isPrivate), stopped);
    };
    const ask = async (text: string) => {
      // Awaited only where there is a name to learn, because questions are answered in the order in which they get here.
      const strangers = strangersIn(interaction, text);
      if (strangers.length > 0) await meet(interaction, strangers);
      const question = { ...asked(interaction, text), isPrivate };
      return chat.answer(question, { waits() {}, reply: (answer, stopped) => show(answer, headOf(text), stopped) });
    };
    const use = {
      chat,
      commands,
      place: placeOfInteraction(interaction),
      speaker: speakerOf(interaction),
      ask,
      ...values,
    };
    const run = async () => {
      if (!isAllowed(interaction, command)) throw new UserError('This is for people who may manage the channel.');
      return action.run(use);
    };
    const reply = await run().then(telling, (error) => {
      // What can't be shown can't be told there either.
      if (isShown) throw error;
      if (!(error instanceof UserError)) log.error({ err: error, interaction: interaction.id }, 'command failed');
      return failing(error);
    });
    await acknowledged;
    if (reply) await show(reply, '', new AbortController().signal);
  }

  /** Whether this event was not here before; the gateway may deliver one again. */
  function isNew({ id }: Interaction): boolean {
    if (recent.has(id)) return false;
    recent.add(id);
    for (const old of recent) if (recent.size > MOST_RECENT) recent.delete(old);
    return true;
  }

  return {
    async onCommand(interaction: ChatInputCommandInteraction): Promise<void> {
      if (!isNew(interaction)) return;
      const words = [interaction.commandName, interaction.options.getSubcommand(false)].filter(Boolean).join(' ');
      const entry = entries.get(words);
      if (!entry) throw new Error(`There is no command /${words}.`);
      const values: Values = {
        text: (option) => interaction.options.getString(option) ?? undefined,
        flag: (option) => interaction.options.getBoolean(option) ?? false,
      };
      const missing = entry.action.options?.find(
        (option) => isAskedFor(option) && values.text(option.name) === undefined,
      );
      if (!missing || !isAskedFor(missing) || !isAllowed(interaction, entry.command)) {
        return perform(interaction, entry, values);
      }
      const prefill = await missing.form.prefill?.({ chat, place: placeOfInteraction(interaction) });
      await interaction.showModal(dialogBox(words, missing, prefill));
    },

    async onForm(interaction: ModalSubmitInteraction): Promise<void> {
      if (!isNew(interaction)) return;
      const [words = '', option = ''] = interaction.customId.split(':');
      const entry = entries.get(words);
      if (!entry) throw new Error(`There is no command /${words}.`);
      const text = interaction.fields.getTextInputValue(option);
      await perform(interaction, entry, { text: (name) => (name === option ? text : undefined), flag: () => false });
    },
  };
}

const isAskedFor = (option: object): option is TextOption & { readonly form: Form } => 'form' in option;

function dialogBox(
  words: string,
  { name, form, maxLength }: TextOption & { readonly form: Form },
  prefill?: string,
): APIModalInteractionResponseCallbackData {
  const longest = Math.min(maxLength, FORM_LENGTH);
  const input: APITextInputComponent = {
    type: ComponentType.TextInput,
    custom_id: name,
    style: TextInputStyle.Paragraph,
    max_length: longest,
    required: true,
    // A text cut short would be saved as such by whoever only looks.
    ...(prefill && prefill.length <= longest && { value: prefill }),
  };
  return {
    custom_id: `${words}:${name}`,
    title: form.title,
    components: [{ type: ComponentType.Label, label: form.label, component: input }],
  };
}

/**
 * Discord itself keeps a command for managers from others, as the server's owner has set it; but only where the server
 * has the app, not where a member has it for themselves ("Application Commands", permissions).
 */
function isAllowed(interaction: Interaction, { isForManagers }: Command): boolean {
  const isServers = interaction.authorizingIntegrationOwners[ApplicationIntegrationType.GuildInstall] !== undefined;
  if (!isForManagers || isServers || interaction.guildId === null) return true;
  return interaction.memberPermissions?.has(PermissionFlagsBits.ManageChannels) ?? false;
}

/**
 * Tells Discord that an answer will come. Where it may have heard so although its own answer was lost, we go on as if it
 * had: only then can what was begun be ended.
 *
 * @throws what Discord refuses with, where there is nothing to go on with
 */
async function acknowledge(interaction: Interaction, isPrivate: boolean): Promise<void> {
  try {
    await interaction.deferReply(isPrivate ? { flags: MessageFlags.Ephemeral } : {});
  } catch (error) {
    const isRefused = error instanceof DiscordAPIError && error.status < 500;
    if (isRefused && error.code !== RESTJSONErrorCodes.InteractionHasAlreadyBeenAcknowledged) throw error;
    interaction.deferred = true;
  }
}

const placeOfInteraction = ({ channel, channelId }: Interaction): Place =>
  channel && 'isThread' in channel ? placeOf(channel) : { channelId: channelId ?? '' };

function speakerOf({ user, member }: Interaction): Speaker {
  const nick = member && ('displayName' in member ? member.displayName : member.nick);
  return { id: user.id, handle: user.username, name: nick ?? user.displayName };
}

/** The ids of people whom a text mentions and the caches don't know; Discord sends no names with a command's text. */
function strangersIn({ guild, client }: Interaction, text: string): string[] {
  const known = guild?.members.cache ?? client.users.cache;
  const mentioned = [...text.matchAll(/<@!?(\d{17,20})>/g)].map(([, id]) => id ?? '');
  return [...new Set(mentioned)].filter((id) => !known.has(id)).slice(0, MOST_STRANGERS);
}

/** Asks Discord for people's names. Who is not found stays a stranger. */
async function meet({ guild, client }: Interaction, ids: readonly string[]): Promise<void> {
  await Promise.allSettled(ids.map((id) => (guild ? guild.members.fetch(id) : client.users.fetch(id))));
}

function asked(interaction: Interaction, prompt: string) {
  const { id, client, guild } = interaction;
  const text = readable(prompt, {
    user: (userId) => guild?.members.cache.get(userId)?.displayName ?? client.users.cache.get(userId)?.displayName,
    role: (roleId) => guild?.roles.cache.get(roleId)?.name,
    channel: (channelId) => guild?.channels.cache.get(channelId)?.name,
  }).trim();
  return { id, place: placeOfInteraction(interaction), speaker: speakerOf(interaction), text, attachments: [] };
}

/** Others don't see what somebody gave a command, so the question stands above its answer. */
function headOf(question: string): string {
  const shown = question.length > SHOWN_QUESTION ? `${question.slice(0, SHOWN_QUESTION).toWellFormed()} …` : question;
  // What the question leaves open must not swallow the answer: code fences go, a spoiler is closed.
  const closed = shown.replaceAll('```', "'''");
  const whole = closed.split('||').length % 2 === 0 ? `${closed}||` : closed;
  return `${whole.trim().replaceAll(/^/gm, '> ')}\n\n`;
}

async function* oneText(text: string): Answer {
  yield text;
  return [];
}

const telling = (text: string | undefined): Answer | undefined => (text === undefined ? undefined : oneText(text));

async function* failing(error: unknown): Answer {
  yield* [];
  throw error;
}
