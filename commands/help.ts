import { actionsOf, type SingleCommand } from '../src/command.js';

export default {
  name: 'help',
  description: 'What I do, and my commands.',
  isPrivate: () => true,
  async run({ commands, hint }) {
    const lines = commands.flatMap((command) =>
      [...actionsOf(command)].map(([words, { description }]) => `- \`/${words}\` ${description}`),
    );
    return [
      hint,
      'I remember what was said to me in a channel, and nothing of it reaches another channel.',
      '',
      ...lines,
    ].join('\n');
  },
} satisfies SingleCommand;
