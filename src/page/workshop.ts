import { element, icon } from './dom.js';
import type { Home } from './home.js';
import { detailOf, type Entry, entryKinds, listenToJournal, summaryOf } from './journal.js';
import { troublePanel } from './trouble.js';

/** As many as the sandbox keeps. */
const maxEntries = 500;

const tabs = { traffic: 'Traffic', model: 'Model', trouble: 'Trouble', log: 'Log' } as const;
type Tab = keyof typeof tabs;

/** The drawer for those who build the bot: what passes, what the model is asked, and how to make things go wrong. */
export function createWorkshop(home: Home, tell: (words: string) => void) {
  const traffic = createTraffic();
  const model = createModelView();
  const log = createLog();
  const panels: Readonly<Record<Tab, HTMLElement>> = {
    traffic: traffic.element,
    model: model.element,
    trouble: troublePanel(home, tell),
    log: log.element,
  };
  const names = Object.keys(tabs) as Tab[]; // The table's own keys.
  const buttons = names.map((name) =>
    element(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: `tab-${name}`,
        'aria-controls': `panel-${name}`,
        on: { click: () => select(name) },
      },
      tabs[name],
    ),
  );
  for (const name of names) {
    const panel = panels[name];
    panel.id = `panel-${name}`;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', `tab-${name}`);
  }
  const box = element(
    'aside',
    { class: 'workshop', 'aria-label': 'Workshop', hidden: true },
    element(
      'header',
      {},
      element('h2', {}, 'Workshop'),
      element(
        'button',
        { type: 'button', class: 'icon-button', 'aria-label': 'Close workshop', on: { click: () => toggle.click() } },
        icon('close'),
      ),
    ),
    element('div', { class: 'tabs', role: 'tablist', on: { keydown: turn } }, buttons),
    Object.values(panels),
  );
  const toggle = element(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': 'Workshop',
      title: 'Workshop',
      'aria-expanded': 'false',
      on: { click: flip },
    },
    icon('wrench'),
  );

  function flip(): void {
    box.hidden = !box.hidden;
    toggle.setAttribute('aria-expanded', `${!box.hidden}`);
  }

  function select(tab: Tab): void {
    for (const [index, name] of names.entries()) {
      panels[name].hidden = name !== tab;
      buttons[index]?.setAttribute('aria-selected', `${name === tab}`);
      buttons[index]?.setAttribute('tabindex', name === tab ? '0' : '-1');
    }
  }

  function turn({ key, target }: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const at = target instanceof HTMLButtonElement ? buttons.indexOf(target) : -1;
    if (by === undefined || at === -1) return;
    const next = (at + by + names.length) % names.length;
    select(names[next] ?? 'traffic');
    buttons[next]?.focus();
  }

  select('traffic');
  listenToJournal((entry) => {
    traffic.add(entry);
    if (entry.kind === 'model') model.show(entry);
    if (entry.kind === 'bot') log.add(entry);
  });
  return { element: box, toggle };
}

const clock = (at: number): string => new Date(at).toISOString().slice(11, 23);

/** Gateway, REST and chat API in the order in which it happened. */
function createTraffic() {
  const shown = new Set<string>(['gateway', 'rest', 'model']);
  const list = element('ol', { class: 'entries', 'aria-label': 'Traffic' });
  const filters = element(
    'div',
    { class: 'filters', role: 'group', 'aria-label': 'Show' },
    entryKinds
      .filter((kind) => kind !== 'bot')
      .map((kind) => {
        const box = element('input', {
          type: 'checkbox',
          checked: true,
          on: {
            change() {
              if (box.checked) shown.add(kind);
              else shown.delete(kind);
              for (const row of list.children) mark(row);
            },
          },
        });
        return element('label', {}, box, { gateway: 'Gateway', rest: 'REST', model: 'Model' }[kind]);
      }),
    element('button', { type: 'button', class: 'plain', on: { click: () => list.replaceChildren() } }, 'Clear'),
  );
  const mark = (row: Element) => {
    row.toggleAttribute('hidden', !shown.has(row.getAttribute('data-kind') ?? ''));
  };
  return {
    element: element('div', { class: 'panel' }, filters, list),
    add(entry: Entry): void {
      if (entry.kind === 'bot') return;
      const row = entryRow(entry);
      mark(row);
      // The newest first, where it is seen without scrolling.
      list.prepend(row);
      if (list.children.length > maxEntries) list.lastElementChild?.remove();
    },
  };
}

function entryRow(entry: Exclude<Entry, { kind: 'bot' }>): HTMLElement {
  const isBad = entry.kind === 'rest' && entry.status >= 400;
  const who = 'who' in entry ? entry.who : undefined;
  const summary = [
    element('time', {}, clock(entry.at)),
    element('span', { class: 'who' }, who),
    element('code', {}, summaryOf(entry)),
  ];
  const features = { 'data-kind': entry.kind, class: isBad ? 'bad' : undefined };
  const detail = detailOf(entry);
  if (detail === undefined || detail === null)
    return element('li', features, element('div', { class: 'line' }, summary));
  const body = element('pre', { tabindex: 0 });
  const box = element(
    'details',
    {
      on: {
        // Put into words only when somebody wants to read it.
        toggle() {
          if (box.open) body.textContent = JSON.stringify(detail, null, 2);
        },
      },
    },
    element('summary', { class: 'line' }, summary),
    body,
  );
  return element('li', features, box);
}

/** The request last sent to the chat API. */
function createModelView() {
  const panel = element(
    'div',
    { class: 'panel' },
    element('p', { class: 'hint' }, 'No request has been sent to the chat API yet.'),
  );
  return {
    element: panel,
    show({ at, request, tokens }: Extract<Entry, { kind: 'model' }>): void {
      const { messages, ...settings } = request;
      panel.replaceChildren(
        element(
          'p',
          { class: 'model-summary' },
          element('strong', {}, request.model),
          ` · ${tokens} prompt tokens · ${messages.length} messages · ${clock(at)}`,
        ),
        element(
          'pre',
          { class: 'settings', tabindex: 0, 'aria-label': 'Settings of the request' },
          JSON.stringify(settings, null, 2),
        ),
        element(
          'ol',
          { class: 'prompt', 'aria-label': 'Messages of the request' },
          messages.map(({ role, content }) =>
            element(
              'li',
              { 'data-role': role },
              element('strong', {}, role),
              element('pre', {}, typeof content === 'string' ? content : JSON.stringify(content, null, 2)),
            ),
          ),
        ),
      );
    },
  };
}

/** What the bot logs. */
function createLog() {
  const lines = element('pre', { class: 'log', tabindex: 0, 'aria-label': 'Log of the bot' });
  return {
    element: element('div', { class: 'panel' }, lines),
    add({ line }: Extract<Entry, { kind: 'bot' }>): void {
      lines.append(`${line}\n`);
      if (lines.childNodes.length > maxEntries) lines.firstChild?.remove();
    },
  };
}
