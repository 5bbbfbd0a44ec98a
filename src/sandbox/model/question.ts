import { plainText, type RequestBody } from './request.js';

/** What a request asks, as far as it can be told from its messages. */
export interface Asked {
  /** Who asks, where the message names somebody. */
  readonly speaker: string | undefined;
  readonly text: string;
}

/** What a request tells of its conversation. */
export interface Conversation {
  readonly question: Asked;
  /** What was asked before and is still in the prompt, oldest first. */
  readonly earlier: readonly Asked[];
  readonly role: string | undefined;
}

/** Reads a request as a model would: whose words are last, what came before, who it is to be. */
export function readConversation({ messages }: RequestBody): Conversation {
  const texts = messages.map(({ role, content }) => ({ role, text: plainText(content) }));
  const asked = texts.filter(({ role }) => role === 'user').map(({ text }) => readQuestion(text));
  const system = texts.find(({ role }) => role === 'system' || role === 'developer')?.text;
  return {
    question: asked.at(-1) ?? { speaker: undefined, text: '' },
    earlier: asked.slice(0, -1),
    role: system === undefined ? undefined : withoutRules(system),
  };
}

/** Parley's own form, "@ada (Ada):" and typed lines behind "| "; anything else is taken for the bare question. */
function readQuestion(text: string): Asked {
  const lines = text.split('\n');
  const typed = lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(2));
  const named = lines.find((line) => /^@\S+( \(.*\))?:$/.test(line));
  if (named === undefined) return { speaker: undefined, text };
  return { speaker: named.slice(0, -1), text: typed.join('\n') };
}

/** Parley tells how its messages are to be read in a paragraph of its own, before the role. */
function withoutRules(system: string): string {
  const [first = '', ...rest] = system.split('\n\n');
  return first.includes('“| ”') && rest.length > 0 ? rest.join('\n\n') : system;
}
