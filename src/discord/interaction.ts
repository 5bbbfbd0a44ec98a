import {
  type APIModalInteractionResponseCallbackData,
  type APITextInputComponent,
  ApplicationIntegrationType,
  type ChatInputCommandInteraction,
  ComponentType,
  MessageFlags,
  type ModalSubmitInteraction,
  PermissionFlagsBits,
  TextInputStyle,
} from 'discord.js';
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

/** A command's action with the command that it belongs to. */
interface Entry {
  readonly command: Command;
  readonly action: Action;
}

/** The values of a command's options, wherever they were entered. */
type Values = Pick<Use, 'text' | 'flag'>;

/** Answers uses of the commands: of a slash command, and of the dialog box that asks for a text that was left out. */
export function createInteractions(commands: readonly Command[], chat: Chat, pace: DiscordPace) {
  const entries = new Map<string, Entry>(
    commands.flatMap((command) =>
      [...actionsOf(command)].map(([words, action]) => [words, { command, action }] as const),
    ),
  );

  /** Acknowledges first, because Discord gives three seconds; then does it, and replies. */
  async function perform(interaction: Interaction, { command, action }: Entry, values: Values): Promise<void> {
    const isPrivate = action.isPrivate(values);
    const acknowledged = interaction.deferReply(isPrivate ? { flags: MessageFlags.Ephemeral } : {});
    const show = async (answer: Answer, head: string) => {
      await acknowledged;
      await paintReply(answer, interactionSurface(interaction, pace, head, isPrivate));
    };
    const ask = (text: string) => {
      const question = { ...asked(interaction, text), isPrivate };
      return chat.answer(question, { waits() {}, reply: (answer) => show(answer, headOf(text)) });
    };
    const use = {
      chat,
      commands,
      place: placeOfInteraction(interaction),
      speaker: speakerOf(interaction),
      ask,
      ...values,
    };
    const reply = await Promise.resolve()
      .then(() => allowed(interaction, command))
      .then(() => action.run(use))
      .then(telling, failing);
    await acknowledged;
    if (reply) await show(reply, '');
  }

  return {
    async onCommand(interaction: ChatInputCommandInteraction): Promise<void> {
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
      if (!missing || !isAskedFor(missing)) return perform(interaction, entry, values);
      const use = {
        chat,
        commands,
        place: placeOfInteraction(interaction),
        speaker: speakerOf(interaction),
        ...values,
      };
      const prefill = await missing.form.prefill?.({ ...use, ask: async () => {} });
      await interaction.showModal(dialogBox(words, missing, prefill));
    },

    async onForm(interaction: ModalSubmitInteraction): Promise<void> {
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
    ...(prefill && { value: prefill.slice(0, longest).toWellFormed() }),
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
function allowed(interaction: Interaction, { isForManagers }: Command): void {
  const isServers = interaction.authorizingIntegrationOwners[ApplicationIntegrationType.GuildInstall] !== undefined;
  if (!isForManagers || isServers || interaction.guildId === null) return;
  if (interaction.memberPermissions?.has(PermissionFlagsBits.ManageChannels)) return;
  throw new UserError('This is for people who may manage the channel.');
}

const placeOfInteraction = ({ channel, channelId }: Interaction): Place =>
  channel && 'isThread' in channel ? placeOf(channel) : { channelId: channelId ?? '' };

function speakerOf({ user, member }: Interaction): Speaker {
  const nick = member && ('displayName' in member ? member.displayName : member.nick);
  return { id: user.id, handle: user.username, name: nick ?? user.displayName };
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
  return `${shown.trim().replaceAll(/^/gm, '> ')}\n\n`;
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
