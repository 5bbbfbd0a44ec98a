import { randomBytes } from 'node:crypto';
import {
  type APIInteraction,
  type APIMessageInteractionMetadata,
  ApplicationCommandType,
  InteractionType,
} from 'discord-api-types/v10';
import { z } from 'zod';
import { maxFileBytes } from './attachments.js';
import type { Backend } from './backend.js';
import { submission } from './dialogs.js';
import { interactionCreated, interactionFailed, interactionPosted } from './events.js';
import { forget } from './forget.js';
import { contextOf, demandInvoking, type Owners, ownersOf } from './installation.js';
import { respondWithinMs } from './interactions.js';
import { messagePayload } from './message-payloads.js';
import { readOptions } from './options.js';
import { channelPayloadFor, memberPayload, userPayload } from './payloads.js';
import { may, permissionsIn, visibleChannel } from './permissions.js';
import { invalid, refusal } from './refusal.js';
import {
  type Application,
  applicationOf,
  type Channel,
  type Interaction,
  type Invoked,
  isDirect,
  type Message,
  messageOf,
  type User,
  type World,
} from './world.js';

const Option: z.ZodType<{
  type: number;
  name: string;
  value?: string | number | boolean | undefined;
  options?: OptionList;
}> = z.object({
  type: z.number(),
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean()]).optional(),
  options: z.lazy(() => z.array(Option)).optional(),
});
type OptionList = z.infer<typeof Option>[] | undefined;

const Entry = z.object({ custom_id: z.string(), value: z.string() });
const common = {
  application_id: z.string(),
  channel_id: z.string(),
  nonce: z.union([z.string(), z.number()]).optional(),
};

/** What Discord's own client posts to /interactions: a command, a pressed button, a submitted dialog box. */
const Invocation = z.discriminatedUnion('type', [
  z.object({
    ...common,
    type: z.literal(InteractionType.ApplicationCommand),
    data: z.object({ id: z.string(), name: z.string(), options: z.array(Option).optional() }),
  }),
  z.object({
    ...common,
    type: z.literal(InteractionType.MessageComponent),
    message_id: z.string(),
    data: z.object({ component_type: z.number(), custom_id: z.string(), values: z.array(z.string()).optional() }),
  }),
  z.object({
    ...common,
    type: z.literal(InteractionType.ModalSubmit),
    data: z.object({
      /** The interaction that opened the dialog box. */
      id: z.string(),
      custom_id: z.string(),
      components: z.array(z.object({ components: z.array(Entry).optional(), component: Entry.optional() })),
    }),
  }),
]);
type Invocation = z.infer<typeof Invocation>;
type Kind<Type extends Invocation['type']> = Extract<Invocation, { type: Type }>;

/** What is particular to one kind of interaction. */
interface Particulars {
  readonly data: APIInteraction['data'];
  readonly command: string | undefined;
  readonly metadata: Partial<APIMessageInteractionMetadata>;
  readonly message: Message | undefined;
}

/** Takes what a person's client posts, checks it as Discord does, and hands the interaction to the app. */
export function invoke(backend: Backend, user: User, body: unknown): Interaction {
  const { world } = backend;
  const read = Invocation.safeParse(body);
  if (!read.success) throw invalid(['data'], 'BASE_TYPE_REQUIRED', z.prettifyError(read.error));
  const invocation = read.data;
  const application = applicationOf(world, invocation.application_id);
  const channel = visibleChannel(world, user.id, invocation.channel_id);
  const particulars = particularsOf(backend, application, channel, user, invocation);
  const owners = ownersOf(backend, application, channel, user);
  const interaction = createInteraction(backend, application, channel, user, invocation, particulars, owners);
  forgetOld(world, backend.clock.now());
  world.interactions.set(interaction.id, interaction);
  backend.publish(interactionPosted(interaction));
  expectResponse(backend, interaction);
  backend.publish(
    interactionCreated(interactionPayload(backend, application, channel, user, interaction, particulars, owners)),
  );
  return interaction;
}

/** Long after its token died, and beyond so many, an interaction is forgotten. */
const interactionsLiveMs = 60 * 60_000;
const maxInteractions = 10_000;

function forgetOld({ interactions }: World, now: number): void {
  for (const { id, createdAt } of interactions.values()) {
    if (createdAt > now - interactionsLiveMs) break;
    interactions.delete(id);
  }
  forget(interactions, maxInteractions);
}

/** Once the three seconds are over, who invoked it is told that nothing came. */
function expectResponse({ publish }: Backend, interaction: Interaction): void {
  const look = () => {
    if (interaction.response === 'none') publish(interactionFailed(interaction));
  };
  setTimeout(look, respondWithinMs + 1).unref();
}

function particularsOf(
  backend: Backend,
  application: Application,
  channel: Channel,
  user: User,
  invocation: Invocation,
): Particulars {
  switch (invocation.type) {
    case InteractionType.ApplicationCommand:
      return command(backend, application, channel, user, invocation);
    case InteractionType.MessageComponent:
      return component(channel, user, application, invocation);
    case InteractionType.ModalSubmit:
      return dialog(backend, channel, user, invocation);
  }
}

function command(
  backend: Backend,
  application: Application,
  channel: Channel,
  user: User,
  { data }: Kind<2>,
): Particulars {
  const ofGuild = application.commands.get(channel.guildId ?? ' ') ?? [];
  const found = [...ofGuild, ...(application.commands.get('') ?? [])].find(
    ({ id, name }) => id === data.id && name === data.name,
  );
  if (found?.type !== ApplicationCommandType.ChatInput) throw refusal(10063);
  demandInvoking(backend, application, channel, user, found);
  const { options, resolved, path } = readOptions(backend.world, channel, found.options ?? [], data.options ?? []);
  const { id, name, type, guild_id } = found;
  const given = {
    ...(options.length > 0 && { options }),
    ...(Object.keys(resolved).length > 0 && { resolved }),
  };
  const own = { id, name, type, ...given, ...(guild_id !== undefined && { guild_id }) };
  return { data: own, command: [name, ...path].join(' '), metadata: {}, message: undefined };
}

function component(channel: Channel, user: User, application: Application, { message_id, data }: Kind<3>): Particulars {
  const message = messageOf(channel, message_id);
  if (message.onlyFor !== undefined && message.onlyFor !== user.id) throw refusal(10008);
  const pressed = buttonsOf(message.components).find(({ custom_id }) => custom_id === data.custom_id);
  if (pressed === undefined || pressed.disabled === true || message.authorId !== application.id) {
    throw invalid(['data', 'custom_id'], 'COMPONENT_VALIDATION_FAILED', 'Component validation failed');
  }
  // The component was found on the message; its values are what the client sends.
  const own = { ...data, id: pressed.id } as unknown as APIInteraction['data'];
  return { data: own, command: undefined, metadata: { interacted_message_id: message.id }, message };
}

interface Pressable {
  readonly id?: unknown;
  readonly custom_id: string;
  readonly disabled?: unknown;
}

/** Everything on a message that has a `custom_id`, however deep. */
function buttonsOf(components: unknown): Pressable[] {
  if (Array.isArray(components)) return components.flatMap(buttonsOf);
  if (components === null || typeof components !== 'object') return [];
  const inner = ['components', 'accessory'].flatMap((key) => buttonsOf(Reflect.get(components, key)));
  const isPressable = 'custom_id' in components && typeof components.custom_id === 'string';
  // Checked one line above.
  return isPressable ? [components as Pressable, ...inner] : inner;
}

function dialog({ world }: Backend, channel: Channel, user: User, { data }: Kind<5>): Particulars {
  const opener = world.interactions.get(data.id);
  if (opener?.modal?.custom_id !== data.custom_id || opener.userId !== user.id || opener.channelId !== channel.id) {
    throw refusal(10062);
  }
  const entries = data.components.flatMap((row) => [
    ...(row.components ?? []),
    ...(row.component ? [row.component] : []),
  ]);
  const own = submission(opener.modal, new Map(entries.map(({ custom_id, value }) => [custom_id, value])));
  opener.modal = undefined;
  const message = opener.messageId === undefined ? undefined : channel.messages.get(opener.messageId);
  const { metadata: triggering, command: opened } = opener.invoked;
  // A dialog box is not opened from a dialog box, so what triggered it is a command or a component.
  const metadata = { triggering_interaction_metadata: triggering } as Partial<APIMessageInteractionMetadata>;
  return { data: own, command: opened, metadata, message };
}

function createInteraction(
  backend: Backend,
  application: Application,
  channel: Channel,
  user: User,
  { type, nonce }: Invocation,
  { command: name, metadata, message }: Particulars,
  owners: Owners,
): Interaction {
  const id = backend.newId();
  // Put together for each type from what that type has.
  const own = {
    id,
    type,
    user: userPayload(user),
    authorizing_integration_owners: owners,
    ...metadata,
  } as APIMessageInteractionMetadata;
  const invoked: Invoked = { metadata: own, command: name };
  const isAtHome = owners[0] !== undefined || channel.people.has(application.id);
  return {
    id,
    token: Buffer.from(`interaction:${id}:${randomBytes(90).toString('base64url')}`).toString('base64url'),
    type,
    applicationId: application.id,
    userId: user.id,
    channelId: channel.id,
    createdAt: backend.clock.now(),
    nonce: nonce === undefined ? undefined : `${nonce}`,
    invoked,
    messageId: message?.id,
    isAtHome,
    isHidden: !isAtHome && !isDirect(channel) && !may(backend.world, user.id, channel, 'UseExternalApps'),
    response: 'none',
    originalId: undefined,
    modal: undefined,
    followUps: 0,
  };
}

function interactionPayload(
  { world }: Backend,
  application: Application,
  channel: Channel,
  user: User,
  { id, token, type }: Interaction,
  { data, message }: Particulars,
  owners: Owners,
): APIInteraction {
  const guild = world.guilds.get(channel.guildId ?? '');
  const member = guild?.members.get(user.id);
  const permissions = `${permissionsIn(world, user.id, channel)}`;
  const isMember = guild?.members.has(application.id) || channel.people.has(application.id);
  const payload = {
    id,
    application_id: application.id,
    type,
    data,
    token,
    version: 1,
    channel_id: channel.id,
    channel: { ...channelPayloadFor(world, channel, application.id), permissions },
    ...(guild && { guild_id: guild.id, guild: { id: guild.id, locale: 'en-US', features: [] }, guild_locale: 'en-US' }),
    ...(member ? { member: { ...memberPayload(world, member), permissions } } : { user: userPayload(user) }),
    ...(message && { message: messagePayload(world, message, { userId: application.id, readsContent: true }) }),
    app_permissions: `${permissionsIn(world, isMember ? application.id : user.id, channel)}`,
    locale: 'en-US',
    entitlements: [],
    authorizing_integration_owners: owners,
    context: contextOf(application, channel),
    attachment_size_limit: maxFileBytes,
  };
  // One of the union of interactions, by its type.
  return payload as unknown as APIInteraction;
}
