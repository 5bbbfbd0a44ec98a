import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { APIAttachment } from 'discord-api-types/v10';
import type { Backend } from './backend.js';
import type { Clock } from './clock.js';
import { invalid, type Refusal, refusal } from './refusal.js';
import type { Channel, StoredFile, World } from './world.js';

/** A file of a request: the `n` of its `files[n]`, and what it holds. */
export interface Upload {
  readonly index: number;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** The default of a server without boosts ("Uploading Files"). */
export const maxFileBytes = 10 * 1024 * 1024;
const maxFiles = 10;

export const tooManyFiles = (): Refusal =>
  invalid(['files'], 'BASE_TYPE_MAX_LENGTH', `Must be ${maxFiles} or fewer in length.`);

/** What a request says of its attachments: new ones by the `n` of their file, kept ones by id. */
export type AttachmentDraft = {
  readonly id: string | number;
  readonly filename?: string | null | undefined;
  readonly description?: string | null | undefined;
};

/**
 * Stores the files of a request and returns the attachments that its message has then: of the `present` ones those that
 * the draft names (all, where it names none), and the new ones. Throws 40005 for a file that is too large, and 50035
 * for too many and for a draft that names what is not there.
 */
export function attach(
  backend: Backend,
  channel: Channel,
  uploads: readonly Upload[],
  drafts: readonly AttachmentDraft[] | null | undefined,
  present: readonly APIAttachment[] = [],
): APIAttachment[] {
  if (uploads.some(({ bytes }) => bytes.byteLength > maxFileBytes)) throw refusal(40005);
  const draftOf = (id: string) => drafts?.find((draft) => `${draft.id}` === id);
  const known = new Set([...uploads.map(({ index }) => `${index}`), ...present.map(({ id }) => id)]);
  const strange = drafts?.findIndex(({ id }) => !known.has(`${id}`)) ?? -1;
  if (strange >= 0) {
    throw invalid(['attachments', strange, 'id'], 'ATTACHMENT_NOT_FOUND', 'Attachment data not found');
  }
  const kept = drafts ? present.filter(({ id }) => draftOf(id)) : present;
  if (kept.length + uploads.length > maxFiles) throw tooManyFiles();
  return [...kept, ...uploads.map((upload) => store(backend, channel, upload, draftOf(`${upload.index}`)))];
}

function store(backend: Backend, channel: Channel, upload: Upload, draft: AttachmentDraft | undefined): APIAttachment {
  const id = backend.newId();
  // Discord keeps letters, digits, dots, dashes and underscores of a name.
  const kept = (draft?.filename || upload.filename).replaceAll(' ', '_').replaceAll(/[^\p{L}\p{N}._-]/gu, '');
  const filename = kept || 'unknown';
  const { contentType, bytes } = upload;
  backend.world.files.set(id, { channelId: channel.id, filename, contentType, bytes });
  const url = backend.fileUrl(id);
  return {
    id,
    filename,
    size: bytes.byteLength,
    url,
    proxy_url: url,
    content_type: contentType,
    ...(draft?.description && { description: draft.description }),
  };
}

const validForMs = 24 * 60 * 60_000;

/** Addresses of files as Discord signs them: they tell when they were issued, when they expire, and prove it. */
export function createFileAddresses(world: World, clock: Clock, base: () => string) {
  const secret = randomBytes(32);
  const sign = (path: string, expires: string, issued: string) =>
    createHmac('sha256', secret).update(`${path} ${expires} ${issued}`).digest();
  const hexSeconds = (ms: number) => Math.floor(ms / 1000).toString(16);
  const pathOf = (id: string, { channelId, filename }: StoredFile) =>
    `/attachments/${channelId}/${id}/${encodeURIComponent(filename)}`;
  return {
    urlOf(id: string): string {
      const file = world.files.get(id);
      if (file === undefined) return '';
      const path = pathOf(id, file);
      const [expires, issued] = [hexSeconds(clock.now() + validForMs), hexSeconds(clock.now())];
      return `${base()}${path}?ex=${expires}&is=${issued}&hm=${sign(path, expires, issued).toString('hex')}&`;
    },
    /** The file that a signed address is of; `undefined` for a forged or expired one. */
    find(
      id: string,
      { ex = '', is = '', hm = '' }: Readonly<Record<string, string | undefined>>,
    ): StoredFile | undefined {
      const file = world.files.get(id);
      if (file === undefined || Number.parseInt(ex, 16) * 1000 < clock.now()) return undefined;
      const [given, own] = [Buffer.from(hm, 'hex'), sign(pathOf(id, file), ex, is)];
      return given.length === own.length && timingSafeEqual(given, own) ? file : undefined;
    },
  };
}
