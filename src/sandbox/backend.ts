import type { Clock } from './clock.js';
import type { GatewayEvent } from './events.js';
import type { World } from './world.js';

/** What every part of the sandbox stands on: the state, the time, new ids, and the way to tell clients what happened. */
export interface Backend {
  readonly world: World;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Of each channel, as many messages are kept. */
  readonly keepsMessages: number;
  /** Sends an event to every session that is to have it. */
  readonly publish: (event: GatewayEvent) => void;
  /** Wakes those who wait for something to change, where no event tells them. */
  readonly touch: () => void;
  /** Where a stored file is served; the address is signed and expires, as Discord's do. */
  readonly fileUrl: (fileId: string) => string;
}
