import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { repository } from '../../gateway/cli/up/index.ts';
import { builderOf } from '../e2e/support/builder.ts';
import type { TestStack } from '../e2e/support/stack.ts';
import type { Album, View } from './album.ts';
import { nodeId, panels, panelWorkflow } from './panels.ts';

const canvasViews: View[] = [
  { scheme: 'light', width: 1440, height: 900 },
  { scheme: 'dark', width: 1440, height: 900 },
];
const panelViews: View[] = [
  { scheme: 'light', width: 1440, height: 1200 },
  { scheme: 'dark', width: 900, height: 1200 },
];
const ours = { id: 'gatehouseApi0001', name: 'Gatehouse API' };

/** Pictures of n8n's editor: each workflow of the repository, each panel of our nodes, our credentials. */
export async function lookAtEditor(album: Album, stack: TestStack): Promise<void> {
  const { api } = await builderOf(stack);
  const { id: gallery } = await api.send<{ id: string }>('POST', '/workflows', panelWorkflow(ours));
  const { id: secret } = await api.send<{ id: string }>('POST', '/credentials', {
    name: 'Example token',
    type: 'gatehouseVaultSecret',
    data: { baseUrl: stack.urls.internal, token: '', entry: 'example/token' },
  });
  const page = await editorPage(album, stack);
  const canvas = (id: string) => () => openCanvas(page, `${stack.urls.n8n}/workflow/${id}`);
  const credential = (id: string) => async () => {
    await page.goto(`${stack.urls.n8n}/home/credentials/${id}`);
    await page.getByRole('dialog').waitFor();
    await page.waitForTimeout(2000);
  };

  for (const file of readdirSync(join(repository, 'workflows-json'))) {
    const text = readFileSync(join(repository, 'workflows-json', file), 'utf8');
    const { id } = JSON.parse(text) as { id: string };
    await album.take(page, `canvas-${file.replace('.json', '')}`, canvasViews, canvas(id));
  }
  await album.take(page, 'canvas-panels', canvasViews, canvas(gallery));
  await album.take(page, 'credential-api', panelViews, credential(ours.id));
  await album.take(page, 'credential-vault-secret', panelViews, credential(secret));
  if (album.wants('panel-')) {
    await canvas(gallery)();
    for (const name of Object.keys(panels))
      await album.take(page, `panel-${name}`, panelViews, () => openPanel(page, name));
  }
  if (!album.wants('down-')) return;
  process.kill(stack.processes.gateway ?? 0, 'SIGTERM');
  await canvas(gallery)();
  for (const name of ['check-fields', 'vault-fields', 'tool-review'])
    await album.take(page, `down-${name}`, panelViews, () => openPanel(page, name));
  await album.take(page, 'down-credential', panelViews, credential(ours.id));
}

/** A window in which n8n's owner is signed in. */
async function editorPage({ browser }: Album, { urls, owner }: TestStack): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${urls.n8n}/signin`);
  await page.locator('input[name=emailOrLdapLoginId]').fill(owner.email);
  await page.locator('input[name=password]').fill(owner.password);
  await page.locator('[data-test-id=form-submit-button]').click();
  await page.waitForURL((url) => !url.pathname.startsWith('/signin'));
  return page;
}

/** Opens a workflow and waits until n8n has faded it in. */
async function openCanvas(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.locator('.vue-flow__node').first().waitFor();
  await page.waitForFunction(`(() => {
    let part = document.querySelector('.vue-flow__node');
    while (part && getComputedStyle(part).opacity === '1') part = part.parentElement;
    return part === null;
  })()`);
  // n8n's own advice lies over the first workflow that is opened.
  await page.waitForTimeout(700);
  await page.keyboard.press('Escape');
}

/** Opens a node's panel on the canvas as a builder does; its lists are asked of the gateway and come a moment later. */
async function openPanel(page: Page, name: string): Promise<void> {
  const panel = page.locator('[data-test-id=ndv]');
  if (await panel.isVisible()) await page.locator('[data-test-id=ndv-close-button]').click();
  await panel.waitFor({ state: 'hidden' });
  await page.locator(`.vue-flow__node[data-id="${nodeId(name)}"]`).dblclick({ force: true });
  await panel.waitFor();
  await page.waitForTimeout(2000);
}
