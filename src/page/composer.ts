import type { Client } from './client.js';
import { type Usable, usables } from './command.js';
import { createCommandForm } from './command-form.js';
import { encodeMentions, type Suggestion, suggestions, type Vocabulary } from './completion.js';
import { element, icon } from './dom.js';
import { createFileTray } from './file-tray.js';
import { historyOf } from './history.js';
import { createReplyBar } from './reply-bar.js';
import { type Channel, openChannel, type State, titleOf } from './state.js';
import { createSuggestionList } from './suggestion-list.js';
import { vocabularyOf } from './vocabulary.js';

/** "Create Message" */
const maxCharacters = 2000;

/** The box at the bottom: a message with its files, or a command with its options. */
export function createComposer(client: Client, tell: (problem: string) => void) {
  let state: State | undefined;
  let commands: readonly Usable[] = [];
  let channelId: string | undefined;
  const drafts = new Map<string, string>();

  const input = element('textarea', {
    id: 'message-box',
    rows: 1,
    role: 'combobox',
    'aria-autocomplete': 'list',
    'aria-controls': 'suggestions',
    'aria-expanded': 'false',
    'aria-describedby': 'message-count',
    autocomplete: 'off',
    on: { input: typed, keydown: pressed, paste: pasted, click: suggest },
  });
  const list = createSuggestionList(input, accept);
  const reply = createReplyBar(client);
  const tray = createFileTray(tell, () => {
    measure();
    input.focus();
  });
  const count = element('span', { id: 'message-count', class: 'count', role: 'status' });
  const sendButton = element(
    'button',
    { type: 'button', class: 'icon-button send', 'aria-label': 'Send message', on: { click: send } },
    icon('send'),
  );
  const line = element('div', { class: 'composer-line' }, tray.button, tray.chooser, input, count, sendButton);
  const form = createCommandForm({
    use(usable, data) {
      leaveCommand();
      void client.useCommand(usable.command.application_id, usable.name, data);
    },
    leave: leaveCommand,
    vocabulary,
    roles() {
      const guildId = state && openChannel(state)?.guildId;
      return [...(state?.guilds.get(guildId ?? '')?.roles.values() ?? [])];
    },
  });
  const box = element(
    'div',
    {
      class: 'composer',
      on: {
        dragover: (event) => event.preventDefault(),
        drop(event) {
          event.preventDefault();
          tray.add([...(event.dataTransfer?.files ?? [])]);
        },
      },
    },
    list.element,
    reply.element,
    tray.list,
    line,
    form.element,
  );

  function vocabulary(): Vocabulary {
    const channel = state && openChannel(state);
    return state && channel ? vocabularyOf(state, channel, commands) : { people: [], channels: [], commands: [] };
  }

  function typed(): void {
    if (input.value !== '' && !input.value.startsWith('/')) client.types();
    if (input.value === '/') void learnCommands();
    suggest();
    measure();
  }

  /** Asks anew each time: the bot may have registered others, and a person's permissions may have changed. */
  async function learnCommands(): Promise<void> {
    const asked = channelId;
    if (asked === undefined) return;
    const found = await client.commands(asked).then(usables, () => []);
    if (asked !== channelId) return;
    commands = found;
    if (input.value.startsWith('/')) suggest();
  }

  function suggest(): void {
    // A command that is written out, with a space behind it, is chosen.
    const whole = commands.find(({ name }) => input.value === `/${name} `);
    if (whole) {
      enterCommand(whole);
      return;
    }
    const isSelection = input.selectionStart !== input.selectionEnd;
    const found = isSelection ? [] : suggestions(input.value, input.selectionStart, vocabulary());
    const isCommand = /^\/[\w-]+$/.test(input.value);
    list.show(found, isCommand ? 'There is no such command that you may use here' : '');
  }

  function accept({ kind, text, from }: Suggestion): void {
    const usable = kind === 'command' && commands.find(({ name }) => `/${name}` === text);
    if (usable) {
      enterCommand(usable);
      return;
    }
    input.setRangeText(text, from, input.selectionStart, 'end');
    list.show([]);
    measure();
    input.focus();
  }

  function pressed(event: KeyboardEvent): void {
    if (event.isComposing || list.key(event)) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'ArrowUp' && input.value === '') {
      event.preventDefault();
      editLast();
    } else if (event.key === 'Escape') {
      client.replyingTo(undefined);
    }
  }

  function editLast(): void {
    if (state === undefined) return;
    const me = state.me?.id;
    const { messages } = historyOf(state, channelId ?? '');
    const own = messages.findLast(({ author, type }) => author.id === me && (type === 0 || type === 19));
    if (own) client.editing(own.id);
  }

  function send(): void {
    const content = encodeMentions(input.value.trim(), vocabulary());
    const files = tray.files();
    if (content === '' && files.length === 0) return;
    const characters = [...content].length;
    if (characters > maxCharacters) {
      tell(`A message has ${maxCharacters} characters at most. This one has ${characters}.`);
      return;
    }
    client.send(content, files);
    input.value = '';
    list.show([]);
    tray.clear();
  }

  function measure(): void {
    const left = maxCharacters - [...input.value].length;
    count.textContent = left < 200 ? `${left}` : '';
    count.classList.toggle('over', left < 0);
    sendButton.disabled = input.value.trim() === '' && tray.files().length === 0;
  }

  function pasted(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    tray.add(files);
  }

  function enterCommand(usable: Usable): void {
    input.value = '';
    list.show([]);
    measure();
    line.hidden = true;
    form.open(usable);
  }

  function leaveCommand(): void {
    form.close();
    line.hidden = false;
    input.focus();
  }

  /** Another channel has been opened: each keeps what was being written in it. */
  function changeChannel(now: State, channel: Channel): void {
    drafts.set(channelId ?? '', input.value);
    channelId = channel.id;
    input.value = drafts.get(channelId) ?? '';
    commands = [];
    list.show([]);
    if (!form.element.hidden) leaveCommand();
    measure();
    void learnCommands();
    const sign = { text: '#', thread: '', direct: '@' }[channel.kind];
    const label = `Message ${sign}${titleOf(now, channel)}`;
    input.setAttribute('aria-label', label);
    input.placeholder = label;
  }

  function show(now: State): void {
    const before = state;
    state = now;
    const channel = openChannel(now);
    if (channel === undefined) return;
    if (channel.id !== channelId) changeChannel(now, channel);
    reply.show(now);
    const beginsReply = now.replyingTo !== undefined && now.replyingTo !== before?.replyingTo;
    // Back from editing a message: the focus has nowhere else to go.
    const endsEditing = before?.editing !== undefined && now.editing === undefined;
    if (beginsReply || endsEditing) input.focus();
  }

  function focus(): void {
    input.focus();
    // A dialog box that closes gives the focus back, but not the caret: without one, Chromium takes no text.
    input.setSelectionRange(input.value.length, input.value.length);
  }

  return { element: box, show, focus };
}
