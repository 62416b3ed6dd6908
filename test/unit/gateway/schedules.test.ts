import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClients } from '../../../gateway/sessions/index.ts';
import { prepareDemo } from '../../../gateway/tools/index.ts';
import { createSecretStore } from '../../../gateway/vault/index.ts';
import { gatewayFolder, refusedStart, startGateway, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';

const automation = (name: string, tool: string, args: string, more = ''): string => `
  - name: ${name}
    display: The ${name}
    owner: requester
    schedule:
      cron: '0 7 1 1 *'
      timezone: Europe/Berlin
      call: { tool: ${tool}, args: ${args} }
${more}`;

describe('calls at set times', { timeout: 500_000 }, () => {
  let database: TestDatabase;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;

  before(async () => {
    database = await testDatabase();
    folder = await gatewayFolder(async ({ policiesDir, dataDir }) => {
      const file = join(policiesDir, 'automations.yaml');
      const text = await readFile(file, 'utf8');
      const [head, tail] = text.split('# A call of a declared tool');
      const pays = `{ amount: '5.00', currency: EUR, payee: Landlord, reference: rent }`;
      await writeFile(
        file,
        `${head}${automation('glance', 'ledger.balance', '{}')}${automation('rent', 'ledger.transfer', pays)}# ${tail}`,
      );
      await prepareDemo({
        adminUrl: process.env.GATEHOUSE_TEST_POSTGRES ?? '',
        store: createSecretStore({ dataDir }),
        database: `demo_schedules_${process.pid}`,
      });
    });
    gateway = await startGateway(folder, { GATEHOUSE_DATABASE_URL: database.url });
  });
  after(async () => {
    await gateway?.stop();
    await folder?.remove();
    await database?.drop();
  });

  const comeDue = async (name: string): Promise<void> => {
    for (let left = 100; left > 0; left -= 1) {
      const { rowCount } = await database.pool.query(
        `update schedules set due_at = now() - interval '1 s' where name = $1`,
        [name],
      );
      if (rowCount) return;
      await sleep(200);
    }
    throw new Error('the schedule is not known');
  };
  const messageOf = async (name: string): Promise<{ id: string; session_key: string }> => {
    for (let left = 300; left > 0; left -= 1) {
      const { rows } = await database.pool.query<{ id: string; session_key: string }>(
        `select id, session_key from messages where channel = 'automation' and principal = $1 and state = 'done'`,
        [`automation:${name}`],
      );
      assert.ok(rows.length <= 1, 'once for each time');
      if (rows[0]) return rows[0];
      await sleep(200);
    }
    throw new Error(`nothing was done: ${gateway.said().slice(-2000)}`);
  };

  it('are decided, made and attested like every other call', async () => {
    await comeDue('glance');
    const { id } = await messageOf('glance');
    const { rows } = await database.pool.query<{ kind: string }>(
      'select kind from receipts where message_id = $1 order by kind',
      [id],
    );
    assert.deepEqual(
      [...new Set(rows.map(({ kind }) => kind))],
      ['attempt', 'decision', 'envelope', 'outcome', 'secret.lease'],
    );
    await sleep(3000);
    await messageOf('glance');
  });

  it('are refused where the automation does not declare them, and its owner hears why', async () => {
    await comeDue('rent');
    const { id } = await messageOf('rent');
    const { rows } = await database.pool.query('select from attempts where message_id = $1', [id]);
    assert.equal(rows.length, 0);
    const told = await database.pool.query<{ text: string }>(
      `select body ->> 'text' as text from outbox where principal = 'requester' order by created_at desc limit 1`,
    );
    assert.match(told.rows[0]?.text ?? '', /^The rent, .* UTC: .*automation/);
  });

  it('attack: nobody opens a run as one of them', async () => {
    const token = await createClients({ pool: database.pool }).issue('test', ['run']);
    const answer = await fetch(`${gateway.internalUrl}/v1/envelopes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        trigger: { kind: 'schedule', automation: 'glance' },
        executionId: '1',
        workflowId: 'gatehouse:schedule',
        nodeId: 'glance',
        itemIndex: 0,
      }),
    });
    assert.equal(answer.status, 400);
  });

  it('with a time that cannot be read refuse the start, naming the file', async () => {
    const other = await gatewayFolder(async ({ policiesDir }) => {
      const broken = automation('late', 'ledger.balance', '{}').replace('0 7 1 1 *', '61 7 1 1 *');
      const file = join(policiesDir, 'automations.yaml');
      const text = await readFile(file, 'utf8');
      await writeFile(
        file,
        text.replace('# A call of a declared tool', `${broken}# A call of a declared tool`),
      );
      await appendFile(file, '\n');
    });
    const { code, said } = await refusedStart(other, { GATEHOUSE_DATABASE_URL: database.url });
    assert.equal(code, 2);
    assert.match(said, /automations\.yaml.*cannot be read/s);
    await other.remove();
  });
});
