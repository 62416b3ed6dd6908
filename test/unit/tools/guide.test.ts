import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { parseTool } from '../../../gateway/catalogue/index.ts';
import { AnyVendor, testConnector, callOf } from './rest/support.ts';

let vendor: AnyVendor;
before(async () => {
  vendor = await new AnyVendor().start();
});
after(() => vendor.stop());

test('the tool of the five-minute guide does what the guide says', async () => {
  const guide = await readFile(new URL('../../../docs/tools.md', import.meta.url), 'utf8');
  const [yaml = ''] = /(?<=```yaml\n)name: tickets\.close[\s\S]*?(?=```)/.exec(guide) ?? [];
  assert.ok(guide.includes('http://127.0.0.1:9099/v1'));
  const tool = parseTool('tickets.close.yaml', yaml.replace('http://127.0.0.1:9099', vendor.url));
  vendor.reply = () => ({ status: 200, json: { id: 7, state: 'closed', by: { name: 'Robin' } } });
  const call = { ...callOf(tool, 'canary'), args: { ticket: 7 } };
  const outcome = await testConnector().connector.run(call);
  assert.deepEqual(outcome.result, { id: 7, state: 'closed', by: 'Robin' });
  const [asked] = vendor.calls;
  assert.deepEqual(
    [asked?.method, asked?.path, asked?.headers.authorization, asked?.body],
    ['POST', '/v1/tickets/7/close', 'Bearer canary', {}],
  );
});
