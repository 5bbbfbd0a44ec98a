import type { APIRole } from 'discord-api-types/v10';
import { highlighted } from './code.js';
import { element } from './dom.js';
import { type Piece, parseMarkdown, plainText } from './markdown.js';
import { type Channel, nameOf, type State, titleOf } from './state.js';
import { timestamp } from './times.js';

/** Where a text stands: what its mentions are called, and whom they mean. */
export interface Place {
  readonly state: State;
  readonly guildId: string | undefined;
}

const channelIn = ({ state }: Place, id: string): Channel | undefined => state.channels.get(id);
const roleIn = ({ state, guildId }: Place, id: string): APIRole | undefined =>
  state.guilds.get(guildId ?? '')?.roles.get(id);

/** A text in Discord's markdown as nodes. */
export const renderText = (text: string, place: Place): Node[] => render(parseMarkdown(text), place);

/** The words of a text in one line, without its markdown. */
export const plainWords = (text: string, place: Place): string =>
  plainText(parseMarkdown(text), (piece) => mentioned(piece, place));

function mentioned(piece: Piece, place: Place): string {
  switch (piece.kind) {
    case 'user':
      return `@${nameOf(place.state, piece.id, place.guildId)}`;
    case 'role':
      return `@${roleIn(place, piece.id)?.name ?? 'unknown-role'}`;
    case 'channel': {
      const channel = channelIn(place, piece.id);
      return `#${channel ? titleOf(place.state, channel) : 'unknown'}`;
    }
    case 'emoji':
      return `:${piece.name}:`;
    case 'time':
      return timestamp(new Date(piece.seconds * 1000), piece.style);
    case 'command':
      return `/${piece.name}`;
    default:
      return '';
  }
}

const render = (pieces: readonly Piece[], place: Place): Node[] => pieces.map((piece) => node(piece, place));

const tags = { strong: 'strong', em: 'em', underline: 'u', strikethrough: 's', quote: 'blockquote' } as const;

function node(piece: Piece, place: Place): Node {
  switch (piece.kind) {
    case 'text':
      return document.createTextNode(piece.text);
    case 'break':
      // A sign and no element: it is there for screen readers and when the text is copied.
      return document.createTextNode('\n');
    case 'strong':
    case 'em':
    case 'underline':
    case 'strikethrough':
    case 'quote':
      return element(tags[piece.kind], {}, render(piece.pieces, place));
    case 'subtext':
      return element('small', { class: 'subtext' }, render(piece.pieces, place));
    case 'spoiler':
      return spoiler(render(piece.pieces, place));
    case 'heading':
      // The page's own headings end at the third level.
      return element(piece.level === 1 ? 'h4' : piece.level === 2 ? 'h5' : 'h6', {}, render(piece.pieces, place));
    case 'list': {
      const items = piece.items.map((item) => element('li', {}, render(item, place)));
      return piece.start === undefined ? element('ul', {}, items) : element('ol', { start: piece.start }, items);
    }
    case 'code':
      return element('code', {}, piece.text);
    case 'block':
      return block(piece.language.toLowerCase(), piece.text);
    case 'link':
      return element(
        'a',
        { href: piece.url, target: '_blank', rel: 'noopener noreferrer' },
        render(piece.pieces, place),
      );
    default:
      return pill(piece, place);
  }
}

function pill(piece: Piece, place: Place): Node {
  const words = piece.kind === 'everyone' ? piece.text : mentioned(piece, place);
  switch (piece.kind) {
    case 'channel':
      return element('a', { class: 'mention', href: `#${piece.id}` }, words);
    case 'time': {
      const at = new Date(piece.seconds * 1000);
      // A number that is no time stays a number.
      if (Number.isNaN(at.getTime())) return document.createTextNode(`${piece.seconds}`);
      return element('time', { class: 'timestamp', datetime: at.toISOString(), title: timestamp(at, 'F') }, words);
    }
    case 'emoji':
      return document.createTextNode(words);
    default: {
      const isMe = piece.kind === 'everyone' || (piece.kind === 'user' && piece.id === place.state.me?.id);
      return element('span', { class: isMe ? 'mention to-me' : 'mention' }, words);
    }
  }
}

/** Hidden until it is pressed; for screen readers too. */
function spoiler(inside: readonly Node[]): HTMLElement {
  const hidden = element('span', { 'aria-hidden': 'true' }, inside);
  const show = () => {
    box.className = 'spoiler shown';
    hidden.removeAttribute('aria-hidden');
    for (const attribute of ['role', 'tabindex', 'aria-label']) box.removeAttribute(attribute);
  };
  const box = element(
    'span',
    {
      class: 'spoiler',
      role: 'button',
      tabindex: 0,
      'aria-label': 'Spoiler, press to show',
      on: {
        click(event) {
          // The first press shows what is under it, and does not go where a link there leads.
          if (!box.classList.contains('shown')) event.preventDefault();
          show();
        },
        keydown(event) {
          if (event.target !== box || (event.key !== 'Enter' && event.key !== ' ')) return;
          event.preventDefault();
          show();
        },
      },
    },
    hidden,
  );
  return box;
}

function block(language: string, code: string): HTMLElement {
  const copy = element(
    'button',
    {
      type: 'button',
      class: 'copy',
      on: {
        async click() {
          await navigator.clipboard.writeText(code);
          copy.textContent = 'Copied';
        },
      },
    },
    'Copy',
  );
  const label = language === '' ? 'Code' : `Code, ${language}`;
  // Longer than the box is wide: the keyboard has to be able to scroll it.
  const pre = element(
    'pre',
    { tabindex: 0, role: 'region', 'aria-label': label },
    element('code', {}, highlighted(language, code)),
  );
  return element('div', { class: 'block', 'data-language': language }, pre, copy);
}
