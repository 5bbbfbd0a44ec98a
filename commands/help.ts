import { actionsOf, type SingleCommand } from '../src/command.js';

export default {
  name: 'help',
  description: 'What I do, and my commands.',
  isPrivate: () => true,
  async run({ commands }) {
    const lines = commands.flatMap((command) =>
      [...actionsOf(command)].map(([words, { description }]) => `- \`/${words}\` ${description}`),
    );
    return [
      'Mention me with a question, reply to one of my answers, or write to me directly.',
      'I remember what was said to me in a channel, and nothing of it reaches another channel.',
      '',
      ...lines,
    ].join('\n');
  },
} satisfies SingleCommand;
