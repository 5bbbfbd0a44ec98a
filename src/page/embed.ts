import type { APIEmbed } from 'discord-api-types/v10';
import { element } from './dom.js';
import { ownAddress } from './files.js';
import { type Place, renderText } from './text.js';
import { messageTime } from './times.js';

/** An embed. Pictures from elsewhere are not fetched: the page asks nobody but the sandbox for anything. */
export function embedElement(embed: APIEmbed, place: Place): HTMLElement {
  const { author, title, url, description, fields = [], footer, timestamp, color, image } = embed;
  const picture = image && ownAddress(image.url);
  const under = [footer?.text, timestamp && messageTime(timestamp)].filter(Boolean).join(' • ');
  const box = element(
    'section',
    { class: 'embed', 'aria-label': title ?? 'Embed' },
    author && element('div', { class: 'embed-author' }, author.name),
    (title !== undefined && element('div', { class: 'embed-title' }, linked(url, title, place))) || undefined,
    description !== undefined ? element('div', { class: 'formatted' }, renderText(description, place)) : undefined,
    fields.length > 0
      ? element(
          'div',
          { class: 'embed-fields' },
          fields.map(({ name, value, inline = false }) =>
            element(
              'div',
              { class: inline ? 'embed-field inline' : 'embed-field' },
              element('strong', {}, renderText(name, place)),
              element('div', { class: 'formatted' }, renderText(value, place)),
            ),
          ),
        )
      : undefined,
    picture === undefined ? undefined : element('img', { src: picture, alt: '' }),
    under === '' ? undefined : element('div', { class: 'embed-footer' }, under),
  );
  if (color !== undefined) box.style.setProperty('--bar', `#${color.toString(16).padStart(6, '0')}`);
  return box;
}

function linked(url: string | undefined, title: string, place: Place): Node[] {
  const words = renderText(title, place);
  if (url === undefined || !/^https?:/.test(url)) return words;
  return [element('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, words)];
}
