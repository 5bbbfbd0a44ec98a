type Value = string | number | boolean | undefined;
type Listeners = { readonly [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => void };

/** What an element has: attributes by name (`undefined` and `false` leave one out, `true` sets it empty) and listeners. */
export type Features = { readonly [attribute: string]: Value | Listeners; readonly on?: Listeners };

export type Child = Node | string | undefined | readonly Child[];

/** Makes an element with what stands in it. A string becomes a text node and nothing else. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  { on = {}, ...attributes }: Features = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : `${value}`);
  }
  for (const [name, listener] of Object.entries(on)) {
    // Each listener was declared for the event of its name.
    made.addEventListener(name, listener as EventListener);
  }
  made.append(...flat(children));
  return made;
}

const flat = (children: readonly Child[]): (Node | string)[] =>
  children.flatMap((child) => {
    if (child === undefined || child === '') return [];
    return typeof child === 'string' || child instanceof Node ? [child] : flat(child);
  });

/** Puts these nodes into an element, in this order, and moves only those that are not in their place. */
export function arrange(parent: Element, wanted: readonly Element[]): void {
  const kept = new Set<Element>(wanted);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const child of wanted) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/**
 * Arrow keys move the focus among the items of a list, Home and End to its ends; one of them is in the tab order. `items`
 * gives those that can have the focus now.
 */
export function rove(list: HTMLElement, items: () => readonly HTMLElement[]): void {
  list.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = items();
    const at = event.target instanceof HTMLElement ? all.indexOf(event.target) : -1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    const next = to === undefined || at === -1 ? undefined : all[Math.max(0, Math.min(to, all.length - 1))];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  });
  list.addEventListener('focusin', ({ target }) => {
    const all = items();
    if (!all.some((item) => item === target)) return;
    for (const item of all) item.tabIndex = item === target ? 0 : -1;
  });
}

/** Makes an image of one of {@link shapes}; it says nothing to screen readers, so what holds it has a label. */
export function icon(name: keyof typeof shapes): SVGSVGElement {
  const namespace = 'http://www.w3.org/2000/svg';
  const image = document.createElementNS(namespace, 'svg');
  for (const [attribute, value] of Object.entries({ class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' })) {
    image.setAttribute(attribute, value);
  }
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', shapes[name]);
  image.append(path);
  return image;
}

/** Strokes on a square of 24. */
const shapes = {
  bin: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  check: 'M5 13l4 4L19 7',
  close: 'M6 6l12 12M18 6L6 18',
  down: 'M6 9l6 6 6-6',
  eye: 'M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  hash: 'M9 4L7 20M17 4l-2 16M4 9h17M3 15h17',
  menu: 'M4 6h16M4 12h16M4 18h16',
  moon: 'M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10z',
  pencil: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4',
  plus: 'M12 5v14M5 12h14',
  reply: 'M10 6L4 12l6 6M4 12h9a7 7 0 0 1 7 7',
  send: 'M4 4l17 8-17 8 3-8zM7 12h14',
  slash: 'M5 4h14v16H5zM14 8l-4 8',
  smile: 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18M8 14a5 5 0 0 0 8 0M9 9v1M15 9v1',
  speech: 'M4 5h16v11h-9l-5 4v-4H4z',
  sun: 'M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19',
  thread: 'M9 4L7 16M17 4l-1 8M4 9h17M3 15h8M13 16h8v4h-4l-3 2v-6z',
  wrench: 'M14.5 6a4.5 4.5 0 0 0-6 5.7L3 17l4 4 5.3-5.5a4.5 4.5 0 0 0 5.7-6L15 12.500l-3-3z',
} as const;
