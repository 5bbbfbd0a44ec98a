import type { MessageChange, MessageDraft } from 'discord-api-spec/zod';
import { MessageFlags } from 'discord-api-types/v10';
import { attach, type Upload } from './attachments.js';
import type { Backend } from './backend.js';
import { checkComponents } from './components.js';
import { allowedByDefault, checkAllowedMentions, readContent, readEmbeds, resolveMentions } from './content.js';
import { invalid, refusal } from './refusal.js';
import type { Channel, Message } from './world.js';

/** What kind of message a body is for: their defaults differ. */
export type Origin = keyof typeof allowedByDefault;

/** What a message says, read from a body and checked; and whom it pings. */
type Said = Pick<
  Message,
  'content' | 'embeds' | 'components' | 'attachments' | 'flags' | 'mentions' | 'mentionRoles' | 'mentionEveryone'
>;

/** Flags that a request may set; the rest is Discord's to set ("Message Flags"). */
const settable = {
  message: MessageFlags.SuppressEmbeds | MessageFlags.SuppressNotifications | MessageFlags.IsComponentsV2,
  interaction:
    MessageFlags.SuppressEmbeds |
    MessageFlags.SuppressNotifications |
    MessageFlags.IsComponentsV2 |
    MessageFlags.Ephemeral,
} as const satisfies Record<Origin, number>;

/** Reads a new message's body. Throws 50006 if there is nothing in it, 50035 for what Discord's limits forbid. */
export function readDraft(
  backend: Backend,
  channel: Channel,
  authorId: string,
  draft: MessageDraft,
  uploads: readonly Upload[],
  origin: Origin,
  repliedTo?: string,
): Said {
  const flags = (draft.flags ?? 0) & settable[origin];
  forbidLegacy(draft, flags);
  const content = readContent(draft.content ?? '');
  const embeds = readEmbeds(draft.embeds ?? []);
  checkComponents(draft.components ?? [], flags);
  const components = numbered(draft.components ?? []);
  if (!content && embeds.length + components.length + uploads.length === 0) throw refusal(50006);
  const allowed = draft.allowed_mentions ?? allowedByDefault[origin];
  checkAllowedMentions(allowed);
  const mentions = resolveMentions(backend.world, channel, authorId, content, allowed, repliedTo);
  return {
    content,
    embeds,
    components,
    flags,
    attachments: attach(backend, channel, uploads, draft.attachments),
    mentions: mentions.users,
    mentionRoles: mentions.roles,
    mentionEveryone: mentions.everyone,
  };
}

export function forbidLegacy({ content, embeds }: MessageDraft | MessageChange, flags: number): void {
  if ((flags & MessageFlags.IsComponentsV2) === 0) return;
  for (const [field, value] of Object.entries({ content, embeds })) {
    if (value === undefined || value === null || value.length === 0) continue;
    const message = `The '${field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2`;
    throw invalid([field], 'MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2', message);
  }
}

/** Components with the ids that Discord gives those that came without: 1, 2, 3 … in reading order. */
export function numbered<Component>(components: readonly Component[]): Component[] {
  let next = 0;
  const number = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(number);
    if (value === null || typeof value !== 'object') return value;
    const id = 'type' in value ? { id: 'id' in value && value.id ? value.id : ++next } : {};
    const nested = ['components', 'component', 'accessory'];
    const inner = Object.entries(value).map(([key, item]) => [key, nested.includes(key) ? number(item) : item]);
    return { ...Object.fromEntries(inner), ...id };
  };
  // Only ids were added.
  return number(components) as Component[];
}
