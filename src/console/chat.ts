import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import stringWidth from 'string-width';
import { type Audience, type Chat, createChat } from '../chat.js';
import { type Action, actionsOf, type Command, loadCommands, type TextOption, type Use } from '../command.js';
import { type ConsoleConfig, modelSettings } from '../config.js';
import { Stopped, UserError } from '../errors.js';
import { consoleChannel, type History, openHistory } from '../history.js';
import { createLog } from '../log.js';
import { createModel, type Ending, type Model } from '../model/model.js';
import type { Place, Speaker } from '../question.js';
import { openStore } from '../store.js';
import { loadTokenizer } from '../tokens.js';
import { systemLanguage, type Words, wordsFor } from '../words.js';
import { type Editor, openEditor } from './editor/editor.js';
import type { Entry } from './editor/entry.js';
import { disarm } from './markdown.js';
import { Misuse } from './misuse.js';
import { IS_PLAIN, openPage, tellFailure } from './page.js';
import { type ModelFlags, readFlags } from './settings.js';

interface ConversationFlags {
  readonly continue?: true;
  readonly conversation?: string;
  readonly channel?: string;
}

export interface ChatFlags extends ModelFlags, ConversationFlags {
  readonly verbose?: true;
}

/** Whoever sits at the console. The id is no snowflake, so nobody on Discord has it. */
const CONSOLE_ID = 'console';

/** How many earlier questions come back with Up. */
const PAST_QUESTIONS = 500;

/** `parley chat`: a conversation in the terminal, until its end. */
export async function runChat(flags: ChatFlags): Promise<void> {
  const config = readFlags(flags, process.env);
  const words = wordsFor(systemLanguage(process.env));
  const history = openHistory(config.DATABASE_PATH);
  await history.joinConsoles();
  const conversation = await chooseConversation(flags, history);
  const { name, place, source } = conversation;
  const past = await history.asked(CONSOLE_ID, PAST_QUESTIONS);
  const store = openStore(config.DATABASE_PATH);
  const exchanges = await (source === undefined ? history.read(place.channelId) : store.exchanges(source));
  const spent = overhear(createModel(modelSettings(config)));
  const chat = createChat({ ...chatSettings(config), store, model: spent.model, count: await loadTokenizer() });
  const commands = await loadCommands(new URL('../../commands/', import.meta.url));
  const editor = openEditor({
    ...{ input: process.stdin, output: process.stdout, history: past, plain: IS_PLAIN },
    words: { more: words.further, folded: words.folded, again: words.againToLeave },
    complete: (before) => completions(commands, before),
  });
  const exit = openExit(() => {
    editor.close();
    chat.leave(conversation.place.channelId);
  });
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const own = { name: 'Parley', speaker: speaker(), isTerminal };
  const desk: Desk = { chat, editor, exit, words, conversation, commands, ...own };
  if (desk.isTerminal) console.log(disarm(words.greeting(name, exchanges.length)));
  try {
    const code = await talk(desk, () => flags.verbose && tellSpent(desk, spent.last));
    process.exitCode = exit.code ?? code;
  } finally {
    editor.close();
    await chat.close(0);
    await store.close();
    await history.close();
  }
}

type Exit = ReturnType<typeof openExit>;

/** For how long the end of what is being done is waited for, in milliseconds. */
const LONGEST_END_MS = 2000;

/**
 * What ends the conversation from outside: a reader who has read enough, a terminal that is closed, a signal. It `ends` what
 * is being done, and the program ends by itself when that has ended, on disk too.
 */
function openExit(end: () => void) {
  let code: number | undefined;
  const leave = (by: number): void => {
    code ??= by;
    end();
    // Where another program keeps the file locked, what is open is ended by the next console.
    setTimeout(() => process.exit(code), LONGEST_END_MS).unref();
  };
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && code === undefined) console.error(error.message);
    leave(error.code === 'EPIPE' ? 0 : 1);
  });
  // As the shell tells of a program that the signal ended.
  process.on('SIGTERM', () => leave(143));
  // Elsewhere nohup may have it ignored.
  if (process.stdin.isTTY) process.on('SIGHUP', () => leave(129));
  return {
    leave,
    /** The exit code, once it is left. */
    get code(): number | undefined {
      return code;
    },
  };
}

/** What a conversation is held with. */
interface Desk {
  readonly chat: Chat;
  readonly editor: Editor;
  readonly exit: Exit;
  readonly words: Words;
  readonly conversation: Conversation;
  readonly speaker: Speaker;
  readonly commands: readonly Command[];
  /** Whose answers these are. */
  readonly name: string;
  readonly isTerminal: boolean;
}

const chatSettings = (config: ConsoleConfig) => ({
  // The screen belongs to the conversation.
  log: createLog('silent', [], () => {}),
  systemPrompt: config.SYSTEM_PROMPT,
  contextTokens: config.CONTEXT_TOKENS,
  maxConcurrent: 1,
  maxWaitingPerPerson: Number.POSITIVE_INFINITY,
  maxWaitingPerChannel: Number.POSITIVE_INFINITY,
});

function speaker(): Speaker {
  const name = userName();
  return { id: CONSOLE_ID, handle: name, name };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container a user may have a number only.
    return process.env.USER || 'user';
  }
}

/** A conversation on the console. */
interface Conversation {
  readonly name: string;
  readonly place: Place;
  /** The channel of which it is a copy. */
  readonly source?: string;
  /** Is waited for before anything is done in it. */
  prepare(): Promise<void>;
}

/**
 * The conversation that is meant; a new one is called by the time at which it began.
 *
 * @throws {Misuse} when there is none, or none can be called so
 */
export async function chooseConversation(flags: ConversationFlags, history: History): Promise<Conversation> {
  const { conversation, channel } = flags;
  if ([flags.continue, conversation, channel].filter((one) => one !== undefined).length > 1) {
    throw new Misuse('--continue, --conversation and --channel exclude one another.');
  }
  if (channel !== undefined) return chooseCopy(channel, history);
  const name = conversation === undefined ? await unnamed(flags, history) : named(conversation);
  return { name, place: placeOf(name), async prepare() {} };
}

// Not marked as direct: those are channels in which the bot looks for what it missed.
const placeOf = (name: string): Place => ({ channelId: consoleChannel(name) });

async function unnamed(flags: ConversationFlags, history: History): Promise<string> {
  if (!flags.continue) return firstFree(new Date().toLocaleString('sv').replace(/[ :]/g, '-'), history);
  const last = (await history.lastOnConsole())?.slice(consoleChannel('').length);
  if (last === undefined) throw new Misuse('There is no conversation to go on with.');
  return last;
}

/** A copy that is made when something is to be done in it: where nothing is, nothing stays that a reset would not reach. */
async function chooseCopy(source: string, history: History): Promise<Conversation> {
  if (!(await history.has(source))) throw new Misuse('There is no conversation in a channel of that id.');
  const wished = `copy-of-${source}`;
  let name = await firstFree(wished, history);
  let isMade = false;
  return {
    get name() {
      return name;
    },
    get place() {
      return placeOf(name);
    },
    source,
    async prepare() {
      if (isMade) return;
      // Another console may have taken it.
      name = await firstFree(wished, history);
      await history.copy(source, consoleChannel(name));
      isMade = true;
    },
  };
}

function named(name: string): string {
  if (name.trim() === '' || name.length > 100 || /\p{C}/u.test(name)) {
    throw new Misuse('--conversation takes a name of up to 100 characters.');
  }
  return name.trim();
}

async function firstFree(wished: string, history: History): Promise<string> {
  let name = wished;
  for (let number = 2; await history.has(consoleChannel(name)); number++) name = `${wished}-${number}`;
  return name;
}

/** Asks and answers until the end. Returns the exit code: where nobody is there to read what failed, it tells that too. */
async function talk(desk: Desk, afterAnswer: () => void): Promise<number> {
  let hasFailed = false;
  for (;;) {
    const entry = await desk.editor.read(desk.words.you);
    if (entry.kind === 'end' && entry.by === 'interrupt') return 130;
    if (entry.kind === 'end' || isGoodbye(entry)) return Number(hasFailed && !desk.isTerminal);
    await answer(desk, entry, afterAnswer).catch((error) => {
      hasFailed = true;
      console.error(disarm(tellFailure(error, desk.words, process.env.OPENAI_API_KEY)));
    });
  }
}

type Said = Exclude<Entry, { kind: 'end' }>;

const isGoodbye = ({ kind, text }: Said): boolean => kind === 'line' && /^(?:quit|exit)$/.test(text.trim());

/** What is pasted or written as a block is a question, whatever it looks like. */
async function answer(desk: Desk, { kind, text }: Said, afterAnswer: () => void): Promise<void> {
  await desk.conversation.prepare();
  const isCommand = kind === 'line' && text.startsWith('/');
  await (isCommand ? useCommand(desk, text.trim(), afterAnswer) : ask(desk, text, afterAnswer));
}

/** Asks a question, and shows its answer. */
async function ask(desk: Desk, text: string, afterAnswer: () => void): Promise<void> {
  const { chat, editor, exit, words, conversation } = desk;
  const { place } = conversation;
  const id = `console-${randomUUID()}`;
  const question = { id, place, speaker: desk.speaker, text, attachments: [], isPrivate: false };
  const leave = () => exit.leave(130);
  // Where nobody sits, nobody goes on with another question.
  editor.whileBusy({ stop: process.stdin.isTTY ? () => chat.withdraw(id) : leave, leave });
  const spinner = openSpinner(desk);
  const audience: Audience = {
    waits() {},
    reply: (answer) => show(desk, answer, spinner),
    async refuse(why) {
      throw why;
    },
  };
  try {
    await chat.answer(question, audience);
    afterAnswer();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    spinner.stop();
    if (exit.code === undefined) console.error(words.stopped);
  } finally {
    spinner.stop();
  }
}

/** Shows an answer as it comes, and what is to be said about it. What fails is thrown on. */
async function show(desk: Desk, answer: Parameters<Audience['reply']>[0], spinner: Spinner): Promise<void> {
  const label = labelOf(desk);
  const page = openPage(process.stdout, false, stringWidth(label));
  let hasBegun = false;
  const begin = () => {
    spinner.stop();
    if (!hasBegun) process.stdout.write(label);
    hasBegun = true;
  };
  try {
    for (;;) {
      const piece = await answer.next();
      begin();
      if (!piece.done) {
        page.write(piece.value);
        continue;
      }
      page.end();
      for (const note of piece.value) console.error(note);
      return;
    }
  } finally {
    spinner.stop();
    if (hasBegun) page.end();
  }
}

const labelOf = ({ isTerminal, words, name }: Desk): string => (isTerminal ? words.answer(name) : '');

type Spinner = ReturnType<typeof spin>;

/** Shows that something is being done from the question on, also while its place on disk is waited for. */
const openSpinner = (desk: Desk): Spinner =>
  desk.isTerminal && !IS_PLAIN ? spin(`${labelOf(desk)}${desk.words.thinking} `) : { stop() {} };

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/** Shows that something is being done, in a line that is then empty again. */
function spin(text: string) {
  let frame = 0;
  const turn = () => {
    // From a second row there is no way back.
    const fits = stringWidth(text) + 1 < (process.stdout.columns || 80);
    process.stdout.write(`\r${fits ? text : ''}${FRAMES[frame++ % FRAMES.length]}\u001b[K`);
  };
  turn();
  const timer = setInterval(turn, FRAME_MS);
  return {
    stop(): void {
      if (timer.hasRef()) process.stdout.write('\r\u001b[K');
      clearInterval(timer);
      timer.unref();
    },
  };
}

/** A command of the line, and what stands behind its words. */
interface Typed {
  readonly action: Action;
  readonly rest: string;
}

function readCommand(commands: readonly Command[], line: string): Typed | undefined {
  const typed = line.slice(1);
  const all = commands.flatMap((command) => [...actionsOf(command)]);
  const [words, action] = all.find(([words]) => typed === words || typed.startsWith(`${words} `)) ?? [];
  return words === undefined || !action ? undefined : { action, rest: typed.slice(words.length).trim() };
}

async function useCommand(desk: Desk, line: string, afterAnswer: () => void): Promise<void> {
  const typed = readCommand(desk.commands, line);
  if (!typed) {
    // The name of several commands is none.
    const meant = completions(desk.commands, `${line} `).map((one) => one.trim());
    throw new UserError(meant.join('  ') || desk.words.unknownCommand(line.split(' ', 1)[0] ?? line));
  }
  const { chat, commands, conversation, speaker } = desk;
  const option = typed.action.options?.find((one): one is TextOption => one.type === 'text');
  const text = typed.rest || (option?.form && (await askFor(desk, option.form)));
  if (option?.form && !text) return;
  const use: Use = {
    ...{ chat, commands, place: conversation.place, speaker, hint: desk.words.hint },
    text: (name) => (name === option?.name && text ? text : undefined),
    flag: () => false,
    ask: (prompt) => ask(desk, prompt, afterAnswer),
  };
  const reply = await typed.action.run(use);
  if (reply === undefined) return;
  const page = openPage(process.stdout, false);
  page.write(reply);
  page.end();
}

/** Asks for a longer text, which may come in several lines. */
async function askFor(desk: Desk, form: NonNullable<TextOption['form']>): Promise<string | undefined> {
  const { chat, conversation, editor, words } = desk;
  const now = await form.prefill?.({ chat, place: conversation.place });
  if (desk.isTerminal) console.log(disarm([now, words.textFor(form.label)].filter(Boolean).join('\n')));
  const entry = await editor.read(words.further);
  return entry.kind === 'end' ? undefined : entry.text.trim();
}

function completions(commands: readonly Command[], before: string): string[] {
  if (!before.startsWith('/')) return [];
  const all = commands.flatMap((command) => [...actionsOf(command).keys()].map((words) => `/${words} `));
  return all.filter((one) => one.startsWith(before) && one !== before);
}

/** A model of which it is known how its last answer ended, and after how many milliseconds. */
function overhear(model: Model) {
  let last: { readonly ending: Ending; readonly ms: number } | undefined;
  const told: Model = async function* (prompt, signal) {
    last = undefined;
    const began = performance.now();
    const ending = yield* model(prompt, signal);
    last = { ending, ms: performance.now() - began };
    return ending;
  };
  return {
    model: told,
    get last() {
      return last;
    },
  };
}

function tellSpent({ words }: Desk, last: ReturnType<typeof overhear>['last']): void {
  if (!last) return;
  const { model, usage } = last.ending;
  const tokens = usage && { prompt: usage.promptTokens, completion: usage.completionTokens };
  console.error(words.spent(model, tokens, last.ms / 1000));
}
