import type { APIAttachment } from 'discord-api-types/v10';
import { element, icon } from './dom.js';

/** A size in bytes as people say it. */
export function sizeInWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const isMega = bytes >= 1024 * 1024;
  return isMega ? `${(bytes / 1024 / 1024).toFixed(1)} MB` : `${(bytes / 1024).toFixed(1)} KB`;
}

/** The sandbox's own files, by their path: the page may stand under another name of this machine than their address has. */
export function ownAddress(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, pathname, search } = new URL(url);
  const isHere = ['127.0.0.1', 'localhost'].includes(hostname) && pathname.startsWith('/attachments/');
  return isHere ? pathname + search : undefined;
}

/** A file of a message: images are shown, everything can be taken home. */
export function fileElement({ filename, size, url, content_type = '', description }: APIAttachment): HTMLElement {
  const address = ownAddress(url);
  const isImage = /^image\/(png|jpeg|gif|webp|avif)$/.test(content_type) && address !== undefined;
  const link = { href: address ?? '#', download: filename, class: isImage ? 'image' : 'file' };
  if (isImage) {
    return element('a', link, element('img', { src: address, alt: description ?? filename, loading: 'lazy' }));
  }
  return element(
    'a',
    link,
    icon('file'),
    element('span', { class: 'file-name' }, filename),
    element('span', { class: 'file-size' }, sizeInWords(size)),
  );
}
