import { randomBytes } from 'node:crypto';
import type { Backend } from './backend.js';
import type { Application, User } from './world.js';

const token = (id: string): string =>
  [
    Buffer.from(id).toString('base64url'),
    randomBytes(4).toString('base64url'),
    randomBytes(28).toString('base64url'),
  ].join('.');

/** Opens an account: a person's, or with `applicationId`, which is then its id, that of an app's bot. */
export function openAccount(
  { world, newId }: Pick<Backend, 'world' | 'newId'>,
  { username, name = null, applicationId }: Pick<User, 'username'> & Partial<Pick<User, 'name' | 'applicationId'>>,
): User {
  const id = applicationId ?? newId();
  const user: User = { id, username, name, token: token(id), applicationId, closedToMessages: false };
  world.users.set(id, user);
  return user;
}

/** Registers an app with its bot, as in the portal. Its privileged intents are off, unless said otherwise. */
export function registerApplication(
  backend: Pick<Backend, 'world' | 'newId'>,
  given: Pick<Application, 'name' | 'ownerId'> & Partial<Pick<Application, 'messageContent' | 'members' | 'presences'>>,
): Application {
  const application: Application = {
    messageContent: 'off',
    members: 'off',
    presences: 'off',
    ...given,
    id: backend.newId(),
    description: '',
    installedBy: new Set(),
    commands: new Map(),
    commandsCreated: [],
  };
  backend.world.applications.set(application.id, application);
  openAccount(backend, { username: application.name, applicationId: application.id });
  return application;
}
