import { explain, ModelError, type ModelFailure } from './errors.js';

/** What people read besides answers, in one language. Later languages, and what is said on Discord, join here. */
export interface Words {
  /** Stands before what a person types. */
  readonly you: string;
  /** Stands before an answer; who answers there is called `name`. */
  answer(name: string): string;
  /** Stands before the further lines of a question of several. */
  readonly further: string;
  /** Stands for a block that is too long to be shown. */
  folded(lines: number): string;
  /** How a question is asked here, for `/help`. */
  readonly hint: string;
  readonly thinking: string;
  readonly stopped: string;
  readonly againToLeave: string;
  /** Stands below an answer that reached the limit of its length. */
  readonly cutOff: string;
  /** What became of a question that failed. */
  explain(error: unknown): string;
  /** How a conversation begins: new, or gone on with. */
  greeting(name: string, exchanges: number): string;
  /** What is known of an answer: the model, tokens in and out where they were told, and seconds. */
  spent(model: string, tokens: { readonly prompt: number; readonly completion: number } | undefined, s: number): string;
  unknownCommand(command: string): string;
  /** A command that needs a text asks for it with the next entry. */
  textFor(label: string): string;
}

const english: Words = {
  you: 'You: ',
  answer: (name) => `${name}: `,
  further: '… ',
  folded: (lines) => `[${lines} lines]`,
  hint: 'Write a question. Lines between """ are one question; quit leaves.',
  thinking: 'thinking',
  stopped: 'Stopped.',
  againToLeave: 'Press Ctrl-C again to leave.',
  cutOff: 'The answer was cut off here: it reached the longest answer I am set to give.',
  // Who asks on the console is who runs it.
  explain: (error) => explain(error).replace(/ Whoever runs me [^.]*\./, ''),
  greeting: (name, exchanges) =>
    exchanges === 0
      ? `A new conversation, “${name}”. /help shows what you can do; quit leaves.`
      : `The conversation “${name}”, with ${exchanges} ${exchanges === 1 ? 'exchange' : 'exchanges'} so far. quit leaves.`,
  spent: (model, tokens, s) =>
    [model, tokens && `${tokens.prompt} + ${tokens.completion} tokens`, `${s.toFixed(1)} s`].filter(Boolean).join(', '),
  unknownCommand: (command) => `There is no command ${command}. /help lists them.`,
  textFor: (label) => `${label} (Ctrl-D changes nothing)`,
};

const chineseFailures: Readonly<Record<ModelFailure, string>> = {
  key: '语言模型不接受我的密钥。请检查 OPENAI_API_KEY。',
  forbidden: '语言模型拒绝了访问。请检查密钥的权限和地区。',
  credit: '语言模型的余额已用完。',
  model: '所设的语言模型在服务器上不存在。请检查 OPENAI_MODEL 和 OPENAI_BASE_URL。',
  busy: '语言模型现在太忙。请稍后再试。',
  trouble: '语言模型那边出了故障。请稍后再试。',
  connection: '与语言模型的连接断了。请稍后再试。',
  stalled: '语言模型没有再发来任何内容。请稍后再试。',
  filtered: '语言模型的内容过滤器拦下了这个回答。',
  'too-long': '内容太长，语言模型一次读不完。请少问一些。',
  empty: '语言模型给出了空的回答。请再试一次，或换个说法。',
  rejected: '语言模型不接受这个请求。',
};

const chinese: Words = {
  you: '问：',
  answer: () => '答：',
  further: '… ',
  folded: (lines) => `[${lines} 行]`,
  hint: '直接输入问题即可。""" 之间的多行算作一个问题；quit 退出。',
  thinking: '思考中',
  stopped: '已停止。',
  againToLeave: '再按一次 Ctrl-C 退出。',
  cutOff: '回答在此中断：已达到所设的最大长度。',
  explain: (error) => (error instanceof ModelError ? chineseFailures[error.failure] : explain(error)),
  greeting: (name, exchanges) =>
    exchanges === 0
      ? `新的对话“${name}”。输入 /help 查看用法，quit 退出。`
      : `对话“${name}”，已有 ${exchanges} 轮问答。quit 退出。`,
  spent: (model, tokens, s) =>
    [model, tokens && `${tokens.prompt} + ${tokens.completion} 个 token`, `${s.toFixed(1)} 秒`]
      .filter(Boolean)
      .join('，'),
  unknownCommand: (command) => `没有 ${command} 这个命令。/help 列出所有命令。`,
  textFor: (label) => `${label}（Ctrl-D 则不更改）`,
};

/** The words for a language tag such as `zh-CN`; English where there are none for it. */
export function wordsFor(tag: string): Words {
  return /^zh\b/i.test(tag) ? chinese : english;
}

/**
 * The language of the system, as a tag: of LC_ALL, LC_MESSAGES and LANG, the first that is not empty counts (POSIX,
 * "Environment Variables", 8.2).
 */
export function systemLanguage(environment: Readonly<Record<string, string | undefined>>): string {
  const { LC_ALL, LC_MESSAGES, LANG } = environment;
  const name = [LC_ALL, LC_MESSAGES, LANG].find(Boolean) ?? '';
  return name.replace(/[.@].*$/, '').replaceAll('_', '-') || 'en';
}
