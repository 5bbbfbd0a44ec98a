import type { CommandGroup } from '../src/command.js';
import { UserError } from '../src/errors.js';

export default {
  name: 'system',
  description: 'The system role of this channel: who I am here, and how I answer.',
  isForManagers: true,
  actions: {
    set: {
      description: 'Set the system role of this channel.',
      options: [
        {
          type: 'text',
          name: 'text',
          description: 'Who I am to be here. Leave it out to write it in a larger box.',
          maxLength: 4000,
          form: {
            title: 'System role of this channel',
            label: 'Who am I here, and how do I answer?',
            prefill: ({ chat, place }) => chat.systemRole(place),
          },
        },
      ],
      isPrivate: () => true,
      async run({ chat, place, text }) {
        const role = text('text')?.trim();
        if (!role) throw new UserError('A system role needs some text. To go back to the default, use /system clear.');
        await chat.setSystemRole(place, role);
        return `From the next answer on, this is my role here:\n${quoted(role)}`;
      },
    },
    show: {
      description: 'Show the system role of this channel.',
      isPrivate: () => true,
      async run({ chat, place }) {
        return `My role here:\n${quoted(await chat.systemRole(place))}`;
      },
    },
    clear: {
      description: 'Go back to the default system role.',
      isPrivate: () => true,
      async run({ chat, place }) {
        await chat.setSystemRole(place);
        return `From the next answer on, this is my role here again:\n${quoted(await chat.systemRole(place))}`;
      },
    },
  },
} satisfies CommandGroup;

const quoted = (text: string): string => text.replaceAll(/^/gm, '> ');
