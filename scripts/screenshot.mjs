import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

// Takes the README's picture of the page anew: the built program answers a few questions in a Chromium of this machine.

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { findChromium, launch, startProgram } = (await runnerImport(here('../test/page/browser.ts'))).module;

const chromium = findChromium();
if (chromium === undefined) {
  console.error('There is no Chromium: install one, or name it in CHROMIUM_PATH.');
  process.exit(1);
}

const [browser, program] = await Promise.all([launch(chromium), startProgram()]);
const page = await browser.newPage({ viewport: { width: 1280, height: 740 }, colorScheme: 'dark' });
await page.goto(program.origin);
const box = page.getByRole('combobox', { name: 'Message #general' });
const answers = page.locator(`article[data-author-id="${program.appId}"]`);

/** Says something, and waits until the answer to it holds this. */
async function ask(question, answer) {
  await box.fill(question);
  await box.press('Enter');
  await answers.filter({ hasText: answer }).last().waitFor();
}

await ask('@Parley the party is on **Friday** at seven, in the garden', 'My system role');
await become('Bob');
await ask('@Parley when is it?', 'I remember 1 exchange');
// As somebody whom nobody has mentioned sees it.
await become('Cleo');
await page.getByRole('button', { name: 'Workshop', exact: true }).click();
await page.getByRole('tab', { name: 'Model' }).click();
await box.focus();
// The last edit of the answer.
await page.waitForTimeout(2_500);
await mkdir(here('../docs'), { recursive: true });
await page.screenshot({ path: here('../docs/page.png') });
await browser.close();
await program.stop();

async function become(name) {
  await page.getByRole('button', { name: /Switch person/ }).click();
  await page.getByRole('menuitemradio', { name }).click();
  await page.getByRole('button', { name: `You are ${name}. Switch person` }).waitFor();
}
