/**
 * Writes what people see to PNG files, to be looked at: n8n's editor with our nodes, and our pages while a request waits.
 * Nothing is compared. Usage: npm run look -- FOLDER [FILTER…], for example: npm run look -- /tmp/look panel-vault people
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { launchBrowser, noBrowser } from '../e2e/support/browser.ts';
import { testStack } from '../e2e/support/stack.ts';
import { album } from './album.ts';
import { lookAtEditor } from './editor.ts';
import { lookAtPeople, peopleSettings } from './people.ts';

const [folder, ...filters] = process.argv.slice(2);
if (!folder || noBrowser) {
  process.stderr.write(noBrowser ? `${noBrowser}\n` : 'Usage: npm run look -- FOLDER [FILTER…]\n');
  process.exit(2);
}
await mkdir(resolve(folder), { recursive: true });
const browser = await launchBrowser();
// What is under way then fails, and what was started for it is stopped.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void browser.close());
const env: NodeJS.ProcessEnv = {};
const stack = await testStack(env, {
  before: (dir) => Promise.resolve(void Object.assign(env, peopleSettings(dir))),
});
try {
  const pictures = album(browser, resolve(folder), filters);
  await lookAtPeople(pictures, stack);
  await lookAtEditor(pictures, stack);
  process.stdout.write(`${pictures.taken()} pictures in ${resolve(folder)}\n`);
} finally {
  await browser.close();
  await stack.stop();
}
