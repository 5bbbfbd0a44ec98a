import type { APIMessage } from 'discord-api-types/v10';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Events, happened, typingEnded } from '../../src/page/events.js';
import { byAge, historyOf, pageLoaded, sent } from '../../src/page/history.js';
import { nameOf, nothingYet, type State } from '../../src/page/state.js';

const user = (id: string, username: string) => ({ id, username, global_name: null, discriminator: '0', avatar: null });
const [ada, bob] = [user('1', 'ada'), user('2', 'bob')];

/** A message as the gateway sends it, without what the page does not read. */
const message = (id: string, more: Readonly<Record<string, unknown>> = {}): Events['MESSAGE_CREATE'] =>
  ({
    id,
    channel_id: '7',
    author: bob,
    content: id,
    mentions: [],
    mention_everyone: false,
    ...more,
  }) as unknown as Events['MESSAGE_CREATE'];

const after = <Name extends keyof Events>(state: State, name: Name, data: unknown): State =>
  // As above: what is not read is left out.
  happened(state, name, data as Events[Name], 1_000);

const ready = after(nothingYet, 'READY', {
  user: ada,
  session_id: 's',
  private_channels: [{ id: '9', type: 1, recipients: [bob] }],
});
const home = after(ready, 'GUILD_CREATE', {
  id: '5',
  name: 'Home',
  roles: [],
  members: [
    { user: ada, nick: 'Countess', roles: [] },
    { user: bob, roles: [] },
  ],
  channels: [{ id: '7', type: 0, name: 'general', topic: 'All' }],
  threads: [{ id: '8', type: 11, name: 'aside', parent_id: '7', thread_metadata: { archived: false } }],
});
const ids = (state: State, channelId = '7') => historyOf(state, channelId).messages.map(({ id }) => id);

test('a server comes with its channels, threads and people', () => {
  expect([...home.channels.values()].map(({ id, kind, name }) => [id, kind, name])).toEqual([
    ['9', 'direct', ''],
    ['7', 'text', 'general'],
    ['8', 'thread', 'aside'],
  ]);
  expect(nameOf(home, '1', '5')).toBe('Countess');
  expect(nameOf(home, '1')).toBe('ada');
});

test('a message is there once, however often it comes', () => {
  const twice = after(after(home, 'MESSAGE_CREATE', message('20')), 'MESSAGE_CREATE', message('20'));
  expect(ids(twice)).toEqual(['20']);
});

test('a message that changes keeps its place, and the others stay the same objects', () => {
  const two = after(after(home, 'MESSAGE_CREATE', message('20')), 'MESSAGE_CREATE', message('21'));
  const changed = after(two, 'MESSAGE_UPDATE', message('20', { content: 'other' }));
  expect(historyOf(changed, '7').messages.map(({ content }) => content)).toEqual(['other', '21']);
  expect(historyOf(changed, '7').messages[1]).toBe(historyOf(two, '7').messages[1]);
});

test('a reply tells when what it replied to is gone', () => {
  const first = message('20');
  const reply = message('21', { referenced_message: first });
  const both = after(after(home, 'MESSAGE_CREATE', first), 'MESSAGE_CREATE', reply);
  const gone = after(both, 'MESSAGE_DELETE', { id: '20', channel_id: '7' });
  expect(historyOf(gone, '7').messages).toMatchObject([{ id: '21', referenced_message: null }]);
});

test('what was sent is no longer outgoing once it is there', () => {
  const outgoing = { nonce: '5', channelId: '7', content: 'x', files: [], replyTo: undefined, failure: undefined };
  const sending = { ...home, outgoing: [outgoing] };
  const told = after(sending, 'MESSAGE_CREATE', message('20', { author: ada, nonce: '5' }));
  expect(told.outgoing).toEqual([]);
  // The gateway can be away while REST is there.
  const answered = sent(sending, message('20', { author: ada }), '5');
  expect(answered.outgoing).toEqual([]);
  expect(ids(answered)).toEqual(['20']);
});

test('the answer to a sent message is older than what the gateway told of it', () => {
  const edited = after(home, 'MESSAGE_CREATE', message('20', { author: ada, content: 'edited' }));
  expect(historyOf(sent(edited, message('20'), '5'), '7').messages).toMatchObject([{ content: 'edited' }]);
});

test('others’ messages in closed channels are counted, and those that ping apart', () => {
  const one = after({ ...home, openChannelId: '7' }, 'MESSAGE_CREATE', message('20', { channel_id: '8' }));
  const two = after(one, 'MESSAGE_CREATE', message('21', { channel_id: '8', mentions: [ada] }));
  const direct = after(two, 'MESSAGE_CREATE', message('22', { channel_id: '9' }));
  const open = after(direct, 'MESSAGE_CREATE', message('23'));
  const own = after(open, 'MESSAGE_CREATE', message('24', { channel_id: '8', author: ada }));
  expect([...own.unread]).toEqual([
    ['8', { messages: 2, pings: 1 }],
    ['9', { messages: 1, pings: 1 }],
  ]);
});

test('reactions are counted, and one’s own are told apart', () => {
  const shown = after(home, 'MESSAGE_CREATE', message('20'));
  const event = { channel_id: '7', message_id: '20', emoji: { id: null, name: '👍' } };
  const both = ['1', '2'].reduce(
    (state, user_id) => after(state, 'MESSAGE_REACTION_ADD', { ...event, user_id }),
    shown,
  );
  expect(historyOf(both, '7').messages[0]?.reactions).toMatchObject([{ count: 2, me: true }]);
  const mine = after(both, 'MESSAGE_REACTION_REMOVE', { ...event, user_id: '1' });
  expect(historyOf(mine, '7').messages[0]?.reactions).toMatchObject([{ count: 1, me: false }]);
  const none = after(mine, 'MESSAGE_REACTION_REMOVE', { ...event, user_id: '2' });
  expect(historyOf(none, '7').messages[0]?.reactions).toEqual([]);
});

test('who types stops with a message, or after a while', () => {
  const typing = after(home, 'TYPING_START', { channel_id: '7', user_id: '2' });
  expect(typing.typing.get('7')?.has('2')).toBe(true);
  expect(after(typing, 'MESSAGE_CREATE', message('20')).typing.size).toBe(0);
  expect(typingEnded(typing, 10_000)).toBe(typing);
  expect(typingEnded(typing, 11_000).typing.size).toBe(0);
});

test('a command that nobody answers says so, and a dialog box opens', () => {
  const use = {
    nonce: '5',
    channelId: '7',
    command: 'ask',
    messageId: undefined,
    customId: undefined,
    failure: undefined,
  };
  const used = { ...home, uses: [use] };
  expect(after(used, 'INTERACTION_FAILURE', { id: '1', nonce: '5' }).uses).toMatchObject([
    { failure: 'The application did not respond' },
  ]);
  expect(after(used, 'INTERACTION_SUCCESS', { id: '1', nonce: '5' }).uses).toEqual([]);
  const box = { custom_id: 'c', title: 'T', components: [] };
  const opened = after(used, 'INTERACTION_MODAL_CREATE', {
    id: '1',
    nonce: '5',
    channel_id: '7',
    application: { id: '3' },
    ...box,
  });
  expect(opened.dialog).toEqual({ id: '1', applicationId: '3', channelId: '7', box });
  expect(opened.uses).toEqual([]);
});

test('a new session forgets what it can load again, and keeps what is for one person’s eyes only', () => {
  const loaded = pageLoaded(home, '7', [message('20'), message('19', { flags: 64 })], 50, true);
  const again = after(loaded, 'READY', { user: ada, session_id: 't' });
  expect(ids(again)).toEqual(['19']);
  expect(historyOf(again, '7').isLoaded).toBe(false);
});

test('a page that is not full is the first of its channel', () => {
  const newest = pageLoaded(home, '7', [message('22'), message('21')], 2, true);
  expect(historyOf(newest, '7')).toMatchObject({ isLoaded: true, isWhole: false });
  const oldest = pageLoaded(newest, '7', [message('20')], 2, false);
  expect(historyOf(oldest, '7').isWhole).toBe(true);
  expect(ids(oldest)).toEqual(['20', '21', '22']);
});

test('messages stand in order and once, whatever comes when', () => {
  const id = fc.bigInt({ min: 1n, max: 10n ** 19n }).map(String);
  const step = fc.oneof(
    id.map((one) => (state: State) => after(state, 'MESSAGE_CREATE', message(one))),
    id.map((one) => (state: State) => after(state, 'MESSAGE_DELETE', { id: one, channel_id: '7' })),
    fc.array(id).map(
      (page) => (state: State) =>
        pageLoaded(
          state,
          '7',
          page.map((one): APIMessage => message(one)),
          50,
          false,
        ),
    ),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const all = ids(steps.reduce((state, take) => take(state), home));
      expect(all).toEqual([...new Set(all)].sort(byAge));
      expect(all).toEqual(
        all.toSorted((one, other) => Number(BigInt(one) > BigInt(other)) - Number(BigInt(one) < BigInt(other))),
      );
    }),
  );
});
