import { setTimeout as delay } from 'node:timers/promises';
import {
  type APIModalInteractionResponseCallbackData,
  type APITextInputComponent,
  ApplicationIntegrationType,
  type ButtonInteraction,
  type ChatInputCommandInteraction,
  ComponentType,
  DiscordAPIError,
  InteractionContextType,
  MessageFlags,
  type ModalSubmitInteraction,
  PermissionFlagsBits,
  type REST,
  RESTJSONErrorCodes,
  Routes,
  TextInputStyle,
} from 'discord.js';
import type { Logger } from 'pino';
import type { Answer, Audience, Chat, LeftTurn } from '../chat.js';
import { type Action, actionsOf, type Command, type Form, type TextOption, type Use } from '../command.js';
import { UserError } from '../errors.js';
import type { Place, Question, Speaker } from '../question.js';
import { paintReply } from '../reply.js';
import { type InteractionAddress, writeAddress } from './address.js';
import type { Backlog } from './backlog.js';
import { placeOf, readable } from './mention.js';
import type { DiscordPace } from './pace.js';
import { ASK_AGAIN, surfaceAt } from './surface.js';

/** The longest text that a text input of a dialog box takes ("Component Reference", text input). */
const FORM_LENGTH = 4000;

/** The longest question that is shown whole above its answer. */
const SHOWN_QUESTION = 1000;

/** Of how many people, mentioned in one question, the names are asked for. */
const MOST_STRANGERS = 5;

/** How soon Discord is told that an answer will come, if none has: it gives three seconds ("Receiving and Responding"). */
const ACKNOWLEDGE_MS = 1500;

/**
 * For how long a command waits until its channel has been looked through. It is lost with the process until it is written
 * down, and had better not be acknowledged before; so what was missed and is found later than this stands behind it.
 */
const PATIENCE_MS = 1000;

/** How long the names of people who are mentioned may take. */
const MEET_MS = 1000;

/** The longest text of a message. */
const MESSAGE_LENGTH = 2000;

/** How many interactions are remembered, to know one that comes again. */
const MOST_RECENT = 1000;

/** A command's action with the command that it belongs to. */
interface Entry {
  readonly command: Command;
  readonly action: Action;
}

/** The values of a command's options, wherever they were entered. */
type Values = Pick<Use, 'text' | 'flag'>;

/** An interaction that is answered with a reply. */
type Interaction = ChatInputCommandInteraction | ModalSubmitInteraction | ButtonInteraction;

/** What interactions are answered with. */
export interface InteractionMeans {
  readonly commands: readonly Command[];
  readonly chat: Chat;
  readonly rest: REST;
  readonly pace: DiscordPace;
  /** The bot's own id. */
  readonly me: string;
  readonly log: Logger;
  readonly whenRead: Backlog['whenRead'];
}

/** Answers uses of the commands: of a slash command, of the dialog box that asks for a text, of the button below a failure. */
export function createInteractions({ commands, chat, rest, pace, me, log, whenRead }: InteractionMeans) {
  const entries = new Map<string, Entry>(
    commands.flatMap((command) =>
      [...actionsOf(command)].map(([words, action]) => [words, { command, action }] as const),
    ),
  );

  const recent = new Set<string>();

  /** Awaited only where there is need, because questions are answered in the order in which they get here. */
  const whenItsTurn = ({ id, channelId, guildId }: Interaction): Promise<void> | undefined =>
    whenRead({ id, channelId: channelId ?? '', isDirect: guildId === null }, PATIENCE_MS);

  /** Does what a command does, and replies: at once, or in two steps where that takes a while. */
  async function perform(interaction: Interaction, { command, action }: Entry, values: Values): Promise<void> {
    const response = respondTo(interaction, action.isPrivate(values));
    const ask = async (text: string) => {
      const read = whenItsTurn(interaction);
      if (read) await read;
      const strangers = strangersIn(interaction, text);
      if (strangers.length > 0) await meet(interaction, strangers);
      await chat.answer({ ...asked(interaction, text), isPrivate: response.isPrivate }, response.audience(text));
    };
    const use = {
      chat,
      commands,
      place: placeOfInteraction(interaction),
      speaker: speakerOf(interaction),
      ask,
      hint: HINT,
      ...values,
    };
    const run = async () => {
      if (!isAllowed(interaction, command)) throw new UserError('This is for people who may manage the channel.');
      return action.run(use);
    };
    try {
      const text = await run();
      if (text !== undefined) await response.tell(text);
    } catch (error) {
      // What can't be shown can't be told there either.
      if (response.isShown()) throw error;
      if (!(error instanceof UserError)) log.error({ err: error, interaction: interaction.id }, 'command failed');
      await response.show(failing(error));
    } finally {
      response.end();
    }
  }

  /** The one response that an interaction has, and what becomes of it. It belongs to the turn of that id. */
  function respondTo(interaction: Interaction, isPrivate: boolean, turnId = interaction.id) {
    const address = addressOf(interaction, isPrivate);
    const flags = isPrivate ? ({ flags: MessageFlags.Ephemeral } as const) : {};
    let acknowledged: Promise<void> | undefined;
    let isShown = false;

    const acknowledge = (): Promise<void> => {
      acknowledged ??= orAsIf(interaction.deferReply(flags)).then(() => {});
      // Awaited where it matters; until then, another answer may be in the way.
      acknowledged.catch(() => {});
      return acknowledged;
    };
    const timer = setTimeout(acknowledge, ACKNOWLEDGE_MS);

    async function show(answer: Answer, head = '', stopped?: AbortSignal, moved = async (_: string) => {}) {
      isShown = true;
      await acknowledge();
      const means = { rest, pace, me, log, turnId, isTakenUp: false, moved };
      await paintReply(answer, surfaceAt(address, head, means), stopped ?? new AbortController().signal);
    }

    return {
      isPrivate,
      isShown: () => isShown,
      show,
      /** Replies with a text, in one request where it can be. */
      async tell(text: string): Promise<void> {
        if (acknowledged || text.length > MESSAGE_LENGTH) return show(oneText(text));
        const replied = orAsIf(interaction.reply({ content: text, ...flags, allowedMentions: { parse: [] } }));
        acknowledged = replied.then(() => {});
        acknowledged.catch(() => {});
        if (!(await replied)) await show(oneText(text));
      },
      audience: (text: string): Audience => ({
        address: writeAddress(address),
        // Not before: what was acknowledged and then forgotten with the process would be "thinking" for ever.
        taken: () => void acknowledge(),
        waits() {},
        reply: (answer, { stopped, moved }) => show(answer, headOf(text), stopped, moved),
        refuse: (why) => show(failing(why)),
      }),
      end: () => clearTimeout(timer),
    };
  }

  /** Asks a question again that came to nothing. */
  async function askAgain(interaction: ButtonInteraction, turnId: string): Promise<void> {
    const question = await chat.questionOf(turnId);
    const id = idAgain(turnId);
    const objection = await objectionTo(question, id, interaction);
    const response = respondTo(interaction, objection !== undefined || question?.isPrivate === true, id);
    try {
      if (objection !== undefined || !question) return await response.tell(objection ?? FORGOTTEN);
      const audience = response.audience(question.text);
      let isTaken = false;
      const taken = () => {
        isTaken = true;
        audience.taken?.();
      };
      const reply: Audience['reply'] = (answer, showing) => {
        takeButtonAway(interaction);
        return audience.reply(answer, showing);
      };
      const read = whenItsTurn(interaction);
      if (read) await read;
      await chat.answer({ ...question, id }, { ...audience, taken, reply });
      // Another press was faster. What was taken and not shown is for the next process to show.
      if (!isTaken) await response.tell(ASKED_AGAIN);
    } finally {
      response.end();
    }
  }

  async function objectionTo(question: Question | undefined, id: string, { user }: Interaction) {
    if (!question) return FORGOTTEN;
    if (question.speaker.id !== user.id) return 'Only the person who asked this can ask it again.';
    if (await chat.hasTaken(id)) return ASKED_AGAIN;
    // Not written down as refused: the button is to work when there is room.
    return chat.refusal(question)?.message;
  }

  /** A button that does nothing any more had better go; but only a message that everybody sees can be edited later. */
  function takeButtonAway({ message }: ButtonInteraction): void {
    if (message.flags.has(MessageFlags.Ephemeral)) return;
    const route = Routes.channelMessage(message.channelId, message.id);
    pace
      .allow('preview')
      .then(() => rest.patch(route, { body: { components: [] } }))
      .catch(() => {});
  }

  /** Whether this event was not here before; the gateway may deliver one again. */
  function isNew({ id }: Interaction): boolean {
    if (recent.has(id)) return false;
    recent.add(id);
    for (const old of recent) if (recent.size > MOST_RECENT) recent.delete(old);
    return true;
  }

  return {
    /** Those who see the answer to an interaction that another process began to answer. */
    revive(address: InteractionAddress, { id, question }: LeftTurn): Audience {
      const head = question ? headOf(question.text) : '';
      const show = (answer: Answer, stopped: AbortSignal, moved: (address: string) => Promise<void>) => {
        const means = { rest, pace, me, log, turnId: id, isTakenUp: true, moved };
        return paintReply(answer, surfaceAt(address, head, means), stopped);
      };
      return {
        address: writeAddress(address),
        waits() {},
        reply: (answer, { stopped, moved }) => show(answer, stopped, moved),
        refuse: (why) => show(failing(why), new AbortController().signal, async () => {}),
      };
    },

    async onButton(interaction: ButtonInteraction): Promise<void> {
      if (!isNew(interaction) || !interaction.customId.startsWith(ASK_AGAIN)) return;
      await askAgain(interaction, interaction.customId.slice(ASK_AGAIN.length));
    },

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
 * Waits for a first response. Where Discord may have it although its own answer was lost, we go on as if it had: only then
 * can what was begun be ended.
 *
 * @returns whether it is sure
 * @throws what Discord refuses with, where there is nothing to go on with
 */
async function orAsIf(response: Promise<unknown>): Promise<boolean> {
  try {
    await response;
    return true;
  } catch (error) {
    const isRefused = error instanceof DiscordAPIError && error.status < 500;
    if (isRefused && error.code !== RESTJSONErrorCodes.InteractionHasAlreadyBeenAcknowledged) throw error;
    return false;
  }
}

const HINT = 'Mention me with a question, reply to one of my answers, or write to me directly.';
const ASKED_AGAIN = 'This was asked again already.';
const FORGOTTEN = 'That question has been forgotten. Please ask it anew.';

/** A question that is asked again is a turn of its own, and one for however many presses of its button. */
function idAgain(turnId: string): string {
  const [id = '', times = '0'] = turnId.split('~');
  return `${id}~${Number(times) + 1}`;
}

const addressOf = (interaction: Interaction, isPrivate: boolean): InteractionAddress => ({
  kind: 'interaction',
  interactionId: interaction.id,
  applicationId: interaction.applicationId,
  token: interaction.token,
  channelId: interaction.channelId ?? '',
  askerId: interaction.user.id,
  isPrivate,
  isMember: isMember(interaction),
  sent: [],
});

/** Whether the bot itself is in the place, and not only there because the asker has it installed for themselves. */
const isMember = (interaction: Interaction): boolean =>
  interaction.guildId === null
    ? interaction.context !== InteractionContextType.PrivateChannel
    : interaction.guild !== null;

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
  const met = Promise.allSettled(ids.map((id) => (guild ? guild.members.fetch(id) : client.users.fetch(id))));
  await Promise.race([met, delay(MEET_MS, undefined, { ref: false })]);
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

async function* failing(error: unknown): Answer {
  yield* [];
  throw error;
}
