import { createReadStream } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { modelSettings } from '../config.js';
import { ModelError, UserError } from '../errors.js';
import { createModel, type Ending, type ImagePart, type LookingModel, type Message } from '../model/model.js';
import { systemLanguage, wordsFor } from '../words.js';
import { Misuse } from './misuse.js';
import { endWithReader, openPage, tellFailure } from './page.js';
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
 * Asks one question, and writes its answer as it comes, and nothing else. Returns how it ended.
 *
 * @throws what the model throws, or the signal's reason; what had come by then has been written
 */
export async function askOnce(
  { model, systemPrompt, prompt, images, asJson }: Asking,
  write: (piece: string) => void,
  signal: AbortSignal,
): Promise<Ending> {
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
      return piece.value;
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

/** No model reads as much, in bytes. What goes on for ever is no question. */
const LONGEST_INPUT = 100 * 1024 * 1024;

/**
 * What is asked: the material that comes by standard input, if any does, and then the words.
 *
 * @throws {Misuse} when nothing is asked, or the material is no text, endless or not to be read, as when `signal` is aborted
 */
export async function promptOf(
  words: readonly string[],
  input: Readable & { readonly isTTY?: boolean },
  signal: AbortSignal,
): Promise<string> {
  const material = input.isTTY ? '' : (await textOf(addAbortSignal(signal, input))).trimEnd();
  const prompt = [material, words.join(' ').trim()].filter(Boolean).join('\n\n');
  if (prompt === '') throw new Misuse('There is no question: write one behind “ask”, or pipe one in.');
  return prompt;
}

async function textOf(input: AsyncIterable<Buffer>): Promise<string> {
  const bytes = await bytesOf(input, 'Standard input', LONGEST_INPUT);
  // As grep and git tell it. Other bytes that are no UTF-8 may well stand in a text.
  if (bytes.includes(0)) throw new Misuse('Standard input is no text. The model looks at an image with --image.');
  return new TextDecoder().decode(bytes);
}

async function bytesOf(input: AsyncIterable<Buffer>, what: string, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let left = most;
  try {
    for await (const piece of input) {
      pieces.push(piece);
      left -= piece.length;
      if (left < 0) break;
    }
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error;
    throw new Misuse(`${what} can’t be read (${reason}).`, { cause: error });
  }
  if (left < 0) throw new Misuse(`${what} is larger than ${most / 1024 / 1024} MB.`);
  return Buffer.concat(pieces);
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
  const bytes = await bytesOf(createReadStream(path), path, LARGEST_IMAGE);
  const head = bytes.subarray(0, 16).toString('latin1');
  const type = kinds.find(([, begins]) => begins.test(head))?.[0];
  if (!type) throw new Misuse(`${path} is no PNG, JPEG, GIF or WebP image.`);
  return { type: 'image_url', image_url: { url: `data:${type};base64,${bytes.toString('base64')}` } };
}

export interface AskFlags extends ModelFlags {
  readonly system?: string;
  readonly image?: readonly string[];
  readonly json?: true;
}

/** `parley ask`: the exit code tells the outcome, 0 or 1 for a failure of the model, 130 when it was stopped. */
export async function runAsk(spoken: readonly string[], flags: AskFlags): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  endWithReader();
  const asJson = flags.json === true;
  const page = openPage(process.stdout, asJson);
  const words = wordsFor(systemLanguage(process.env));
  const config = readFlags(flags, process.env);
  const systemPrompt = flags.system ?? config.SYSTEM_PROMPT;
  const model = createModel(modelSettings(config));
  try {
    const images = await Promise.all((flags.image ?? []).map(readImage));
    const prompt = await promptOf(spoken, process.stdin, stop.signal);
    const asking = { model, systemPrompt, prompt, images, asJson };
    const { finish } = await askOnce(asking, page.write, stop.signal);
    page.end();
    if (finish === 'length' && !asJson) console.error(words.cutOff);
  } catch (error) {
    page.end();
    if (!stop.signal.aborted && !(error instanceof UserError)) throw error;
    if (!stop.signal.aborted) console.error(tellFailure(error, words, config.OPENAI_API_KEY));
    process.exitCode = stop.signal.aborted ? 130 : 1;
  }
}
