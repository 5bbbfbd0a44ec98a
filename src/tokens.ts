/** Counts the tokens of a text as the chat API would, near enough for a budget. */
export type CountTokens = (text: string) => number;

/** Each message of a prompt costs a few tokens beside its text. */
export const TOKENS_PER_MESSAGE = 4;

/** The tokenizer takes quadratic time over a run without spaces; slices of this length keep it linear. */
const SLICE = 1000;

/**
 * Loads the tokenizer of OpenAI's current models (o200k_base). Other models cut text differently, by a few percent for
 * English and more for other languages: a prompt that is too long for one of them is shortened once it says so.
 */
export async function loadTokenizer(): Promise<CountTokens> {
  const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
  // A text that spells a control token, such as <|endoftext|>, is text like any other.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => {
    let tokens = 0;
    for (let from = 0; from < text.length; from += SLICE)
      tokens += countTokens(text.slice(from, from + SLICE), options);
    return tokens;
  };
}
