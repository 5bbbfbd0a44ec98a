export interface Store<State> {
  get(): State;
  change(change: (state: State) => State): void;
  /** Has every later state shown, at most once a frame. */
  show(view: (state: State) => void): void;
  /** Nothing is shown any more. */
  close(): void;
}

/** Holds a state, and shows it when it has changed. */
export function createStore<State>(first: State): Store<State> {
  let state = first;
  let frame: number | undefined;
  const views = new Set<(state: State) => void>();
  const paint = () => {
    frame = undefined;
    for (const view of views) view(state);
  };
  return {
    get: () => state,
    change(change) {
      const changed = change(state);
      if (changed === state) return;
      state = changed;
      frame ??= requestAnimationFrame(paint);
    },
    show(view) {
      views.add(view);
      view(state);
    },
    close() {
      views.clear();
      if (frame !== undefined) cancelAnimationFrame(frame);
    },
  };
}
