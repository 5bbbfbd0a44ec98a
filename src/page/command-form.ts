import type { APIApplicationCommandBasicOption, APIRole } from 'discord-api-types/v10';
import { boundsOf, choicesOf, commandData, faultOf, optionTypes, type Usable } from './command.js';
import { encodeMentions, type Vocabulary } from './completion.js';
import { element, icon } from './dom.js';

interface Surroundings {
  readonly use: (usable: Usable, data: unknown) => void;
  readonly leave: () => void;
  readonly vocabulary: () => Vocabulary;
  readonly roles: () => readonly APIRole[];
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** A command with its options, each a field: the required ones at once, the others when they are asked for. */
export function createCommandForm({ use, leave, vocabulary, roles }: Surroundings) {
  const name = element('span', { class: 'command-name' });
  const fieldList = element('div', { class: 'options' });
  const more = element('div', { class: 'more-options', role: 'group', 'aria-label': 'More options' });
  const help = element('div', { class: 'option-help', id: 'option-help', role: 'status' });
  const form = element(
    'form',
    { class: 'command-form', hidden: true, novalidate: true, on: { submit, keydown: pressed } },
    help,
    element(
      'div',
      { class: 'command-line' },
      name,
      fieldList,
      more,
      element(
        'button',
        { type: 'button', class: 'icon-button', 'aria-label': 'Cancel command', on: { click: leave } },
        icon('close'),
      ),
      element('button', { type: 'submit', class: 'icon-button send', 'aria-label': 'Use command' }, icon('send')),
    ),
  );
  let usable: Usable | undefined;
  const fields = new Map<string, Field>();

  function open(chosen: Usable): void {
    usable = chosen;
    fields.clear();
    fieldList.replaceChildren();
    name.textContent = `/${chosen.name}`;
    form.setAttribute('aria-label', `Command /${chosen.name}`);
    help.textContent = chosen.description;
    form.hidden = false;
    for (const option of chosen.options.filter(({ required }) => required)) addField(option);
    showMore();
    const [first] = fields.values();
    if (first) first.focus();
    else form.querySelector<HTMLElement>('.send')?.focus();
  }

  function addField(option: APIApplicationCommandBasicOption): Field {
    const field = fieldFor(option);
    fields.set(option.name, field);
    const explain = () => {
      help.textContent = `${option.name}: ${option.description}`;
    };
    field.addEventListener('focus', explain);
    fieldList.append(
      element('label', { class: 'option', 'data-option': option.name }, element('span', {}, option.name), field),
    );
    return field;
  }

  function showMore(): void {
    const rest = (usable?.options ?? []).filter((option) => !fields.has(option.name));
    more.replaceChildren(
      ...rest.map((option) => {
        const add = () => {
          const field = addField(option);
          showMore();
          field.focus();
        };
        return element(
          'button',
          { type: 'button', title: option.description, 'aria-label': `Add option ${option.name}`, on: { click: add } },
          `+ ${option.name}`,
        );
      }),
    );
  }

  function pressed(event: KeyboardEvent): void {
    const field = [...fields].find(([, one]) => one === event.target);
    if (event.isComposing) return;
    // Who just goes on writing means the first option that there is.
    const isText = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isText && fields.size === 0) more.querySelector('button')?.click();
    else if (event.key === 'Escape') {
      leave();
    } else if (event.key === 'Enter' && !event.shiftKey && field) {
      event.preventDefault();
      submit(event);
    } else if (event.key === 'Backspace' && field && field[1].value === '' && field[1].tagName !== 'SELECT') {
      event.preventDefault();
      removeField(field[0]);
    }
  }

  /** An empty option goes away with Backspace, and the command with its last one. */
  function removeField(optionName: string): void {
    const option = usable?.options.find((one) => one.name === optionName);
    const before = [...fields.keys()];
    if (option?.required || before.length === 1) {
      leave();
      return;
    }
    fields.get(optionName)?.closest('.option')?.remove();
    fields.delete(optionName);
    showMore();
    [...fields.values()].at(-1)?.focus();
  }

  function submit(event: Event): void {
    event.preventDefault();
    if (usable === undefined) return;
    const words = vocabulary();
    const values = new Map([...fields].map(([option, { value }]) => [option, encodeMentions(value, words)]));
    for (const option of usable.options) {
      const fault = faultOf(option, values.get(option.name) ?? '');
      const field = fields.get(option.name);
      field?.setAttribute('aria-invalid', `${fault !== undefined}`);
      if (fault === undefined) continue;
      field?.focus();
      help.textContent = fault;
      return;
    }
    use(usable, commandData(usable, values));
  }

  function fieldFor(option: APIApplicationCommandBasicOption): Field {
    const common = {
      'aria-label': option.name,
      'aria-describedby': 'option-help',
      'aria-required': `${option.required ?? false}`,
    };
    const chosen = choicesFor(option);
    if (chosen !== undefined) {
      return element(
        'select',
        common,
        element('option', { value: '' }, 'Choose…'),
        chosen.map(({ name: label, value }) => element('option', { value }, label)),
      );
    }
    const { min, max } = boundsOf(option);
    const type = Number(option.type);
    if (type === optionTypes.integer || type === optionTypes.number) {
      const step = type === optionTypes.integer ? '1' : 'any';
      return element('input', { ...common, type: 'number', min, max, step });
    }
    return element('textarea', { ...common, rows: 1, maxlength: max });
  }

  /** What an option can be chosen from; `undefined` for those that are written. */
  function choicesFor(
    option: APIApplicationCommandBasicOption,
  ): readonly { readonly name: string; readonly value: string | number }[] | undefined {
    const { people, channels } = vocabulary();
    const byId = (sign: string, things: readonly { readonly id: string; readonly name: string }[]) =>
      things.map(({ id, name: called }) => ({ name: sign + called, value: id }));
    switch (Number(option.type)) {
      case optionTypes.boolean:
        return [
          { name: 'True', value: 'true' },
          { name: 'False', value: 'false' },
        ];
      case optionTypes.user:
        return byId('@', people);
      case optionTypes.channel:
        return byId('#', channels);
      case optionTypes.role:
        return byId('@', roles());
      case optionTypes.mentionable:
        return [...byId('@', people), ...byId('@', roles())];
      default: {
        const choices = choicesOf(option);
        return choices.length > 0 ? choices : undefined;
      }
    }
  }

  return {
    element: form,
    open,
    close(): void {
      usable = undefined;
      form.hidden = true;
    },
  };
}
