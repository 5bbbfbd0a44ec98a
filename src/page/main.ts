import { createAnnouncer } from './announcer.js';
import { createClient } from './client.js';
import { createComposer } from './composer.js';
import { createConversation } from './conversation.js';
import { createDialogs } from './dialog.js';
import { element, icon } from './dom.js';
import { createHeader } from './header.js';
import { choosePerson, chosenPerson, fetchHome, type Home, type Person } from './home.js';
import { createPersonPanel, createRooms } from './rooms.js';
import { nothingYet, type State } from './state.js';
import { createStore } from './store.js';
import { createThemeSwitch } from './theme.js';
import { createToasts } from './toasts.js';
import { createTyping } from './typing.js';
import { createWorkshop } from './workshop.js';

const app = document.getElementById('app') ?? document.body;
const toasts = createToasts();
const theme = createThemeSwitch();

/** The page as one person sees it; it ends when somebody else is chosen. */
function live(home: Home, person: Person, workshop: ReturnType<typeof createWorkshop>): void {
  const store = createStore<State>({ ...nothingYet, openChannelId: location.hash.slice(1) || undefined });
  const client = createClient(person, store, toasts.tell);
  const leave = () => {
    removeEventListener('hashchange', follow);
    store.close();
    client.close();
  };
  const become = (other: Person) => {
    leave();
    choosePerson(other);
    live(home, other, workshop);
  };
  const panel = createPersonPanel(home, person, become);
  const rooms = createRooms(home, client, panel.element);
  const menu = element(
    'button',
    {
      type: 'button',
      class: 'icon-button menu',
      'aria-label': 'Channels',
      'aria-expanded': 'false',
      on: { click: () => showRooms(true) },
    },
    icon('menu'),
  );
  const shade = element('div', { class: 'shade', on: { click: () => showRooms(false) } });
  const header = createHeader(menu, theme, workshop.toggle);
  const conversation = createConversation(client, person.mayManage);
  const typing = createTyping(store);
  const composer = createComposer(client, toasts.tell);
  const dialogs = createDialogs(client, composer.focus);
  const announcer = createAnnouncer();
  const main = element(
    'main',
    { 'aria-labelledby': 'channel-title' },
    header.element,
    conversation.element,
    composer.element,
    typing.element,
  );
  const page = element(
    'div',
    { class: 'page', 'data-person': person.username },
    rooms.element,
    shade,
    main,
    workshop.element,
  );

  /** On a narrow screen the rooms are a drawer. */
  function showRooms(isOpen: boolean): void {
    page.classList.toggle('rooms-open', isOpen);
    menu.setAttribute('aria-expanded', `${isOpen}`);
    if (isOpen) rooms.element.querySelector<HTMLElement>('[aria-current="page"]')?.focus();
  }

  function follow(): void {
    showRooms(false);
    client.open(location.hash.slice(1));
    composer.focus();
  }

  addEventListener('hashchange', follow);
  page.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') showRooms(false);
  });
  app.replaceChildren(page, dialogs.element, announcer.element, toasts.element);
  for (const view of [panel, rooms, header, conversation, typing, composer, dialogs, announcer]) store.show(view.show);
  store.show((state) => {
    const isThere = state.channels.has(state.openChannelId ?? '');
    const first = [...state.channels.values()].find(({ guildId, kind }) => guildId === home.guildId && kind === 'text');
    // Nothing is open yet, or it is gone, or this person does not see it.
    if (!isThere && first && state.link === 'open') location.replace(`#${first.id}`);
  });
  composer.focus();
}

async function start(): Promise<void> {
  try {
    const home = await fetchHome();
    const person = chosenPerson(home);
    if (person) live(home, person, createWorkshop(home, toasts.tell));
  } catch {
    app.replaceChildren(
      element(
        'p',
        { class: 'lost', role: 'alert' },
        'The sandbox does not answer. Start it again, then reload this page.',
      ),
    );
  }
}

void start();
