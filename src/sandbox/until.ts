import type { DiscordServer } from './server.js';

/**
 * Waits until a condition holds (gives something that is not false, null or undefined) and returns what it gave. It is
 * asked whenever something happens in the sandbox. Throws after `withinMs`, with what the condition and the channels
 * last had to say.
 */
export async function until<Value>(
  server: DiscordServer,
  listeners: Set<() => void>,
  condition: () => Value,
  withinMs: number,
): Promise<NonNullable<Exclude<Value, false>>> {
  const holds = (value: Value): value is NonNullable<Exclude<Value, false>> & Value =>
    value !== undefined && value !== null && value !== false;
  let last = condition();
  if (holds(last)) return last;
  return new Promise((resolve, reject) => {
    const stop = (settle: () => void) => {
      clearTimeout(timer);
      listeners.delete(look);
      settle();
    };
    const timer = setTimeout(() => stop(() => reject(new Error(despair(server, condition, last, withinMs)))), withinMs);
    const look = () => {
      try {
        last = condition();
        const value = last;
        if (holds(value)) stop(() => resolve(value));
      } catch (error) {
        stop(() => reject(error));
      }
    };
    listeners.add(look);
  });
}

function despair(
  { backend: { world }, calls }: DiscordServer,
  condition: () => unknown,
  last: unknown,
  withinMs: number,
): string {
  const messages = [...world.channels.values()].flatMap((channel) => [...channel.messages.values()]).slice(-8);
  return [
    `Not within ${withinMs} ms: ${condition}`,
    `It last gave ${JSON.stringify(last)}. The last messages:`,
    ...messages.map(
      ({ authorId, content }) => `  ${world.users.get(authorId)?.username}: ${JSON.stringify(content.slice(0, 200))}`,
    ),
    'The last calls:',
    ...calls
      .slice(-8)
      .map(({ method, path, status, code }) => `  ${method} ${path} → ${status}${code ? ` (${code})` : ''}`),
  ].join('\n');
}
