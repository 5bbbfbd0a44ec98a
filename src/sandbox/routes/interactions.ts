import {
  IncomingWebhookInteractionRequestSchema,
  IncomingWebhookUpdateRequestPartialSchema,
} from 'discord-api-spec/zod';
import type { APIMessage } from 'discord-api-types/v10';
import type { Backend } from '../backend.js';
import { type Call, openRoute, type Route, route } from '../http.js';
import { deleteResponse, editResponse, followUp, interactionBy, readResponse, respond } from '../interactions.js';
import { invoke } from '../invocation.js';
import { messagePayload } from '../message-payloads.js';
import { refusal } from '../refusal.js';
import type { Message } from '../world.js';

/** Interactions: as people's clients make them, and as apps answer them. */
export function interactionRoutes(backend: Backend): Route[] {
  const webhook = '/webhooks/:application_id/:interaction_token';
  const meant = ({ params: { application_id = '', interaction_token = '' } }: Call) =>
    interactionBy(backend, application_id, interaction_token);
  const idOf = ({ params: { message_id = '' } }: Call) => message_id;
  const shown = (message: Message): APIMessage =>
    messagePayload(backend.world, message, { userId: message.authorId, readsContent: true });
  return [
    route('POST', '/interactions', ({ body }, { user, application }) => {
      if (application) throw refusal(20001);
      invoke(backend, user, body);
    }),
    openRoute(
      'POST',
      '/interactions/:interaction_id/:interaction_token/callback',
      ({ params, query, body, uploads }) => {
        const { interaction_id = '', interaction_token = '' } = params;
        const result = respond(backend, interaction_id, interaction_token, body, uploads);
        return query.with_response === 'true' ? result : undefined;
      },
    ),
    openRoute(
      'POST',
      webhook,
      (call) => shown(followUp(backend, meant(call), call.body, call.uploads)),
      IncomingWebhookInteractionRequestSchema,
    ),
    openRoute('GET', `${webhook}/messages/:message_id`, (call) =>
      shown(readResponse(backend, meant(call), idOf(call))),
    ),
    openRoute(
      'PATCH',
      `${webhook}/messages/:message_id`,
      (call) => shown(editResponse(backend, meant(call), idOf(call), call.body, call.uploads)),
      IncomingWebhookUpdateRequestPartialSchema,
    ),
    openRoute('DELETE', `${webhook}/messages/:message_id`, (call) => deleteResponse(backend, meant(call), idOf(call))),
  ];
}
