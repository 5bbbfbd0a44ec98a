import type { SingleCommand } from '../src/command.js';

export default {
  name: 'reset',
  description: 'Forget this channel’s conversation. The system role stays.',
  isPrivate: () => false,
  async run({ chat, place, speaker }) {
    const exchanges = await chat.reset(place, speaker.id);
    if (exchanges === 0) return 'There was nothing to forget.';
    return `Forgotten: ${exchanges} ${exchanges === 1 ? 'exchange' : 'exchanges'}. The next question starts afresh.`;
  },
} satisfies SingleCommand;
