import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createClients, createSignIn } from '../../../gateway/sessions/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { FakeOpenAi } from '../../fixtures/openai/index.ts';
import { person, type Person } from '../../e2e/support/person.ts';
import { gatewayFolder, startGateway, until, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { plainModels } from '../agent/support.ts';

interface Dispatch {
  run: { token: string };
  envelope: { data: { content: { text: string } } };
}

describe('a run of the agent in a running gateway', { timeout: 500_000 }, () => {
  const model = new FakeOpenAi();
  const dispatches: Dispatch[] = [];
  // n8n's webhook, as far as a dispatch needs it.
  const n8n = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      if (request.method === 'POST' && body.includes('"envelope"'))
        dispatches.push(JSON.parse(body) as Dispatch);
      response.end('{"status":"ok"}');
    });
  });
  let database: TestDatabase;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;
  let token: string;
  let robin: Person;

  before(async () => {
    await model.start();
    await new Promise<void>((resolve) => n8n.listen(0, '127.0.0.1', resolve));
    database = await testDatabase();
    folder = await gatewayFolder(async ({ policiesDir, dataDir }) => {
      await writeFile(join(policiesDir, 'models.yaml'), plainModels(model.url));
      await createSecretStore({ dataDir }).set('model/key', model.key);
    });
    token = await createClients({ pool: database.pool }).issue('test', ['run']);
    gateway = await startGateway(folder, {
      GATEHOUSE_DATABASE_URL: database.url,
      GATEHOUSE_N8N_URL: `http://127.0.0.1:${(n8n.address() as AddressInfo).port}`,
    });
    const signIn = createSignIn({ pool: database.pool, demo: true });
    const link = `${gateway.publicUrl}/login?token=${await signIn.issueLogin('requester', 600)}`;
    robin = await person({ links: { requester: link } }, 'requester');
  });
  after(async () => {
    await gateway?.stop();
    await folder?.remove();
    await database?.drop();
    await model.stop();
    n8n.closeAllConnections();
    n8n.close();
  });

  const api = async (
    path: string,
    body?: object,
    headers = {},
  ): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${gateway.internalUrl}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: answer.status, body: await answer.json() };
  };
  const page = async (path: string): Promise<string> => (await robin.open(path)).text();
  const toolsOf = async (headers = {}): Promise<string[]> => {
    const { body } = await api('/v1/tools', undefined, headers);
    return (body as { tools: { name: string }[] }).tools.map(({ name }) => name);
  };

  it('is told in chat, watched on its page, and ended by /cancel, which its model notices', async () => {
    let asking = false;
    model.script = () => {
      asking = true;
      return new Promise(() => undefined);
    };
    await robin.say('What is overdue?');
    await until('the dispatch', 20_000, async () => dispatches.length > 0);
    const { run } = dispatches[0] as Dispatch;
    const started = await api('/v1/agent/runs', { run: run.token, step: 'a:0:0', task: 'plan' });
    const { id } = started.body as { id: string };
    await until('the question', 20_000, async () => asking);
    await until('progress in the chat', 20_000, async () =>
      (await page('/')).includes('The agent asks a model.'),
    );
    assert.ok((await page('/')).includes(`/runs/${id}`));
    const shown = await page(`/runs/${id}`);
    assert.ok(shown.includes('Asked one') && shown.includes(`action="/runs/${id}/stop"`));
    await robin.say('/cancel');
    await until('its end', 20_000, async () =>
      (await page(`/runs/${id}`)).includes('Its person stopped it.'),
    );
    await until('the end of the request', 20_000, async () => model.brokenOff > 0);
    const chat = await page('/');
    assert.ok(
      chat.includes('Stopped: 1 run of the agent.') && chat.includes('The agent was stopped: 1 question'),
    );
    assert.equal(dispatches.length, 1, 'no workflow hears of /cancel');
  });

  it('is offered the tools of its actor alone, and a made-up run none at all', async () => {
    const all = await toolsOf();
    const { body } = await api('/v1/envelopes', {
      trigger: { kind: 'schedule', automation: 'morning-balance' },
      ...{ executionId: 'e1', workflowId: 'gatehouseAuto0001', nodeId: 'n1', itemIndex: 0 },
    });
    const { run } = body as { run: { token: string } };
    const its = await toolsOf({ 'gatehouse-run': run.token });
    assert.ok(all.includes('ledger.transfer') && all.includes('ledger.balance'));
    assert.ok(its.includes('ledger.balance') && its.length < all.length, its.join());
    const made = await api('/v1/tools', undefined, { 'gatehouse-run': 'run_of-nobody-at-all' });
    assert.deepEqual([made.status, (made.body as { code: string }).code], [403, 'GH-RUN-001']);
    assert.equal((await api('/v1/tools', undefined, { 'gatehouse-run': 'x' })).status, 400);
  });
});
