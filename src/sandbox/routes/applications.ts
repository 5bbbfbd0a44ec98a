import {
  ApplicationCommandCreateRequestSchema,
  ApplicationCommandPatchRequestPartialSchema,
  ApplicationCommandUpdateRequestSchema,
  ApplicationFormPartialSchema,
} from 'discord-api-spec/zod';
import type {
  APIApplication,
  APIApplicationCommand,
  APIGatewaySessionStartLimit,
  RESTGetAPIGatewayBotResult,
  RESTGetAPIGatewayResult,
} from 'discord-api-types/v10';
import type { Backend } from '../backend.js';
import { commandOf, createCommand, deleteCommand, editCommand, overwriteCommands } from '../commands.js';
import { type Caller, type Route, route } from '../http.js';
import { commandIndex } from '../installation.js';
import { applicationFlags, applicationPayload } from '../payloads.js';
import { ownGuild, visibleChannel } from '../permissions.js';
import { invalid, Refusal, refusal } from '../refusal.js';
import { check } from '../schema.js';
import type { Application } from '../world.js';

const limited = { messageContent: 1 << 19, members: 1 << 15, presences: 1 << 13 } as const;

/** An app's own data and its commands, and where its gateway is. */
export function applicationRoutes(
  backend: Backend,
  gatewayUrl: () => string,
  startLimitOf: (appId: string) => APIGatewaySessionStartLimit,
): Route[] {
  const { world } = backend;
  return [
    route('GET', '/gateway', (): RESTGetAPIGatewayResult => ({ url: gatewayUrl() })),
    route('GET', '/gateway/bot', (_call, caller): RESTGetAPIGatewayBotResult => {
      const session_start_limit = startLimitOf(appOf(caller).id);
      return { url: gatewayUrl(), shards: 1, session_start_limit };
    }),
    route('GET', '/applications/@me', (_call, caller): APIApplication => applicationPayload(world, appOf(caller))),
    route(
      'GET',
      '/oauth2/applications/@me',
      (_call, caller): APIApplication => applicationPayload(world, appOf(caller)),
    ),
    route(
      'PATCH',
      '/applications/@me',
      ({ body }, caller): APIApplication => {
        const application = appOf(caller);
        application.description = body.description ?? application.description;
        if (typeof body.flags === 'number') switchIntents(application, body.flags);
        return applicationPayload(world, application);
      },
      ApplicationFormPartialSchema,
    ),
    // What Discord's own client asks for when somebody types a slash; it is in no documentation.
    route('GET', '/channels/:channel_id/application-command-index', ({ params }, { user }) =>
      commandIndex(backend, visibleChannel(world, user.id, params.channel_id ?? ''), user),
    ),
    ...commandRoutes(backend, '/applications/:application_id/commands'),
    ...commandRoutes(backend, '/applications/:application_id/guilds/:guild_id/commands'),
  ];
}

function commandRoutes(backend: Backend, path: string): Route[] {
  const place = (caller: Caller, { application_id, guild_id }: Readonly<Record<string, string>>) => {
    const application = appOf(caller);
    if (application.id !== application_id) throw refusal(20012);
    if (guild_id !== undefined) ownGuild(backend.world, application.id, guild_id);
    return [application, guild_id ?? ''] as const;
  };
  return [
    route('GET', path, ({ params, query }, caller): APIApplicationCommand[] => {
      const [application, guildId] = place(caller, params);
      const commands = application.commands.get(guildId) ?? [];
      return query.with_localizations === 'true' ? commands : commands.map(withoutLocalizations);
    }),
    route('PUT', path, ({ params, body }, caller): APIApplicationCommand[] => {
      if (!Array.isArray(body)) throw invalid([], 'LIST_TYPE_CONVERT', 'Only iterables may be used in a ListType');
      const drafts = body.map((draft, index) => checkAt(index, draft));
      return overwriteCommands(backend, ...place(caller, params), drafts);
    }),
    route(
      'POST',
      path,
      ({ params, body }, caller): APIApplicationCommand => createCommand(backend, ...place(caller, params), body),
      ApplicationCommandCreateRequestSchema,
    ),
    route(
      'GET',
      `${path}/:command_id`,
      ({ params }, caller): APIApplicationCommand => commandOf(...place(caller, params), params.command_id ?? ''),
    ),
    route(
      'PATCH',
      `${path}/:command_id`,
      ({ params, body }, caller): APIApplicationCommand =>
        editCommand(backend, ...place(caller, params), params.command_id ?? '', body),
      ApplicationCommandPatchRequestPartialSchema,
    ),
    route('DELETE', `${path}/:command_id`, ({ params }, caller) =>
      deleteCommand(...place(caller, params), params.command_id ?? ''),
    ),
  ];
}

function appOf({ application }: Caller): Application {
  if (application === undefined) throw refusal(20002);
  return application;
}

/** One of a list of commands, its faults told under its place in the list. */
function checkAt(index: number, draft: unknown) {
  try {
    return check(ApplicationCommandUpdateRequestSchema, draft);
  } catch (error) {
    if (!(error instanceof Refusal) || error.errors === undefined) throw error;
    throw new Refusal(error.status, error.code, error.message, { [index]: error.errors });
  }
}

/** A list of commands leaves the translations out, unless it is asked for them. */
function withoutLocalizations({
  name_localizations: _n,
  description_localizations: _d,
  ...command
}: APIApplicationCommand): APIApplicationCommand {
  return command;
}

/** "Edit Current Application": an app may switch the limited forms of its privileged intents, and nothing else of its flags. */
function switchIntents(application: Application, flags: number): void {
  const changeable = Object.values(limited).reduce((set, flag) => set | flag, 0);
  if (((flags ^ applicationFlags(application)) & ~changeable) !== 0) {
    throw invalid(['flags'], 'APPLICATION_FLAGS_INVALID', 'Only limited intent flags can be changed');
  }
  for (const name of ['messageContent', 'members', 'presences'] as const) {
    if (application[name] !== 'on') application[name] = (flags & limited[name]) === 0 ? 'off' : 'limited';
  }
}
