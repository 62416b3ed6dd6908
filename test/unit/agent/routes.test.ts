import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Express } from 'express';
import { GatehouseError } from '../../../gateway/config/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { agentRoutes } from '../../../gateway/server/agent-routes.ts';
import { internalApp, openApiDocuments } from '../../../gateway/server/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { openRun } from './house.ts';
import { runIn, site } from './support.ts';

/** The internal API with the routes of the agent. @returns how to call it, and under which contexts by their run token */
async function api(context: TestContext) {
  const at = await site(context);
  const house = await at.house();
  house.agent.work();
  const contexts = new Map<string, RunContext>();
  const routes = agentRoutes({
    agent: house.agent,
    waits: { begin: () => Promise.reject(new Error('nobody waits here')) },
    delivery: {
      authenticateRun(token) {
        const known = contexts.get(token);
        return known
          ? Promise.resolve(known)
          : Promise.reject(new GatehouseError('GH-RUN-001', 'x', { status: 403 }));
      },
    },
  });
  const openapi = openApiDocuments(routes, 'http://internal.example.com', { version: '1', list: () => [] });
  const app: Express = internalApp({
    ...{ routes, openapi: () => openapi(false), checks: {}, log: createLogger('silent') },
    clients: { authenticate: () => Promise.resolve({ id: 'n8n', scopes: ['run'] }) },
  });
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  context.after(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as { port: number };
  const call = async (method: string, path: string, body?: object, headers = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: {
        authorization: 'Bearer a-token-of-the-tests',
        'content-type': 'application/json',
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  return { at, house, contexts, call, document: openapi(false) };
}

test('a run is started, watched and steered over HTTP by its own conversation, and by no other', async (context) => {
  const { at, house, contexts, call, document } = await api(context);
  at.model.script = () => ({ text: 'Done.' });
  const own = await openRun(house.pool);
  contexts.set('run-token-of-mine', own).set('run-token-of-others', await openRun(house.pool));
  const started = await call('POST', '/v1/agent/runs', {
    run: 'run-token-of-mine',
    step: 'a:0:0',
    task: 'draft',
  });
  assert.equal(started.status, 200);
  const id = String(started.body.id);
  await runIn(house, own, id, 'done');
  const path = `/v1/agent/runs/${id}`;
  const shown = await call('GET', path, undefined, { 'gatehouse-run': 'run-token-of-mine' });
  assert.deepEqual([shown.status, shown.body.state, shown.body.result], [200, 'done', { text: 'Done.' }]);
  const hidden = await call('GET', path, undefined, { 'gatehouse-run': 'run-token-of-others' });
  assert.deepEqual([hidden.status, hidden.body.code], [404, 'GH-AGENT-010']);
  assert.equal((await call('GET', path)).body.code, 'GH-HTTP-422');
  assert.equal((await call('POST', `${path}/stop`, { run: 'run-token-of-others' })).status, 404);
  assert.equal((await call('POST', `${path}/stop`, { run: 'run-token-of-mine' })).body.code, 'GH-AGENT-011');
  assert.equal((await call('POST', `${path}/messages`, { run: 'unknown-token' })).status, 403);
  assert.equal(
    (await call('POST', '/v1/agent/runs', { run: 'run-token-of-mine', step: 'b', task: 'code' })).body.code,
    'GH-AGENT-005',
  );
  const paths = Object.keys(document.paths as object);
  for (const verb of ['', '/{id}', '/{id}/pause', '/{id}/resume', '/{id}/stop', '/{id}/messages'])
    assert.ok(paths.includes(`/v1/agent/runs${verb}`), verb);
});

test('a text task is answered in the one call, and one that nobody can do says so in its shape', async (context) => {
  const { at, house, contexts, call, document } = await api(context);
  contexts.set('run-token-of-mine', await openRun(house.pool));
  const ask = (change: object) =>
    call('POST', '/v1/agent/texts', { run: 'run-token-of-mine', step: 'a', text: 'Invoice 7', ...change });
  at.model.script = () => ({ text: '{"number":7}' });
  const { status, body } = await ask({ task: 'extract', instructions: 'The number.' });
  assert.deepEqual([status, body.status, body.output], [200, 'done', { number: 7 }]);
  assert.equal((await ask({ task: 'classify' })).body.code, 'GH-HTTP-422');
  assert.equal((await ask({ task: 'summarise', schema: {} })).body.code, 'GH-HTTP-422');
  assert.equal((await ask({ task: 'summarise' })).body.code, 'GH-AGENT-005');
  at.model.script = () => ({ text: 'no JSON' });
  const failed = await ask({ task: 'extract', instructions: 'Another one.' });
  assert.deepEqual([failed.status, failed.body.status], [200, 'failed']);
  assert.ok(Object.keys(document.paths as object).includes('/v1/agent/texts'));
});
