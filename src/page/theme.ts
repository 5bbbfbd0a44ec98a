import { element, icon } from './dom.js';

const key = 'theme';

/** Light and dark: as the system has it, until somebody switches. */
export function createThemeSwitch(): HTMLElement {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (localStorage.getItem(key) ?? (system.matches ? 'dark' : 'light')) === 'dark';
  const button = element('button', {
    type: 'button',
    class: 'icon-button',
    'aria-label': 'Dark theme',
    title: 'Light or dark',
    on: {
      click() {
        localStorage.setItem(key, isDark() ? 'light' : 'dark');
        show();
      },
    },
  });
  const show = () => {
    document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
    button.setAttribute('aria-pressed', `${isDark()}`);
    button.replaceChildren(icon(isDark() ? 'sun' : 'moon'));
  };
  system.addEventListener('change', show);
  show();
  return button;
}
