import { readFile, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { modelSettings } from '../config.js';
import { explain, ModelError, Stopped } from '../errors.js';
import { createModel, type Ending, type ImagePart, type LookingModel, type Message } from '../model/model.js';
import { createRenderer, disarm } from './markdown.js';
import { Misuse } from './misuse.js';
import { type ModelFlags, readFlags } from './settings.js';

/** One question from a command line. */
export interface Asking {
  readonly model: LookingModel;
  readonly systemPrompt: string;
  readonly prompt: string;
  readonly images: readonly ImagePart[];
  /** Whether the answer is told as the chat API would tell it. */
  readonly asJson: boolean;
}

/**
 * Asks one question, and writes its answer as it comes, and nothing else.
 *
 * @throws what the model throws, or the signal's reason; what had come by then has been written
 */
export async function askOnce(
  { model, systemPrompt, prompt, images, asJson }: Asking,
  write: (piece: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const content = images.length === 0 ? prompt : [{ type: 'text' as const, text: prompt }, ...images];
  const messages: Message[] = [
    ...(systemPrompt === '' ? [] : [{ role: 'system' as const, content: systemPrompt }]),
    { role: 'user', content },
  ];
  const answer = model(messages, signal);
  let whole = '';
  for (;;) {
    const piece = await answer.next();
    if (piece.done) {
      if (asJson) write(`${JSON.stringify(completionOf(whole, piece.value), undefined, 2)}\n`);
      if (piece.value.finish === 'content_filter') throw new ModelError('filtered');
      return;
    }
    whole += piece.value;
    if (!asJson) write(piece.value);
  }
}

/** An answer in the words of the chat API: https://platform.openai.com/docs/api-reference/chat/object. */
const completionOf = (content: string, { model, finish, usage }: Ending) => ({
  object: 'chat.completion',
  model,
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finish }],
  ...(usage && {
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      total_tokens: usage.promptTokens + usage.completionTokens,
      prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    },
  }),
});

/** What is asked: the material that comes by standard input, if any does, and then the words. */
export async function promptOf(
  words: readonly string[],
  input: Readable & { readonly isTTY?: boolean },
): Promise<string> {
  const material = input.isTTY ? '' : (await text(input)).trimEnd();
  return [material, words.join(' ').trim()].filter(Boolean).join('\n\n');
}

/** What the chat API takes in one image, in bytes, as other servers have it too. */
const LARGEST_IMAGE = 20 * 1024 * 1024;

/** How the files begin that chat APIs can look at. */
const kinds: readonly (readonly [type: string, begins: RegExp])[] = [
  ['image/png', /^.PNG\r\n/s],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF.{4}WEBP/s],
];

/**
 * Reads an image for the model to look at.
 *
 * @throws {Misuse} when the file can't be read, is too large, or is no image that chat APIs take
 */
export async function readImage(path: string): Promise<ImagePart> {
  const bytes = await readWithin(path, LARGEST_IMAGE);
  const head = bytes.subarray(0, 16).toString('latin1');
  const type = kinds.find(([, begins]) => begins.test(head))?.[0];
  if (!type) throw new Misuse(`${path} is no PNG, JPEG, GIF or WebP image.`);
  return { type: 'image_url', image_url: { url: `data:${type};base64,${bytes.toString('base64')}` } };
}

async function readWithin(path: string, most: number): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size <= most) return await readFile(path);
  } catch (error) {
    throw new Misuse(`${path} can’t be read (${error instanceof Error && 'code' in error ? error.code : error}).`, {
      cause: error,
    });
  }
  throw new Misuse(`${path} is larger than ${most / 1024 / 1024} MB.`);
}

/** Whoever reads the answer has read enough of it. */
class Closed extends Error {
  override name = 'Closed';
}

export interface AskFlags extends ModelFlags {
  readonly system?: string;
  readonly image: readonly string[];
  readonly json?: true;
}

/** `parley ask`: the exit code tells the outcome, 0 or 1 for a failure of the model, 130 when it was stopped. */
export async function runAsk(words: readonly string[], flags: AskFlags): Promise<void> {
  const config = readFlags(flags, process.env);
  const images = await Promise.all(flags.image.map(readImage));
  const prompt = await promptOf(words, process.stdin);
  if (prompt === '') throw new Misuse('There is no question: write one behind “ask”, or pipe one in.');
  const { stdout } = process;
  const model = createModel(modelSettings(config));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Stopped('reset')));
  stdout.on('error', () => stop.abort(new Closed()));
  const page = openPage(stdout, flags.json === true);
  try {
    const systemPrompt = flags.system ?? config.SYSTEM_PROMPT;
    await askOnce({ model, systemPrompt, prompt, images, asJson: flags.json === true }, page.write, stop.signal);
    page.end();
  } catch (error) {
    if (error instanceof Closed) return;
    page.end();
    if (!(error instanceof Stopped)) console.error(explain(error));
    process.exitCode = error instanceof Stopped ? 130 : 1;
  }
}

/** Ends the program without a word when whoever reads its output has read enough. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

/**
 * Where an answer is written: readable in a terminal, or plain, though harmless even then; and as it is anywhere else.
 * It ends with the end of a line.
 */
export function openPage(output: NodeJS.WriteStream, isPlain: boolean, column = 0) {
  const renderer =
    output.isTTY && !isPlain
      ? createRenderer({ columns: () => output.columns || 80, isColoured: output.hasColors(), column })
      : undefined;
  let last = '\n';
  const put = (text: string) => {
    if (text === '') return;
    last = text.at(-1) ?? last;
    output.write(text);
  };
  return {
    write: (piece: string): void => put(renderer ? renderer.write(piece) : output.isTTY ? disarm(piece) : piece),
    end(): void {
      if (renderer) put(renderer.end());
      if (last !== '\n') put('\n');
    },
  };
}
