import {
  CreateMessageInteractionCallbackRequestSchema,
  type MessageChange,
  type MessageDraft,
  ModalInteractionCallbackRequestSchema,
  UpdateMessageInteractionCallbackRequestSchema,
} from 'discord-api-spec/zod';
import {
  InteractionResponseType,
  InteractionType,
  MessageFlags,
  MessageType,
  type RESTPostAPIInteractionCallbackWithResponseResult,
} from 'discord-api-types/v10';
import type { Upload } from './attachments.js';
import type { Backend } from './backend.js';
import { removeMessage } from './deletions.js';
import { checkDialog } from './dialogs.js';
import { numbered, readDraft } from './drafts.js';
import { dialogOpened, interactionSucceeded } from './events.js';
import { messagePayload } from './message-payloads.js';
import { changeMessage, publishMessage, reopen } from './messages.js';
import { invalid, refusal } from './refusal.js';
import { check } from './schema.js';
import { timeOf } from './snowflake.js';
import { type Channel, channelOf, createMessage, type Interaction, type Message, messageOf } from './world.js';

/** "You must send an initial response within 3 seconds"; the token then lives 15 minutes. */
export const respondWithinMs = 3_000;
const tokenLivesMs = 15 * 60_000;
const maxFollowUpsElsewhere = 5;

/** The first response to an interaction ("Create Interaction Response"). Returns what `with_response` asks for. */
export function respond(
  backend: Backend,
  id: string,
  token: string,
  body: unknown,
  uploads: readonly Upload[],
): RESTPostAPIInteractionCallbackWithResponseResult {
  const { world, clock } = backend;
  const interaction = world.interactions.get(id);
  if (interaction?.token !== token) throw refusal(10062);
  if (interaction.response !== 'none') throw refusal(40060);
  if (clock.now() - interaction.createdAt > respondWithinMs) throw refusal(10062);
  const type = body !== null && typeof body === 'object' && 'type' in body ? body.type : undefined;
  const message = respondAs(backend, interaction, type, body, uploads);
  backend.publish(interactionSucceeded(interaction));
  const viewer = { userId: interaction.applicationId, readsContent: true };
  return {
    interaction: {
      id,
      type: interaction.type,
      ...(message && {
        response_message_id: message.id,
        response_message_loading: (message.flags & MessageFlags.Loading) !== 0,
        response_message_ephemeral: message.onlyFor !== undefined,
      }),
    },
    // What was checked above to be one of the types.
    resource: {
      type: type as InteractionResponseType,
      ...(message && { message: messagePayload(world, message, viewer) }),
    },
  };
}

function respondAs(
  backend: Backend,
  interaction: Interaction,
  type: unknown,
  body: unknown,
  uploads: readonly Upload[],
): Message | undefined {
  switch (type) {
    case InteractionResponseType.ChannelMessageWithSource:
    case InteractionResponseType.DeferredChannelMessageWithSource: {
      const { data } = check(CreateMessageInteractionCallbackRequestSchema, body);
      const isThinking = type === InteractionResponseType.DeferredChannelMessageWithSource;
      return isThinking
        ? think(backend, interaction, data?.flags ?? 0)
        : answer(backend, interaction, data ?? {}, uploads);
    }
    case InteractionResponseType.DeferredMessageUpdate:
    case InteractionResponseType.UpdateMessage:
      return update(backend, interaction, check(UpdateMessageInteractionCallbackRequestSchema, body), uploads);
    case InteractionResponseType.Modal:
      return openDialog(backend, interaction, body);
    default:
      throw invalid(['type'], 'BASE_TYPE_CHOICES', 'Value must be one of {4, 5, 6, 7, 9}.');
  }
}

const channelIn = ({ world }: Backend, { channelId }: Interaction): Channel => channelOf(world, channelId);

/** A message of the app's, made by an interaction; nobody but the invoker sees it if it is ephemeral. */
function messageBy(backend: Backend, interaction: Interaction, said: Partial<Message>): Message {
  const { applicationId, channelId, userId, invoked, messageId, originalId, isHidden } = interaction;
  const flags = (said.flags ?? 0) | (isHidden ? MessageFlags.Ephemeral : 0);
  // A follow-up replies to the response, and the answer to a button to the message with the button.
  const target = originalId ?? messageId;
  return createMessage({
    ...said,
    id: backend.newId(),
    channelId,
    authorId: applicationId,
    type: target === undefined ? MessageType.ChatInputCommand : MessageType.Reply,
    reference: target === undefined ? undefined : { channelId, messageId: target },
    applicationId,
    interaction: invoked,
    flags,
    onlyFor: (flags & MessageFlags.Ephemeral) === 0 ? undefined : userId,
  });
}

function think(backend: Backend, interaction: Interaction, flags: number): Message {
  const channel = channelIn(backend, interaction);
  reopen(backend, channel, interaction.applicationId);
  const kept = (flags & MessageFlags.Ephemeral) | MessageFlags.Loading;
  const message = messageBy(backend, interaction, { flags: kept });
  interaction.response = 'thinking';
  interaction.originalId = message.id;
  return publishMessage(backend, channel, message);
}

function answer(backend: Backend, interaction: Interaction, draft: MessageDraft, uploads: readonly Upload[]): Message {
  const channel = channelIn(backend, interaction);
  const said = readDraft(backend, channel, interaction.applicationId, draft, uploads, 'interaction');
  reopen(backend, channel, interaction.applicationId);
  const message = messageBy(backend, interaction, said);
  interaction.response = 'message';
  interaction.originalId = message.id;
  return publishMessage(backend, channel, message);
}

/** Changes the message whose button was pressed, at once or later; there is none for a command. */
function update(
  backend: Backend,
  interaction: Interaction,
  { type, data }: { readonly type: number; readonly data?: MessageChange | null },
  uploads: readonly Upload[],
): Message {
  if (interaction.messageId === undefined) {
    throw invalid(['type'], 'INTERACTION_APPLICATION_COMMAND_INVALID_TYPE', 'There is no message to update');
  }
  const channel = channelIn(backend, interaction);
  const message = messageOf(channel, interaction.messageId);
  if (type === InteractionResponseType.UpdateMessage)
    changeMessage(backend, channel, message, data ?? {}, uploads, 'interaction');
  interaction.response = 'update';
  interaction.originalId = message.id;
  return message;
}

/** A dialog box answers a command or a button, never another dialog box. */
function openDialog(backend: Backend, interaction: Interaction, body: unknown): undefined {
  const { data } = check(ModalInteractionCallbackRequestSchema, body);
  if (interaction.type === InteractionType.ModalSubmit) {
    throw invalid(['type'], 'INTERACTION_MODAL_INVALID', 'A modal cannot be the response to a modal');
  }
  checkDialog(data);
  interaction.response = 'modal';
  interaction.modal = { ...data, components: numbered(data.components) };
  backend.publish(dialogOpened(backend.world, interaction, interaction.modal));
  return undefined;
}

/**
 * The interaction that a webhook route means. Throws 50027 after 15 minutes, and 10015 for a strange token and before
 * the first response: the webhook does not exist yet.
 */
export function interactionBy({ world, clock }: Backend, applicationId: string, token: string): Interaction {
  // A token has its interaction's id in it.
  const [, id = ''] = Buffer.from(token, 'base64url').toString().split(':');
  const interaction = world.interactions.get(id);
  // One that is so old that it is forgotten is told by its id.
  if (interaction === undefined && /^\d+$/.test(id) && timeOf(id) < clock.now() - tokenLivesMs) throw refusal(50027);
  if (interaction?.token !== token || interaction.applicationId !== applicationId || interaction.response === 'none')
    throw refusal(10015);
  if (clock.now() - interaction.createdAt > tokenLivesMs) throw refusal(50027);
  return interaction;
}

/** A message that this interaction's token made or may change: `@original` is the response. */
export function readResponse(backend: Backend, interaction: Interaction, id: string): Message {
  const wanted = id === '@original' ? (interaction.originalId ?? '') : id;
  const message = messageOf(channelIn(backend, interaction), wanted);
  const isOwn = message.id === interaction.originalId || message.interaction?.metadata.id === interaction.id;
  if (!isOwn) throw refusal(10008);
  return message;
}

/** "Edit Original Interaction Response" and "Edit Followup Message"; a response that was put off is given by it. */
export function editResponse(
  backend: Backend,
  interaction: Interaction,
  id: string,
  change: MessageChange,
  uploads: readonly Upload[],
): Message {
  const message = readResponse(backend, interaction, id);
  changeMessage(backend, channelIn(backend, interaction), message, change, uploads, 'interaction');
  if (interaction.response === 'thinking' && message.id === interaction.originalId) interaction.response = 'message';
  return message;
}

/** Deletes what the token made. A response that was put off is then given: what follows is a follow-up of its own. */
export function deleteResponse(backend: Backend, interaction: Interaction, id: string): void {
  const message = readResponse(backend, interaction, id);
  const channel = channelIn(backend, interaction);
  if (channel.archived) throw refusal(50083);
  if (interaction.response === 'thinking' && message.id === interaction.originalId) interaction.response = 'message';
  removeMessage(backend, channel, message);
}

/**
 * "Create Followup Message". While the response is still put off, the first follow-up takes its place, and is as
 * private as the deferral said. Where the app is not at home, there are five.
 */
export function followUp(
  backend: Backend,
  interaction: Interaction,
  draft: MessageDraft,
  uploads: readonly Upload[],
): Message {
  const { allowed_mentions, attachments, components, content, embeds, flags } = draft;
  if (interaction.response === 'thinking') {
    const given = Object.entries({ allowed_mentions, attachments, components, content, embeds, flags });
    const change: MessageChange = Object.fromEntries(given.filter(([, value]) => value !== undefined));
    return editResponse(backend, interaction, '@original', change, uploads);
  }
  if (!interaction.isAtHome && interaction.followUps >= maxFollowUpsElsewhere) throw refusal(40094);
  const channel = channelIn(backend, interaction);
  const said = readDraft(backend, channel, interaction.applicationId, draft, uploads, 'interaction');
  reopen(backend, channel, interaction.applicationId);
  interaction.followUps += 1;
  return publishMessage(backend, channel, messageBy(backend, interaction, said));
}
