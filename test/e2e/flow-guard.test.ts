import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { n8nApi, type N8nApi } from '../../gateway/cli/n8n-api.ts';
import { buildFlowGuard } from '../../gateway/cli/up/flow-guard.ts';
import { credentialsFor, repository } from '../../gateway/cli/up/index.ts';
import { n8nFolder } from '../../gateway/cli/up/n8n-install.ts';
import { installNodes } from '../../gateway/cli/up/nodes-package.ts';
import type { Finding } from '../../gateway/workflows/index.ts';
import { kindOf } from '../../gateway/workflows/node-kinds.ts';
import { n8nOwner, setUpOwner, type N8nOwner, type OwnerLogin } from '../support/n8n-owner.ts';
import { startN8n, type N8nServer } from '../support/n8n-server.ts';

const run = promisify(execFile);
const dir = mkdtempSync(join(tmpdir(), 'gatehouse-flow-guard-'));
const exemptions = join(dir, 'workflows.yaml');
after(() => rmSync(dir, { recursive: true, force: true }));

interface Guarded {
  n8n: N8nServer;
  api: N8nApi;
  key: string;
  owner: N8nOwner;
  login: OwnerLogin;
  credential: { id: string; name: string };
}

/** An n8n as others run it, with our nodes and the guard. */
async function guarded(mode: string): Promise<Guarded> {
  const hook = await buildFlowGuard({ flowGuard: 'warn', policiesDir: dir }, dir);
  const n8n = await startN8n('stock', ({ userFolder }) => installNodes(userFolder), {
    EXTERNAL_HOOK_FILES: hook?.file,
    GATEHOUSE_FLOW_GUARD: mode,
    GATEHOUSE_POLICIES_DIR: dir,
  });
  const login = { url: n8n.url, email: 'owner@example.com', password: 'Correct-horse-1' };
  await setUpOwner(login);
  const owner = await n8nOwner(login);
  const scopes = ['list', 'create', 'update', 'activate'].map((scope) => `workflow:${scope}`);
  const key = await owner.apiKey([...scopes, 'credential:create']);
  const api = n8nApi(n8n.url, key);
  const [described] = credentialsFor('http://127.0.0.1:9');
  const credential = await api.send<{ id: string; name: string }>(
    'POST',
    '/credentials',
    described as object,
  );
  return { n8n, api, key, owner, login, credential: { id: credential.id, name: credential.name } };
}

type Made = { id: string; versionId: string };
type NodeOf = { name: string; type: string; typeVersion: number; parameters?: object; credentials?: object };

const webhook = (path: string): NodeOf => ({
  name: 'Order',
  type: 'n8n-nodes-base.webhook',
  typeVersion: 2.1,
  parameters: { httpMethod: 'POST', path },
});
const request: NodeOf = {
  name: 'Tell the warehouse',
  type: 'n8n-nodes-base.httpRequest',
  typeVersion: 4.2,
  parameters: { method: 'POST', url: 'https://warehouse.example.com' },
};
const policyCheck = ({ credential }: Guarded): NodeOf => ({
  name: 'Policy Check',
  type: 'n8n-nodes-gatehouse.policyCheck',
  typeVersion: 1,
  credentials: { gatehouseApi: credential },
});
const started: NodeOf = {
  name: 'Start',
  type: 'n8n-nodes-base.executeWorkflowTrigger',
  typeVersion: 1.1,
  parameters: { inputSource: 'passthrough' },
};
const call = (id: string): NodeOf => ({
  name: 'Ship it',
  type: 'n8n-nodes-base.executeWorkflow',
  typeVersion: 1.2,
  parameters: { workflowId: { __rl: true, mode: 'id', value: id } },
});

/** Nodes in a row; each hangs on the named output of the one before. */
function inARow(name: string, nodes: NodeOf[], output = 0): object {
  const connections = nodes.slice(1).map(({ name: next }, index) => {
    const before = nodes[index] as NodeOf;
    const outputs = before.type.endsWith('policyCheck') ? [[], []].slice(0, output) : [];
    return [before.name, { main: [...outputs, [{ node: next, type: 'main', index: 0 }]] }];
  });
  return {
    name,
    nodes: nodes.map((node, index) => ({
      parameters: {},
      ...node,
      id: randomUUID(),
      webhookId: randomUUID(),
      position: [index * 220, 0],
    })),
    connections: Object.fromEntries(connections),
    settings: { executionOrder: 'v1' },
  };
}

const publish = (api: N8nApi, { id }: Made): Promise<{ activeVersionId: string | null }> =>
  api.send('POST', `/workflows/${id}/publish`, {});

describe('the flow guard in n8n', { timeout: 600_000 }, () => {
  it('knows every node type that this n8n ships', () => {
    for (const [folder, prefix] of [
      ['n8n-nodes-base', 'n8n-nodes-base'],
      ['@n8n/n8n-nodes-langchain', '@n8n/n8n-nodes-langchain'],
    ] as const) {
      const file = join(n8nFolder(), 'node_modules', folder, 'dist/types/nodes.json');
      const shipped = JSON.parse(readFileSync(file, 'utf8')) as { name: string; group: string[] }[];
      assert.ok(shipped.length > 100);
      for (const { name, group } of shipped) {
        const kind = kindOf(`${prefix}.${name}`);
        assert.notEqual(kind, 'unknown', `${prefix}.${name} stands nowhere in node-kinds.ts`);
        assert.equal(kind === 'trigger', group.includes('trigger'), `${prefix}.${name}`);
      }
    }
  });

  it('enforces: a workflow is published once it is mended or exempt, and not before', async () => {
    const guard = await guarded('enforce');
    try {
      const { api, owner } = guard;
      const bare = await api.send<Made>('POST', '/workflows', inARow('Bare', [webhook('bare'), request]));
      const told =
        /"Tell the warehouse" sends requests to addresses outside, and a way from "Order" passes no gate\. Put a Policy Check before "Tell the warehouse" .*GH-FLOW-001/;
      await assert.rejects(publish(api, bare), { code: 'GH-CLI-021', message: told });
      // As the editor's button does, which is also told the node to show.
      const editor = owner.call('POST', `/rest/workflows/${bare.id}/activate`, { versionId: bare.versionId });
      await assert.rejects(editor, /Tell the warehouse.*GH-FLOW-001.*"nodeId":"[0-9a-f-]{8}/);

      const mended = inARow('Bare', [webhook('bare'), policyCheck(guard), request], 1);
      await api.send('PUT', `/workflows/${bare.id}`, mended);
      assert.ok((await publish(api, bare)).activeVersionId);

      // A published workflow is published again with each change: this one takes the gate out.
      const worse = inARow('Bare', [webhook('bare'), policyCheck(guard), request], 0);
      await assert.rejects(api.send('PUT', `/workflows/${bare.id}`, worse), /output other than Allowed/);

      writeFileSync(
        exemptions,
        `exempt:\n  - workflow: ${bare.id}\n    node: Tell the warehouse\n    reason: The address is ours and gets nothing.\n    owner: p-1\n`,
      );
      assert.ok((await publish(api, bare)).activeVersionId);
      writeFileSync(exemptions, 'exempt:\n  - workflow: 7\n');
      await assert.rejects(publish(api, bare), /workflows\.yaml:2: exempt\.0\.workflow/);
      writeFileSync(exemptions, 'exempt: []\n');

      const sub = await api.send<Made>('POST', '/workflows', inARow('Sub', [started, request]));
      await assert.rejects(publish(api, sub), /a way from "Start" passes no gate/);
      const caller = inARow('Caller', [webhook('caller'), policyCheck(guard), call(sub.id)], 1);
      const made = await api.send<Made>('POST', '/workflows', caller);
      assert.ok((await publish(api, sub)).activeVersionId);
      assert.ok((await publish(api, made)).activeVersionId);
      const second = inARow('Second', [webhook('second'), call(sub.id)]);
      const free = await api.send<Made>('POST', '/workflows', second);
      await assert.rejects(
        publish(api, free),
        /"Tell the warehouse" .* and "Ship it" of the workflow "Second" calls its workflow "Sub" with no gate before.*GH-FLOW-006/,
      );
    } finally {
      await guard.n8n.stop();
    }
  });

  it('warns: it lets pass, and n8n’s log says what the builder would have been told', async () => {
    const guard = await guarded('warn');
    try {
      const bare = await guard.api.send<Made>(
        'POST',
        '/workflows',
        inARow('Bare', [webhook('bare'), request]),
      );
      assert.ok((await publish(guard.api, bare)).activeVersionId);
      assert.match(
        readFileSync(guard.n8n.log, 'utf8'),
        /Gatehouse, "Bare": "Tell the warehouse" sends requests.*GH-FLOW-001/,
      );
    } finally {
      await guard.n8n.stop();
    }
  });

  it('is silent when it is off, and the command finds the same in the running n8n', async () => {
    const guard = await guarded('off');
    try {
      const bare = await guard.api.send<Made>(
        'POST',
        '/workflows',
        inARow('Bare', [webhook('bare'), request]),
      );
      assert.ok((await publish(guard.api, bare)).activeVersionId);
      assert.doesNotMatch(readFileSync(guard.n8n.log, 'utf8'), /GH-FLOW/);

      // What is published counts, not what somebody is working on.
      const draft = inARow('Bare', [webhook('bare'), policyCheck(guard), request], 1);
      await guard.owner.call('PATCH', `/rest/workflows/${bare.id}`, { ...draft, versionId: bare.versionId });
      for (const env of [
        { GATEHOUSE_N8N_URL: guard.n8n.url, N8N_API_KEY: guard.key },
        { GATEHOUSE_N8N_DATABASE_URL: guard.n8n.databaseUrl },
      ]) {
        const command = run(
          process.execPath,
          [join(repository, 'gateway/cli/gatehouse.mjs'), 'workflows', 'lint', '--json'],
          { env: { PATH: process.env.PATH, GATEHOUSE_POLICIES_DIR: dir, GATEHOUSE_UP_DIR: dir, ...env } },
        );
        const failed = await command.then(
          () => assert.fail('it finds something'),
          (error: unknown) => error,
        );
        const { code, stdout } = failed as { code: number; stdout: string };
        assert.equal(code, 1);
        const { findings } = JSON.parse(stdout) as { findings: Finding[] };
        assert.deepEqual(
          findings.map(({ code, node, workflow }) => [code, node.name, workflow.id]),
          [['GH-FLOW-001', 'Tell the warehouse', bare.id]],
        );
      }
    } finally {
      await guard.n8n.stop();
    }
  });

  it('keeps n8n from starting in a mode that is none', async () => {
    await assert.rejects(guarded('enforced'), /n8n did not start/);
  });
});
