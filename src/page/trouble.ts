import { element } from './dom.js';
import type { Home } from './home.js';

interface Trouble {
  readonly name: string;
  readonly about: string;
  readonly fault: string;
}

const troubles: Readonly<Record<'Gateway' | 'REST', readonly Trouble[]>> = {
  Gateway: [
    { name: 'Drop the connection', about: 'The bot’s socket is cut without a word.', fault: 'drop' },
    { name: 'Ask to reconnect', about: 'Opcode 7: the bot comes back and resumes.', fault: 'reconnect' },
    { name: 'Invalidate the session', about: 'Opcode 9: the bot has to identify anew.', fault: 'invalidate' },
  ],
  REST: [
    {
      name: 'Rate-limit',
      about: 'The bot’s next request is answered with 429, and five seconds to wait.',
      fault: 'rate-limit',
    },
    { name: 'Answer 500', about: 'The bot’s next three requests fail on Discord’s side.', fault: 'server-error' },
    { name: 'Delay', about: 'The bot’s next request takes four seconds.', fault: 'delay' },
  ],
};

/** How the chat API can refuse, by the sandbox's names. */
const refusals: Readonly<Record<string, string>> = {
  'server-error': 'server error (500)',
  overloaded: 'overloaded (503)',
  'rate-limit': 'rate limit (429)',
  credit: 'no credit left (429)',
  key: 'wrong key (401)',
  forbidden: 'not in this region (403)',
  model: 'unknown model (404)',
  'too-long': 'prompt too long (400)',
  filter: 'content filter (400)',
  'html-page': 'a proxy’s page (502)',
};

/** What can be made to go wrong for the bot, and the switches that its developer has. */
export function troublePanel({ application }: Home, tell: (words: string) => void): HTMLElement {
  /** Asks the sandbox for something, and tells what came of it. Whether it was done. */
  async function order(name: string, path: 'faults' | 'switches' | 'bot', body: unknown): Promise<boolean> {
    const response = await fetch(`/sandbox/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).catch(() => undefined);
    tell(response?.ok ? `${name}: done.` : `${name}: ${await reasonOf(response)}`);
    return response?.ok === true;
  }

  const button = (name: string, click: () => void) =>
    element('button', { type: 'button', class: 'button secondary', on: { click } }, name);
  const row = (about: string, ...controls: readonly HTMLElement[]) =>
    element('div', { class: 'trouble' }, element('span', {}, about), controls);
  const section = (name: string, ...rows: readonly HTMLElement[]) =>
    element('section', { 'aria-label': name }, element('h3', {}, name), rows);

  const refusal = element(
    'select',
    { 'aria-label': 'How the chat API refuses' },
    Object.entries(refusals).map(([value, words]) => element('option', { value }, words)),
  );
  const content = element('input', {
    type: 'checkbox',
    role: 'switch',
    'aria-label': 'Message content intent',
    checked: application.messageContent !== 'off',
    on: {
      async change() {
        const isDone = await order('Message content intent', 'switches', {
          messageContent: content.checked ? 'on' : 'off',
        });
        if (!isDone) content.checked = !content.checked;
      },
    },
  });
  return element(
    'div',
    { class: 'panel troubles' },
    Object.entries(troubles).map(([group, those]) =>
      section(
        group,
        ...those.map(({ name, about, fault }) =>
          row(
            about,
            button(name, () => void order(name, 'faults', { fault })),
          ),
        ),
      ),
    ),
    section(
      'Chat API',
      row(
        'The next request is refused.',
        refusal,
        button('Refuse', () => void order('Refuse', 'faults', { fault: 'model-refusal', refusal: refusal.value })),
      ),
    ),
    section(
      'Bot',
      row(
        'What was ordered above and has not happened yet is called off.',
        button('Call off', () => void order('Call off', 'faults', { fault: 'none' })),
      ),
      row(
        'The bot is stopped and started again.',
        button('Restart', () => void order('Restart', 'bot', { do: 'restart' })),
      ),
      row('Message content intent, as switched in the portal. The bot asks for it when it starts.', content),
    ),
  );
}

async function reasonOf(response: Response | undefined): Promise<string> {
  if (response === undefined) return 'the sandbox can’t be reached.';
  const answer: unknown = await response.json().catch(() => undefined);
  const message: unknown = Reflect.get(Object(answer), 'message');
  return typeof message === 'string' ? message : `the sandbox answered ${response.status}.`;
}
