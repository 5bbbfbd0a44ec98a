import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import { Misuse } from './console/misuse.js';
import { ConfigError, UserError } from './errors.js';
import { loadTokenizer } from './tokens.js';

/** Ends a process that can't do its work, with the reason for its operator; a fault of ours shows where it is. */
function stopAtOnce(error: unknown): never {
  const isForPeople = error instanceof ConfigError || error instanceof UserError;
  console.error(isForPeople ? error.message : error instanceof Error ? error.stack : error);
  process.exit(error instanceof Misuse ? 2 : 1);
}

/** Starts the bot, or without a token the sandbox. */
async function startEither(): Promise<void> {
  const { isForSandbox } = await import('./config.js');
  await (isForSandbox(process.env) ? startSandbox('usual') : startBot());
}

/** Starts the bot. What the sandbox needs is never loaded for it, and the other way round. */
async function startBot(): Promise<void> {
  const { readConfig } = await import('./config.js');
  const config = readConfig(process.env);
  const { startBot: start } = await import('./bot.js');
  await start(config, stopAtOnce);
}

/** Starts a Discord of one's own, and this program again as the bot in it. */
async function startSandbox(mode: 'usual' | 'offline' | 'only'): Promise<void> {
  const { readSandboxConfig } = await import('./config.js');
  const config = readSandboxConfig(process.env);
  const { runSandbox } = await import('./sandbox/main.js');
  await runSandbox({
    program: new URL(import.meta.url),
    environment: process.env,
    page: new URL('../page/', import.meta.url),
    port: config.SANDBOX_PORT,
    chatApi:
      config.hasChatApi && mode === 'usual'
        ? {
            name: new URL(config.OPENAI_BASE_URL).host,
            baseUrl: config.OPENAI_BASE_URL,
            model: config.OPENAI_MODEL,
            apiKey: config.OPENAI_API_KEY,
          }
        : undefined,
    preferredModel: config.OPENAI_MODEL,
    isOffline: mode === 'offline',
    isForOthers: mode === 'only',
    loadTokenizer,
    secrets: [process.env.DISCORD_TOKEN ?? '', process.env.OPENAI_API_KEY ?? ''],
  });
}

interface Modes {
  readonly sandbox?: true;
  readonly offline?: true;
  readonly only?: true;
}

const modeOf = ({ offline, only }: Modes) => (only ? 'only' : offline ? 'offline' : 'usual');

/** Everything that the program can be told to do. What a command needs is loaded when it is used. */
function commandLine(): Command {
  const program = new Command('parley')
    .description(
      'A Discord bot that talks with a language model, the same conversation in a terminal, and one question from a script.',
    )
    .helpCommand('help [command]', 'what a command can be told')
    .hook('preAction', readSettings)
    // What stands behind a command is that command's.
    .enablePositionalOptions()
    // Before subcommands are made: they inherit these.
    .exitOverride()
    .configureOutput({ writeOut: (text) => console.log(text.trimEnd()) });

  const withModel = (command: Command): Command =>
    command
      .option('-m, --model <name>', 'the model to ask (OPENAI_MODEL)')
      .option('-t, --temperature <number>', 'how freely it answers, 0 to 2 (OPENAI_TEMPERATURE)')
      .option('--max-tokens <number>', 'the longest answer, in tokens (OPENAI_MAX_TOKENS)')
      .option('--top-p <number>', 'the share of likely words that it chooses from, 0 to 1 (OPENAI_TOP_P)')
      .option('--frequency-penalty <number>', 'against saying the same often, -2 to 2 (OPENAI_FREQUENCY_PENALTY)')
      .option('--presence-penalty <number>', 'against coming back to the same, -2 to 2 (OPENAI_PRESENCE_PENALTY)')
      .option('--no-stream', 'wait for the whole answer (OPENAI_STREAM)');

  program
    .command('start')
    .description('start the bot; without DISCORD_TOKEN, the sandbox. Without a command, this is done')
    .action(startEither);

  program
    .command('sandbox')
    .description('a small Discord of your own, on this machine only, with the bot in it')
    .option('--offline', 'answer from the offline model, whatever chat API is set')
    .option('--only', 'start no bot, and print how others log in')
    .action((modes: Modes) => startSandbox(modeOf(modes)));

  withModel(
    program
      .command('chat')
      .description('a conversation in the terminal')
      .option('-c, --continue', 'go on with the last conversation')
      .option('--conversation <name>', 'go on with the conversation of this name, or begin it')
      .option('--channel <id>', 'go on with a copy of a Discord channel’s conversation')
      .option('--verbose', 'tell model, tokens and time of each answer'),
  ).action(async (flags) => (await import('./console/chat.js')).runChat(flags));

  withModel(
    program
      .command('ask')
      .description('one question, one answer on standard output; standard input is put before the question')
      .argument('[question...]')
      .option('-s, --system <text>', 'who the model is to be (SYSTEM_PROMPT)')
      .option('-i, --image <file>', 'an image for the model to look at; may be given more than once', gather)
      .option('--json', 'the answer, model, finish reason and usage in the chat API’s own words'),
  ).action(async (words: string[], flags) => (await import('./console/ask.js')).runAsk(words, flags));

  const prints = (command: Command): Command =>
    command
      .option('-f, --format <format>', 'text, json or markdown', 'text')
      .action(async (conversation, flags) => (await import('./console/history.js')).runHistory(conversation, flags));

  const history = prints(
    program
      .command('history')
      .description('the conversations that are kept; with a channel’s id or a name, one of them')
      .argument('[conversation]'),
  );
  prints(history.command('show').description('one conversation, whatever it is called').argument('<conversation>'));
  history
    .command('search')
    .description('finds words in all that was ever said')
    .argument('<words...>')
    .option('-n, --limit <number>', 'how many places, the newest first', '20')
    .showHelpAfterError('What begins with “-” is searched for behind “--”.')
    .action(async (words: string[], flags) => (await import('./console/history.js')).runSearch(words, flags));
  history
    .command('export')
    .description('writes everything that is kept to a file, or to standard output')
    .argument('[file]')
    .action(async (file) => (await import('./console/history.js')).runExport(file));
  history
    .command('import')
    .description('takes in what export wrote, from a file or from standard input')
    .argument('[file]')
    .action(async (file) => (await import('./console/history.js')).runImport(file));

  return program;
}

const gather = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** Without a word it starts; and the sandbox can be named by its options alone. */
function withCommand(words: readonly string[]): readonly string[] {
  if (words.length === 0) return ['start'];
  const isSandbox = words.every((word) => ['--sandbox', '--offline', '--only'].includes(word));
  return isSandbox ? ['sandbox', ...words.filter((word) => word !== '--sandbox')] : words;
}

/** Reads `.env`. A mere `--help` needs none of it. */
async function readSettings(): Promise<void> {
  const { readSettingsFile } = await import('./settings-file.js');
  readSettingsFile(process.env, process.cwd(), fileURLToPath(new URL('../..', import.meta.url)));
}

try {
  await commandLine().parseAsync(withCommand(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  // It has said what is wrong, or helped.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else stopAtOnce(error);
}
