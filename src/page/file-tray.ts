import { element, icon } from './dom.js';
import { sizeInWords } from './files.js';

/** "Create Message": as many files as a message has, and what each may weigh. */
const maxFiles = 10;
const maxFileBytes = 10 * 1024 * 1024;

/** The files that are to go with a message, and the button that chooses them. `changed` hears when there are others. */
export function createFileTray(tell: (problem: string) => void, changed: () => void) {
  const list = element('ul', { class: 'tray', 'aria-label': 'Files to send', hidden: true });
  const chooser = element('input', {
    type: 'file',
    multiple: true,
    hidden: true,
    'aria-label': 'Upload files',
    on: { change: () => add([...(chooser.files ?? [])]) },
  });
  const button = element(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      'aria-label': 'Upload a file',
      title: 'Upload a file',
      on: { click: () => chooser.click() },
    },
    icon('plus'),
  );
  let files: readonly File[] = [];

  function add(more: readonly File[]): void {
    chooser.value = '';
    const tooLarge = more.find(({ size }) => size > maxFileBytes);
    if (tooLarge) tell(`${tooLarge.name} is larger than 10 MB.`);
    const fitting = [...files, ...more.filter(({ size }) => size <= maxFileBytes)];
    if (fitting.length > maxFiles) tell(`A message has ${maxFiles} files at most.`);
    show(fitting.slice(0, maxFiles));
  }

  function show(wanted: readonly File[]): void {
    files = wanted;
    list.hidden = files.length === 0;
    list.replaceChildren(...files.map(item));
    changed();
  }

  const item = (file: File): HTMLElement =>
    element(
      'li',
      { class: 'file' },
      icon('file'),
      element('span', { class: 'file-name' }, file.name),
      element('span', { class: 'file-size' }, sizeInWords(file.size)),
      element(
        'button',
        {
          type: 'button',
          class: 'icon-button',
          'aria-label': `Remove ${file.name}`,
          on: { click: () => show(files.filter((one) => one !== file)) },
        },
        icon('close'),
      ),
    );

  return { list, button, chooser, files: () => files, add, clear: () => show([]) };
}
