import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import stringWidth from 'string-width';
import { type Audience, type Chat, createChat } from '../chat.js';
import { type Action, actionsOf, type Command, loadCommands, type TextOption, type Use } from '../command.js';
import { type ConsoleConfig, modelSettings } from '../config.js';
import { explain, Stopped, UserError } from '../errors.js';
import { consoleChannel, type History, openHistory } from '../history.js';
import { createLog } from '../log.js';
import { createModel, type Ending, type Model } from '../model/model.js';
import type { Place, Speaker } from '../question.js';
import { openStore } from '../store.js';
import { loadTokenizer } from '../tokens.js';
import { systemLanguage, type Words, wordsFor } from '../words.js';
import { endWithReader, openPage } from './ask.js';
import { type Editor, openEditor } from './editor/editor.js';
import type { Entry } from './editor/entry.js';
import { disarm } from './markdown.js';
import { Misuse } from './misuse.js';
import { type ModelFlags, readFlags } from './settings.js';

export interface ChatFlags extends ModelFlags {
  readonly continue?: true;
  readonly conversation?: string;
  readonly channel?: string;
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
  endWithReader();
  const history = openHistory(config.DATABASE_PATH);
  await history.joinConsoles();
  const name = await chooseConversation(flags, history);
  // Not marked as direct: those are channels in which the bot looks for what it missed.
  const place: Place = { channelId: consoleChannel(name) };
  const past = await history.asked(CONSOLE_ID, PAST_QUESTIONS);
  const exchanges = (await history.read(place.channelId)).length;
  await history.close();
  const store = openStore(config.DATABASE_PATH);
  const spent = overhear(createModel(modelSettings(config)));
  const chat = createChat({ ...chatSettings(config), store, model: spent.model, count: await loadTokenizer() });
  const commands = await loadCommands(new URL('../../commands/', import.meta.url));
  const editor = openEditor({
    ...{ input: process.stdin, output: process.stdout, history: past, plain: process.env.TERM === 'dumb' },
    words: { more: words.further, folded: words.folded, again: words.againToLeave },
    complete: (before) => completions(commands, before),
  });
  const desk: Desk = { chat, editor, words, place, commands, name: 'Parley', speaker: speaker(), ...terminal() };
  if (desk.isTerminal) console.log(words.greeting(name, exchanges));
  try {
    process.exitCode = await talk(desk, () => flags.verbose && tellSpent(desk, spent.last));
  } finally {
    editor.close();
    await chat.close(0);
    await store.close();
  }
}

/** What a conversation is held with. */
interface Desk {
  readonly chat: Chat;
  readonly editor: Editor;
  readonly words: Words;
  readonly place: Place;
  readonly speaker: Speaker;
  readonly commands: readonly Command[];
  /** Whose answers these are. */
  readonly name: string;
  readonly isTerminal: boolean;
}

const terminal = () => ({ isTerminal: process.stdin.isTTY === true && process.stdout.isTTY === true });

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
  const { username } = userInfo();
  return { id: CONSOLE_ID, handle: username, name: username };
}

/** A new conversation is called by the time at which it began. */
async function chooseConversation(flags: ChatFlags, history: History): Promise<string> {
  const { conversation, channel } = flags;
  if ([flags.continue, conversation, channel].filter((one) => one !== undefined).length > 1) {
    throw new Misuse('--continue, --conversation and --channel exclude one another.');
  }
  if (conversation !== undefined) return named(conversation);
  if (flags.continue) {
    const last = (await history.lastOnConsole())?.slice(consoleChannel('').length);
    if (last === undefined) throw new Misuse('There is no conversation to go on with.');
    return last;
  }
  const wished = channel === undefined ? new Date().toLocaleString('sv').replace(/[ :]/g, '-') : `copy-of-${channel}`;
  const name = await firstFree(wished, (one) => history.has(consoleChannel(one)));
  if (channel !== undefined) {
    if (!(await history.has(channel))) throw new Misuse('There is no conversation in a channel of that id.');
    await history.copy(channel, consoleChannel(name));
  }
  return name;
}

function named(name: string): string {
  if (name.trim() === '' || name.length > 100 || /\p{C}/u.test(name)) {
    throw new Misuse('--conversation takes a name of up to 100 characters.');
  }
  return name.trim();
}

async function firstFree(wished: string, isTaken: (name: string) => Promise<boolean>): Promise<string> {
  let name = wished;
  for (let number = 2; await isTaken(name); number++) name = `${wished}-${number}`;
  return name;
}

/** Asks and answers until the end. Returns the exit code: where nobody is there to read what failed, it tells that too. */
async function talk(desk: Desk, afterAnswer: () => void): Promise<number> {
  let hasFailed = false;
  for (;;) {
    const entry = await desk.editor.read(desk.words.you);
    if (entry.kind === 'end') {
      if (desk.isTerminal) console.log();
      return entry.by === 'interrupt' ? 130 : Number(hasFailed && !desk.isTerminal);
    }
    if (isGoodbye(entry)) return 0;
    await answer(desk, entry, afterAnswer).catch((error) => {
      hasFailed = true;
      console.error(explain(error));
    });
  }
}

type Said = Exclude<Entry, { kind: 'end' }>;

const isGoodbye = ({ kind, text }: Said): boolean => kind === 'line' && /^(?:quit|exit)$/.test(text.trim());

/** What is pasted or written as a block is a question, whatever it looks like. */
const answer = (desk: Desk, { kind, text }: Said, afterAnswer: () => void): Promise<void> =>
  kind === 'line' && text.startsWith('/') ? useCommand(desk, text.trim(), afterAnswer) : ask(desk, text, afterAnswer);

/** Asks a question, and shows its answer. */
async function ask(desk: Desk, text: string, afterAnswer: () => void): Promise<void> {
  const { chat, editor, words, place } = desk;
  const id = `console-${randomUUID()}`;
  const question = { id, place, speaker: desk.speaker, text, attachments: [], isPrivate: false };
  editor.whileBusy({ stop: () => chat.withdraw(id), leave: () => leave(desk) });
  const audience: Audience = {
    waits() {},
    reply: (answer) => show(desk, answer),
    async refuse(why) {
      throw why;
    },
  };
  try {
    await chat.answer(question, audience);
    afterAnswer();
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    console.error(words.stopped);
  }
}

/** Ends the program in the middle of an answer, below its last row. */
function leave({ isTerminal }: Desk): never {
  if (isTerminal) console.log();
  process.exit(130);
}

/** Shows an answer as it comes, and what is to be said about it. What fails is thrown on. */
async function show(desk: Desk, answer: Parameters<Audience['reply']>[0]): Promise<void> {
  const label = desk.isTerminal ? desk.words.answer(desk.name) : '';
  const spinner = desk.isTerminal ? spin(`${label}${desk.words.thinking} `) : { stop() {} };
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

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/** Shows that something is being done, in a line that is then empty again. */
function spin(text: string) {
  let frame = 0;
  const turn = () => process.stdout.write(`\r${text}${FRAMES[frame++ % FRAMES.length]}\u001b[K`);
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
  if (!typed) throw new UserError(desk.words.unknownCommand(line.split(' ', 1)[0] ?? line));
  const { chat, commands, place, speaker } = desk;
  const option = typed.action.options?.find((one): one is TextOption => one.type === 'text');
  const text = typed.rest || (option?.form && (await askFor(desk, option.form)));
  if (option?.form && !text) return;
  const use: Use = {
    ...{ chat, commands, place, speaker, hint: desk.words.hint },
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
  const { chat, place, editor, words } = desk;
  const now = await form.prefill?.({ chat, place });
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
