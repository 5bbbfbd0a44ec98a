import type { SingleCommand } from '../src/command.js';
import { UserError } from '../src/errors.js';

export default {
  name: 'ask',
  description: 'Ask a question. The answer knows what was said to me in this channel.',
  options: [
    { type: 'text', name: 'prompt', description: 'What you want to know.', isRequired: true, maxLength: 6000 },
    { type: 'flag', name: 'private', description: 'Only you see the answer, and nobody else’s answers build on it.' },
  ],
  isPrivate: ({ flag }) => flag('private'),
  async run({ ask, text }) {
    const prompt = text('prompt')?.trim();
    if (!prompt) throw new UserError('Write what you want to know.');
    await ask(prompt);
    return undefined;
  },
} satisfies SingleCommand;
