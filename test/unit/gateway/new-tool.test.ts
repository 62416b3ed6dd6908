import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { INodePropertyOptions, ResourceMapperFields } from 'n8n-workflow';
import { repository } from '../../../gateway/cli/up/index.ts';
import { createClients, createSignIn } from '../../../gateway/sessions/index.ts';
import { gatewayFolder, startGateway, until, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { built } from '../nodes/build.ts';
import { Bench } from '../nodes/harness.ts';

const name = 'weather.read';
const toolFile = (host: string, change = ''): string => `
name: ${name}
title: Weather
description: Reads the weather of one place.
risk: read
args:
  type: object
  properties:
    url: { type: string, description: Where it is read, pattern: '^http://', maxLength: 200 }
    method: { type: string, enum: [GET] }
    days: { type: integer, minimum: 1, maximum: 9 }
    detailed: { type: boolean }
  required: [url, method]
  additionalProperties: false
kinds: { url: content, method: content, days: sizes, detailed: content }
example: { url: 'http://${host}/acme/today', method: GET, days: 3 }
sentence: Read the weather
done: Read the weather.
idempotencyKey: attempt
egress:
  hosts: [{ host: '${host}', paths: [/acme/] }]
  methods: [GET]
  privateNetworks: [127.0.0.0/8]
connector: { kind: http }
${change}`;

describe('a tool’s file that is put into the folder of a running gateway', { timeout: 500_000 }, () => {
  let database: TestDatabase;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;
  let file: string;
  let token: string;
  let weather: Server;
  let host: string;
  let asked: (string | undefined)[];
  let step = 0;

  before(async () => {
    database = await testDatabase();
    folder = await gatewayFolder();
    file = join(folder.policiesDir, 'tools', 'weather.yaml');
    token = await createClients({ pool: database.pool }).issue('test', ['run']);
    gateway = await startGateway(folder, { GATEHOUSE_DATABASE_URL: database.url });
    asked = [];
    weather = createServer((request, response) => {
      asked.push(request.url);
      response.end('sunny');
    });
    await new Promise<void>((resolve) => weather.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(weather.address() as AddressInfo).port}`;
  });
  after(async () => {
    weather?.close();
    await gateway?.stop();
    await folder?.remove();
    await database?.drop();
  });

  const api = async <T>(path: string, body?: object): Promise<T> => {
    const answer = await fetch(`${gateway.internalUrl}${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return (await answer.json()) as T;
  };
  const listed = async (): Promise<boolean> =>
    (await api<{ tools: { name: string }[] }>('/v1/tools')).tools.some((tool) => tool.name === name);
  /** Calls the tool as an automation that may read. */
  const call = async <T>(path: string, url: string): Promise<T> => {
    step += 1;
    const { run } = await api<{ run: { token: string } }>('/v1/envelopes', {
      trigger: { kind: 'schedule', automation: 'morning-balance' },
      executionId: `e${step}`,
      workflowId: 'gatehouseAuto0001',
      nodeId: 'n1',
      itemIndex: 0,
    });
    return api<T>(path, { run: run.token, tool: name, args: { url, method: 'GET' }, step: `s${step}` });
  };
  const decision = async (): Promise<string> => {
    type Decision = { effect: string; reasons: { code: string }[] };
    const { effect, reasons } = await call<Decision>('/v1/decisions', `http://${host}/acme/today`);
    return `${effect} ${reasons[0]?.code}`;
  };

  it('is unknown before', async () => {
    assert.equal(await listed(), false);
    assert.equal(await decision(), 'deny tool_unknown');
  });

  it('appears in the list of tools by itself, and the rules know it', async () => {
    await writeFile(file, toolFile(host));
    await until('the new tool', 10_000, listed);
    assert.equal(await decision(), 'allow read_allowed');
  });

  it('may reach what its file lists, and nothing else', async () => {
    type Execution = { status: string; reasons?: { code: string }[] };
    const reach = (path: string): Promise<Execution> => call('/v1/executions', `http://${host}${path}`);
    assert.equal((await reach('/acme/today')).status, 'succeeded');
    for (const path of ['/', '/evil/today', '/acme/../evil', '/acme/..%2fevil'])
      assert.equal((await reach(path)).reasons?.[0]?.code, 'GH-EGRESS-004', path);
    assert.deepEqual(asked, ['/acme/today']);
  });

  it('is in the drop-down of the nodes, with its arguments as fields', async () => {
    const parts = { folder: await built(), gatewayUrl: gateway.internalUrl, token };
    for (const node of ['PolicyCheck', 'VaultCredential']) {
      const bench = new Bench({ ...parts, node, parameters: { tool: name } });
      const options = await bench.editor<INodePropertyOptions[]>('loadOptions', 'getTools');
      assert.ok(options.some(({ value }) => value === name));
      const { fields } = await bench.editor<ResourceMapperFields>('resourceMapping', 'getArguments');
      assert.deepEqual(
        fields.map(({ id, type, required }) => [id, type, required]),
        [
          ['url', 'string', true],
          ['method', 'options', true],
          ['days', 'number', false],
          ['detailed', 'boolean', false],
        ],
      );
    }
  });

  it('is in the OpenAPI document with its arguments, and in the API page of who is signed in', async () => {
    interface Document {
      paths: Record<
        string,
        { post: { requestBody: { content: Record<string, { schema: { oneOf: object[] } }> } } }
      >;
      components: { schemas: Record<string, { properties: object; examples: object[] }> };
    }
    const document = await api<Document>('/openapi.json');
    assert.deepEqual(Object.keys(document.components.schemas[`tool.${name}`]?.properties ?? {}), [
      'url',
      'method',
      'days',
      'detailed',
    ]);
    for (const path of ['/v1/decisions', '/v1/executions']) {
      const { schema } = document.paths[path]!.post.requestBody.content['application/json']!;
      assert.ok(
        schema.oneOf.some((one) => JSON.stringify(one).includes(`"#/components/schemas/tool.${name}"`)),
        path,
      );
    }
    const link = await createSignIn({ pool: database.pool, demo: true }).issueLogin('requester', 600);
    const login = await fetch(`${gateway.publicUrl}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: gateway.publicUrl },
      body: new URLSearchParams({ token: link }),
    });
    const cookie = login.headers
      .getSetCookie()
      .map((set) => set.split(';')[0])
      .join('; ');
    for (const path of ['/docs', '/openapi.json']) {
      const own = await (await fetch(`${gateway.publicUrl}${path}`, { headers: { cookie } })).text();
      assert.match(own, /weather\.read/, path);
      const stranger = await (await fetch(`${gateway.publicUrl}${path}`)).text();
      assert.doesNotMatch(stranger, /weather|ledger/, `${path} tells a stranger of no tool`);
    }
  });

  it('is in the pages that tools docs writes', async () => {
    const out = join(folder.dataDir, 'pages');
    const { status } = spawnSync(
      process.execPath,
      [join(repository, 'gateway/cli/gatehouse.mjs'), 'tools', 'docs', '--out', out],
      { env: { PATH: process.env.PATH, HOME: folder.dataDir, GATEHOUSE_POLICIES_DIR: folder.policiesDir } },
    );
    assert.equal(status, 0);
    const page = await readFile(join(out, `${name}.md`), 'utf8');
    assert.match(page, /\| `days` \| integer \(minimum 1, maximum 9\) \| no \| sizes: how much \|/);
    assert.match(page, new RegExp(`- \`${host}/acme/\``));
    assert.match(await readFile(join(out, 'README.md'), 'utf8'), /\[`weather\.read`\]\(weather\.read\.md\)/);
  });

  it('stays as it was while its file is broken, which /readyz tells with file, line and remedy', async () => {
    await writeFile(file, toolFile(host, 'colour: red\n'));
    const { status, checks } = await gateway.readiness(
      'a warning',
      (seen) => seen.checks.policy?.state === 'warn',
    );
    assert.match(
      checks.policy?.text ?? '',
      /tools\/weather\.yaml:\d+: colour: is not a field of a tool\. Remove it/,
    );
    assert.notEqual(checks.policy?.state, 'down', String(status));
    assert.equal(await listed(), true);
    assert.equal(await decision(), 'allow read_allowed');
    // As editors do it: the new file is written beside the old one and takes its name.
    await writeFile(`${file}.new`, toolFile(host));
    await rename(`${file}.new`, file);
    await gateway.readiness('an end of the warning', (seen) => seen.checks.policy?.state === 'ok');
  });

  it('is gone with its file', async () => {
    // Without another change this would be the catalogue of before, and going back asks for a permission.
    await appendFile(join(folder.policiesDir, 'tools', 'ledger.balance.yaml'), '# Read every morning.\n');
    await rm(file);
    await until('the end of the tool', 10_000, async () => !(await listed()));
    assert.equal(await decision(), 'deny tool_unknown');
    assert.doesNotMatch(JSON.stringify(await api('/openapi.json')), /weather/);
  });
});
