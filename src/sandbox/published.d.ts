/**
 * The part of `discord-api-spec/zod` that the sandbox uses. The package publishes Discord's schemas without types;
 * discord-api-types describes the same bodies, except that Discord takes `null` for almost everything left out.
 */
declare module 'discord-api-spec/zod' {
  import type * as api from 'discord-api-types/v10';

  type OrNull<Body> = { [Field in keyof Body]: Body[Field] | null };

  /** What a schema is to the sandbox: something that checks, and tells by its type what it lets through. */
  export interface PublishedSchema<Body> {
    safeParse(
      value: unknown,
    ):
      | { readonly success: true; readonly data: Body }
      | { readonly success: false; readonly error: { readonly issues: readonly PublishedIssue[] } };
  }
  export interface PublishedIssue {
    readonly code: string;
    readonly path: readonly (string | number)[];
    readonly origin?: string;
    readonly expected?: string;
    readonly format?: string;
    readonly minimum?: number;
    readonly maximum?: number;
    readonly values?: readonly unknown[];
    readonly errors?: readonly (readonly PublishedIssue[])[];
  }

  export type MessageDraft = OrNull<api.RESTPostAPIChannelMessageJSONBody>;
  export type MessageChange = OrNull<api.RESTPatchAPIChannelMessageJSONBody>;
  export type CommandDraft = OrNull<api.RESTPostAPIApplicationCommandsJSONBody>;
  export interface MessageCallback {
    type: 4 | 5;
    data?: MessageDraft | null;
  }
  export interface UpdateCallback {
    type: 6 | 7;
    data?: MessageChange | null;
  }

  export const ApplicationCommandCreateRequestSchema: PublishedSchema<CommandDraft>;
  export const ApplicationCommandPatchRequestPartialSchema: PublishedSchema<Partial<CommandDraft>>;
  export const ApplicationCommandUpdateRequestSchema: PublishedSchema<CommandDraft & { id?: string | null }>;
  export const ApplicationFormPartialSchema: PublishedSchema<OrNull<api.RESTPatchCurrentApplicationJSONBody>>;
  export const CreateMessageInteractionCallbackRequestSchema: PublishedSchema<MessageCallback>;
  export const CreatePrivateChannelRequestSchema: PublishedSchema<{ recipient_id?: string | null }>;
  export const CreateTextThreadWithMessageRequestSchema: PublishedSchema<
    OrNull<api.RESTPostAPIChannelMessagesThreadsJSONBody>
  >;
  export const CreateTextThreadWithoutMessageRequestSchema: PublishedSchema<
    OrNull<api.RESTPostAPIChannelThreadsJSONBody>
  >;
  export const IncomingWebhookInteractionRequestSchema: PublishedSchema<MessageDraft>;
  export const IncomingWebhookUpdateRequestPartialSchema: PublishedSchema<MessageChange>;
  export const MessageCreateRequestSchema: PublishedSchema<MessageDraft>;
  export const MessageEditRequestPartialSchema: PublishedSchema<MessageChange>;
  export const ModalInteractionCallbackRequestSchema: PublishedSchema<api.APIModalInteractionResponse>;
  export const UpdateGuildChannelRequestPartialSchema: PublishedSchema<
    OrNull<Pick<api.RESTPatchAPIChannelJSONBody, 'name' | 'topic' | 'rate_limit_per_user'>>
  >;
  export const UpdateMessageInteractionCallbackRequestSchema: PublishedSchema<UpdateCallback>;
  export const UpdateThreadRequestPartialSchema: PublishedSchema<
    OrNull<Pick<api.RESTPatchAPIChannelJSONBody, 'name' | 'archived' | 'locked' | 'rate_limit_per_user'>>
  >;
}
