import type { APIChannel, APIMessage } from 'discord-api-types/v10';
import type { CommandIndex } from './command.js';
import { type Events, happened, isKnownEvent, useFailed } from './events.js';
import { connect } from './gateway.js';
import { hasFlag, historyOf, pageLoaded, removeMessages, sent } from './history.js';
import type { Person } from './home.js';
import { createRest, Refused } from './rest.js';
import { type OpenedDialog, type Outgoing, type State, type Use, withEntry } from './state.js';
import type { Store } from './store.js';

/** As much as one request gives: they are limited more than what they carry. */
const pageSize = 100;

export interface Client {
  /** Shows a channel, and loads its newest messages. */
  open(channelId: string): void;
  /** Loads an older page of the open channel, unless one is under way or there is none. */
  loadOlder(): Promise<void>;
  send(content: string, files: readonly File[]): void;
  sendAgain(outgoing: Outgoing): void;
  discard(nonce: string): void;
  edit(message: APIMessage, content: string): Promise<void>;
  remove(message: APIMessage): Promise<void>;
  /** Adds one's reaction, or takes it back. */
  react(message: APIMessage, emoji: { readonly id: string | null; readonly name: string | null }): Promise<void>;
  types(): void;
  openThread(message: APIMessage, name: string): Promise<void>;
  openDirect(userId: string): Promise<void>;
  /** The commands that this person may use in a channel now. */
  commands(channelId: string): Promise<CommandIndex>;
  useCommand(applicationId: string, command: string, data: unknown): Promise<void>;
  press(message: APIMessage, customId: string, componentType: number, values?: readonly string[]): Promise<void>;
  submit(dialog: OpenedDialog, entries: ReadonlyMap<string, string>): Promise<void>;
  closeDialog(): void;
  editing(messageId: string | undefined): void;
  replyingTo(messageId: string | undefined): void;
  close(): void;
}

/** A person's client of Discord: it keeps the state by what the gateway says, and acts over REST. `tell` shows what went wrong. */
export function createClient(person: Person, store: Store<State>, tell: (problem: string) => void): Client {
  const call = createRest(person.token);
  const loading = new Set<string>();
  let lastSend: Promise<unknown> = Promise.resolve();
  let typedAt = 0;

  const link = connect(person.token, {
    onEvent(name, data) {
      // What the gateway sends under a name is what Discord documents for it.
      if (isKnownEvent(name)) store.change((state) => happened(state, name, data as Events[typeof name], Date.now()));
      if (name === 'READY' || name === 'GUILD_CREATE') void loadNewest(store.get().openChannelId);
    },
    onLink: (to) => store.change((state) => ({ ...state, link: to })),
  });

  /** Does something for the person, and tells them if it is refused. Whether it went well. */
  async function attempt(act: () => Promise<unknown>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (error) {
      tell(problemOf(error));
      return false;
    }
  }

  async function load(channelId: string, before?: string): Promise<void> {
    if (loading.has(channelId)) return;
    loading.add(channelId);
    const query = before === undefined ? '' : `&before=${before}`;
    await attempt(async () => {
      const page = await call<APIMessage[]>('GET', `/channels/${channelId}/messages?limit=${pageSize}${query}`);
      store.change((state) => pageLoaded(state, channelId, page, pageSize, before === undefined));
    });
    loading.delete(channelId);
  }

  async function loadNewest(channelId: string | undefined): Promise<void> {
    const state = store.get();
    if (channelId === undefined || !state.channels.has(channelId) || historyOf(state, channelId).isLoaded) return;
    await load(channelId);
  }

  /** Messages go one after another, so that they stand in the order in which they were written. */
  function post(outgoing: Outgoing): void {
    const { nonce, channelId, content, files, replyTo } = outgoing;
    store.change((state) => ({ ...state, outgoing: [...state.outgoing, { ...outgoing, failure: undefined }] }));
    const reply = replyTo && {
      message_reference: { message_id: replyTo.id },
      allowed_mentions: { parse: ['users', 'roles', 'everyone'], replied_user: replyTo.ping },
    };
    const body = { content, nonce, enforce_nonce: true, ...reply };
    lastSend = lastSend.then(async () => {
      try {
        const message = await call<APIMessage>('POST', `/channels/${channelId}/messages`, body, files);
        store.change((state) => sent(state, message, nonce));
      } catch (error) {
        const failure = problemOf(error);
        store.change((state) => ({
          ...state,
          outgoing: state.outgoing.map((one) => (one.nonce === nonce ? { ...one, failure } : one)),
        }));
      }
    });
  }

  async function interact(
    type: 2 | 3 | 5,
    applicationId: string,
    use: Omit<Use, 'nonce' | 'failure'>,
    body: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const nonce = newNonce();
    const { sessionId, channels } = store.get();
    const guildId = channels.get(use.channelId)?.guildId;
    // Another press of a message's buttons puts the failure of the last one out of sight.
    const isOver = ({ messageId, failure }: Use) =>
      failure !== undefined && messageId !== undefined && messageId === use.messageId;
    store.change((state) => ({
      ...state,
      uses: [...state.uses.filter((one) => !isOver(one)), { ...use, nonce, failure: undefined }],
    }));
    try {
      await call('POST', '/interactions', {
        type,
        application_id: applicationId,
        ...(guildId !== undefined && { guild_id: guildId }),
        channel_id: use.channelId,
        session_id: sessionId,
        nonce,
        ...body,
      });
    } catch (error) {
      store.change((state) => useFailed(state, nonce, problemOf(error)));
    }
  }

  const noMessage = { command: undefined, messageId: undefined, customId: undefined };
  const path = ({ channel_id, id }: APIMessage) => `/channels/${channel_id}/messages/${id}`;

  return {
    open(channelId) {
      store.change((state) => ({
        ...state,
        openChannelId: channelId,
        editing: undefined,
        replyingTo: undefined,
        unread: withEntry(state.unread, channelId, undefined),
      }));
      void loadNewest(channelId);
    },
    async loadOlder() {
      const state = store.get();
      const { messages, isLoaded, isWhole } = historyOf(state, state.openChannelId ?? '');
      const oldest = messages.find((message) => !hasFlag(message, 'ephemeral'));
      if (!isLoaded || isWhole || oldest === undefined) return;
      await load(oldest.channel_id, oldest.id);
    },
    send(content, files) {
      const { openChannelId: channelId, replyingTo } = store.get();
      if (channelId === undefined) return;
      typedAt = 0;
      const replyTo = replyingTo === undefined ? undefined : { id: replyingTo, ping: true };
      store.change((state) => ({ ...state, replyingTo: undefined }));
      post({ nonce: newNonce(), channelId, content, files, replyTo, failure: undefined });
    },
    sendAgain(outgoing) {
      store.change((state) => ({ ...state, outgoing: without(state.outgoing, outgoing.nonce) }));
      post(outgoing);
    },
    discard: (nonce) =>
      store.change((state) => ({
        ...state,
        outgoing: without(state.outgoing, nonce),
        uses: without(state.uses, nonce),
      })),
    async edit(message, content) {
      const isDone = await attempt(() => call('PATCH', path(message), { content }));
      if (isDone) store.change((state) => ({ ...state, editing: undefined }));
    },
    async remove(message) {
      // Nobody else has it: it goes from this page alone.
      if (hasFlag(message, 'ephemeral')) {
        store.change((state) => removeMessages(state, message.channel_id, [message.id]));
        return;
      }
      await attempt(() => call('DELETE', path(message)));
    },
    async react(message, { id, name }) {
      const own = message.reactions?.find((one) => one.emoji.name === name && one.emoji.id === id);
      const code = encodeURIComponent(id === null ? `${name}` : `${name}:${id}`);
      await attempt(() => call(own?.me ? 'DELETE' : 'PUT', `${path(message)}/reactions/${code}/@me`));
    },
    types() {
      const { openChannelId } = store.get();
      // Shown for ten seconds, so it is enough to say it a little more often.
      if (openChannelId === undefined || Date.now() - typedAt < 8_000) return;
      typedAt = Date.now();
      call('POST', `/channels/${openChannelId}/typing`).catch(() => {});
    },
    async openThread(message, name) {
      await attempt(async () => {
        const { id } = await call<APIChannel>('POST', `${path(message)}/threads`, { name });
        location.hash = id;
      });
    },
    async openDirect(userId) {
      await attempt(async () => {
        const { id } = await call<APIChannel>('POST', '/users/@me/channels', { recipient_id: userId });
        location.hash = id;
      });
    },
    commands: (channelId) => call('GET', `/channels/${channelId}/application-command-index`),
    useCommand: (applicationId, command, data) =>
      interact(2, applicationId, { ...noMessage, command, channelId: store.get().openChannelId ?? '' }, { data }),
    press: (message, customId, componentType, values) =>
      interact(
        3,
        message.application_id ?? message.author.id,
        { command: undefined, channelId: message.channel_id, messageId: message.id, customId },
        {
          message_id: message.id,
          message_flags: message.flags ?? 0,
          data: { component_type: componentType, custom_id: customId, ...(values && { values }) },
        },
      ),
    submit({ id, applicationId, channelId, box }, entries) {
      store.change((state) => ({ ...state, dialog: undefined }));
      const components = [...entries].map(([custom_id, value]) => ({
        type: 1,
        components: [{ type: 4, custom_id, value }],
      }));
      const data = { id, custom_id: box.custom_id, components };
      return interact(5, applicationId, { ...noMessage, channelId }, { data });
    },
    closeDialog: () => store.change((state) => ({ ...state, dialog: undefined })),
    editing: (messageId) => store.change((state) => ({ ...state, editing: messageId, replyingTo: undefined })),
    replyingTo: (messageId) => store.change((state) => ({ ...state, replyingTo: messageId, editing: undefined })),
    close: () => link.close(),
  };
}

const without = <Thing extends { readonly nonce: string }>(things: readonly Thing[], nonce: string): Thing[] =>
  things.filter((one) => one.nonce !== nonce);

/** Unique among what this person sends, and no longer than the 25 characters that Discord takes. */
const newNonce = (): string => `${Date.now()}${Math.floor(Math.random() * 1e9)}`;

const problemOf = (error: unknown): string =>
  error instanceof Refused ? error.message : 'The sandbox can’t be reached. Is it still running?';
