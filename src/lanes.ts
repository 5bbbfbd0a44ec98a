/** Gives back what `enter` gave. Calling it again does nothing. */
export type Leave = () => void;

/** A door that lets a number of visitors be inside at a time, the others in the order in which they came. */
export interface Door {
  /** Whether nobody is inside or waiting. */
  readonly empty: boolean;
  /**
   * Waits for a place inside, and keeps it until `Leave` is called.
   *
   * @throws the signal's reason when it aborts before there is a place
   */
  enter(signal?: AbortSignal): Promise<Leave>;
}

/** Opens a door with a number of places. */
export function openDoor(places: number): Door {
  const waiting = new Set<() => void>();
  let inside = 0;

  const leaveOnce = (): Leave => {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      inside--;
      const [next] = waiting;
      next?.();
    };
  };

  return {
    get empty() {
      return inside === 0 && waiting.size === 0;
    },
    async enter(signal) {
      signal?.throwIfAborted();
      if (inside < places) {
        inside++;
        return leaveOnce();
      }
      return new Promise((resolve, reject) => {
        const giveUp = () => {
          waiting.delete(comeIn);
          reject(signal?.reason);
        };
        const comeIn = () => {
          waiting.delete(comeIn);
          signal?.removeEventListener('abort', giveUp);
          inside++;
          resolve(leaveOnce());
        };
        waiting.add(comeIn);
        signal?.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}

export type Lanes = ReturnType<typeof openLanes>;

/** A lane for each channel: one visitor at a time in each, in the order in which they came. */
export function openLanes() {
  const lanes = new Map<string, Door>();
  return {
    /** Whether somebody is in the channel's lane. */
    taken: (channelId: string): boolean => lanes.has(channelId),

    /** Waits for the channel's lane to be free. */
    async enter(channelId: string, signal?: AbortSignal): Promise<Leave> {
      const lane = lanes.get(channelId) ?? openDoor(1);
      lanes.set(channelId, lane);
      const leave = await lane.enter(signal);
      return () => {
        leave();
        if (lane.empty && lanes.get(channelId) === lane) lanes.delete(channelId);
      };
    },
  };
}
