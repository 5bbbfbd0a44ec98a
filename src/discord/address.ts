import { z } from 'zod';

/** What is no id of Discord's leads nowhere. */
const snowflake = z.string().regex(/^\d{1,20}$/);

/** A message that holds a part of an answer; `isOwn` where the bot wrote it by its own right, not by an interaction's token. */
const sentShape = z.object({ id: snowflake, channelId: z.string(), isOwn: z.boolean() });

const messageShape = z.object({
  kind: z.literal('message'),
  channelId: z.string(),
  /** The message that is answered. */
  questionId: snowflake,
  /** Set where the question was not on disk before: then nothing but a failure can stand below it. */
  isMissed: z.literal(true).optional(),
  /** Parts that are not known are younger than this message; younger than the first part, where it is missing. */
  since: snowflake.optional(),
  sent: z.array(sentShape),
});

const interactionShape = z.object({
  kind: z.literal('interaction'),
  interactionId: snowflake,
  applicationId: z.string(),
  token: z.string(),
  channelId: z.string(),
  askerId: z.string(),
  isPrivate: z.boolean(),
  /** Whether the bot itself is in the channel, and not only there because the asker has it installed for themselves. */
  isMember: z.boolean(),
  sent: z.array(sentShape),
});

const addressShape = z.discriminatedUnion('kind', [messageShape, interactionShape]);

/** A part of an answer, where it stands. */
export type Sent = Readonly<z.infer<typeof sentShape>>;

export type MessageAddress = Readonly<z.infer<typeof messageShape>>;
export type InteractionAddress = Readonly<z.infer<typeof interactionShape>>;

/** Where an answer is shown, and how far it has come there: all that another process needs to go on. */
export type Address = MessageAddress | InteractionAddress;

export const writeAddress = (address: Address): string => JSON.stringify(address);

/** Undefined where it is no address of this front. */
export function readAddress(text: string): Address | undefined {
  try {
    return addressShape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
