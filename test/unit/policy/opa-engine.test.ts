import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createTcp, type AddressInfo, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'node:test';
import { askPolicy, evaluationLimitMs } from '../../../gateway/policy/fail-closed.ts';
import {
  createPolicy,
  openEpoch,
  readPolicyData,
  type Policy,
  type PolicyInput,
} from '../../../gateway/policy/index.ts';
import { loadEngine, type Engine } from '../../../gateway/policy/engine.ts';
import { opaEngine } from '../../../gateway/policy/opa-engine.ts';
import { revisionOf } from '../../../gateway/policy/revision.ts';
import { loadCatalogue } from '../../../gateway/catalogue/index.ts';
import { corpusOf } from './corpus.ts';
import { hasOpa, serveOpa } from './opa-server.ts';
import { policiesDir, runOf } from './support.ts';
import { testDatabase } from '../../support/postgres.ts';

const allow = { effect: 'allow', reasons: [{ code: 'ok', text: 'Ok.' }], approvers: null };
const good = JSON.stringify({ result: { revision: 'r1', decision: allow, own: null, approvers: null } });
const input = {} as PolicyInput;
const now = (): number => performance.now();

/** A server in OPA's place that answers well at first, and then as a test wants. */
async function standIn(
  later: RequestListener,
): Promise<{ engine: Engine; server: Server; stop: () => Promise<void> }> {
  let answered = 0;
  const server = createHttp((request, response) => {
    request.resume();
    answered += 1;
    if (answered > 1) later(request, response);
    else response.end(good);
  }).listen(0, '127.0.0.1');
  const engine = await opaEngine({ url: await urlOf(server), revision: 'r1', own: false });
  return {
    engine,
    server,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await engine.close?.();
    },
  };
}

async function urlOf(server: Server | TcpServer): Promise<string> {
  if (!server.listening) await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const saying =
  (body: unknown, status = 200): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

test('a good answer is believed', async () => {
  const { engine, stop } = await standIn(saying(good));
  assert.deepEqual(await askPolicy(engine, input, now), allow);
  await stop();
});

const cases: [says: string, code: string, later: RequestListener][] = [
  ['that hangs', 'policy_timeout', () => undefined],
  [
    'whose answer drips',
    'policy_timeout',
    (_request, response) => {
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    },
  ],
  ['of another revision', 'policy_wrong_revision', saying({ result: { revision: 'r0', decision: allow } })],
  ['without a revision', 'policy_wrong_revision', saying({ result: { decision: allow } })],
  [
    'that redirects',
    'policy_redirect',
    (_request, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(good),
  ],
  ['that answers with an error', 'policy_status', saying({ code: 'internal_error' }, 500)],
  ['that answers 404', 'policy_status', saying(good, 404)],
  ['with an endless answer', 'policy_too_large', saying(good + ' '.repeat(300 * 1024))],
  ['that answers text', 'policy_garbage', saying('<h1>It works!</h1>')],
  ['that answers half of it', 'policy_garbage', saying(good.slice(0, -5))],
  ['that answers null', 'policy_garbage', saying('null')],
  ['that answers a list', 'policy_garbage', saying([{ result: allow }])],
  ['whose result is true', 'policy_garbage', saying({ result: true })],
  ['whose rule is undefined', 'policy_undefined', saying({})],
  ['whose decision is undefined', 'policy_undefined', saying({ result: { revision: 'r1' } })],
  ['whose decision is true', 'policy_bad_shape', saying({ result: { revision: 'r1', decision: true } })],
  ['that hangs up', 'policy_unreachable', (request) => void request.socket.destroy()],
];
for (const [says, code, later] of cases) {
  test(`an OPA ${says} denies: ${code}`, async () => {
    const { engine, stop } = await standIn(later);
    const started = now();
    const verdict = await askPolicy(engine, input, now);
    assert.deepEqual([verdict.effect, verdict.reasons[0]?.code], ['deny', code]);
    assert.ok(now() - started < evaluationLimitMs + 200);
    await stop();
  });
}

test('an OPA that is stopped denies, and decides again once it is back', async () => {
  const { engine, server, stop } = await standIn(saying(good));
  const { port } = server.address() as AddressInfo;
  server.closeAllConnections();
  server.close();
  assert.equal((await askPolicy(engine, input, now)).reasons[0]?.code, 'policy_unreachable');
  const again = createHttp((_request, response) => void response.end(good)).listen(port, '127.0.0.1');
  await once(again, 'listening');
  assert.equal((await askPolicy(engine, input, now)).effect, 'allow');
  again.closeAllConnections();
  again.close();
  await stop();
});

test('a connection that OPA closed while it was idle costs no decision', async () => {
  const { engine, server, stop } = await standIn(saying(good));
  for (let round = 0; round < 20; round += 1) {
    server.closeIdleConnections();
    assert.equal((await askPolicy(engine, input, now)).effect, 'allow');
  }
  await stop();
});

test('what is no HTTP at all does not start, nor does a stranger', async () => {
  const tcp = createTcp((socket) =>
    socket.on('error', () => undefined).end('220 mail.example.com ESMTP\r\n'),
  ).listen(0);
  const stranger = createHttp((_request, response) => void response.end('{}')).listen(0);
  for (const server of [tcp, stranger]) {
    await assert.rejects(opaEngine({ url: await urlOf(server), revision: 'r1', own: false, startMs: 300 }), {
      code: 'GH-POLICY-016',
      next: /policy build --bundle/,
    });
    server.close();
  }
});

test('a missing part for own rules denies', async () => {
  const { server, stop } = await standIn(saying(good));
  const engine = await opaEngine({ url: await urlOf(server), revision: 'r1', own: true });
  assert.equal((await askPolicy(engine, input, now)).reasons[0]?.code, 'own_rules_bad_shape');
  await engine.close?.();
  await stop();
});

test(
  'a real OPA with other data does not start, and one whose bundle changes is not believed until it is put back',
  { skip: !hasOpa && 'there is no OPA on this machine' },
  async () => {
    const { data } = await readPolicyData(policiesDir, new Date(0));
    const other = { ...data, approvals: { payment: { groups: ['mallory'], quorum: 1, from: [] } } };
    const opa = await serveOpa(policiesDir, data);
    const revision = await revisionOf(policiesDir, other);
    await assert.rejects(opaEngine({ url: opa.url, revision, own: false, startMs: 300 }), {
      code: 'GH-POLICY-016',
      message: /serves other rules/,
    });
    const { engine } = await loadEngine(policiesDir, data, opa.url);
    const [first] = corpusOf(loadCatalogue(policiesDir).list(), 1, 1);
    const code = async (): Promise<string | undefined> =>
      (await askPolicy(engine, first as PolicyInput, now)).reasons[0]?.code;
    const usual = await code();
    assert.doesNotMatch(usual ?? '', /^policy_/);
    const write = await fetch(`${opa.url}/v1/data/approvals`, { method: 'PUT', body: '{}' });
    assert.equal(write.ok, false, 'the bundle owns the data');
    await opa.bundle(policiesDir, other);
    const until = async (wanted: string | undefined): Promise<void> => {
      for (let tries = 0; tries < 100 && (await code()) !== wanted; tries += 1) await wait(50);
      assert.equal(await code(), wanted);
    };
    await until('policy_wrong_revision');
    await opa.bundle(policiesDir, data);
    await until(usual);
    await engine.close?.();
    await opa.stop();
  },
);

test(
  'a gateway decides with OPA as it would by itself, and a reload waits for the new bundle',
  { skip: !hasOpa && 'there is no OPA on this machine' },
  async () => {
    const db = await testDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-opa-gateway-'));
    await cp(policiesDir, folder, { recursive: true });
    const opa = await serveOpa(folder, (await readPolicyData(folder, new Date())).data);
    const open = (opaUrl?: string): Promise<Policy> =>
      createPolicy({
        pool: db.pool,
        policiesDir: folder,
        catalogue: loadCatalogue(folder),
        clock: () => new Date(),
        epoch: openEpoch(folder),
        settings: { decisionSeconds: 300, approvalSeconds: 3600, opaUrl },
      });
    const [alone, beside] = [await open(), await open(opa.url)];
    assert.equal(beside.version, alone.version);
    const call = { tool: 'customers.delete', args: { customer: '7' }, step: 's' };
    const decision = await beside.decide(runOf({ words: ['7'] }), call);
    assert.equal(decision.policy.engine, 'opa-rest');
    const { verdict } = await alone.judge(db.pool, runOf({ words: ['7'] }), call);
    assert.deepEqual([decision.effect, decision.reasons], [verdict.effect, verdict.reasons]);

    const file = join(folder, 'approvals.yaml');
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace(/delete: .*/, 'delete: { groups: [approvers], quorum: 3 }'),
    );
    const reloading = beside.reload();
    await opa.bundle(folder, (await readPolicyData(folder, new Date())).data);
    await reloading;
    const again = await beside.decide(runOf({ words: ['7'] }), { ...call, step: 't' });
    assert.equal(again.approvers?.quorum, 3);
    await beside.stop();
    await opa.stop();
    await db.drop();
    await rm(folder, { recursive: true });
  },
);
