import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { repository } from '../../../gateway/cli/up/index.ts';
import { openPool } from '../../../gateway/db/index.ts';
import { createClients } from '../../../gateway/sessions/index.ts';
import { automation, preparePayments, tools } from '../../crash/payments/tools.ts';
import { CountingBank } from '../../fixtures/vendors/bank.ts';
import {
  gatewayFolder,
  refusedStart,
  startGateway,
  until,
  type GatewayProcess,
} from '../../support/gateway.ts';
import { queryOn, testDatabase, type TestDatabase } from '../../support/postgres.ts';

interface Told {
  status: string;
  id?: string;
  grant?: string;
  run?: { token: string };
  reasons?: { code: string }[];
}

describe('a database that is put back', { timeout: 500_000 }, () => {
  let bank: CountingBank;
  let db: TestDatabase;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess | undefined;
  let token: string;
  let file: string;
  let past: { run: string; grant: string; approval: string };
  const env = (): NodeJS.ProcessEnv => ({ GATEHOUSE_DATABASE_URL: db.url });
  const start = async (): Promise<void> => {
    gateway = await startGateway(folder, env(), 90_000);
  };
  const api = async (path: string, body: object): Promise<Told> => {
    const answer = await fetch(`${gateway?.internalUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as Told;
  };
  const run = async (executionId: string): Promise<string> => {
    const trigger = { kind: 'schedule', automation };
    const at = { workflowId: 'gatehouseAuto0001', nodeId: 'n1', itemIndex: 0 };
    return (await api('/v1/envelopes', { trigger, executionId, ...at })).run?.token ?? '';
  };
  const paying = (reference: string, payee = 'ACME'): { tool: string; args: object; step: string } => ({
    tool: tools.probed,
    args: { amount: '10.00', currency: 'EUR', payee, reference },
    step: reference,
  });
  const gatehouse = (...args: string[]): { status: number | null; said: string } => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(repository, 'gateway/cli/gatehouse.mjs'), ...args],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env.PATH,
          HOME: folder.dataDir,
          GATEHOUSE_DATA_DIR: folder.dataDir,
          GATEHOUSE_POLICIES_DIR: folder.policiesDir,
          ...env(),
        },
      },
    );
    return { status, said: stdout + stderr };
  };
  const one = async <Row>(text: string, values: unknown[] = []): Promise<Row | undefined> =>
    (await queryOn(db.url)(text, values))[0] as Row | undefined;

  before(async () => {
    bank = await new CountingBank({ before: 400, after: 0 }).start();
    db = await testDatabase();
    folder = await gatewayFolder((made) => preparePayments(made, bank));
    file = join(folder.dataDir, 'gatehouse.backup');
    const pool = openPool(db.url, 1);
    token = await createClients({ pool }).issue('test', ['run']);
    // A gateway is known by the name of its connections, which this one has as well.
    await pool.end();
    await start();
    const decided = await run('decides');
    const { grant = '' } = await api('/v1/decisions', { run: decided, ...paying('granted') });
    const asked = await api('/v1/decisions', { run: decided, ...paying('asked', 'Somebody else') });
    const approval = asked.id ?? '';
    const resumePath = `/webhook-waiting/decides/n1?approval=${approval}&signature=feed`;
    await api('/v1/approvals', {
      run: decided,
      executionId: 'decides',
      nodeId: 'n1',
      items: [{ decision: approval, resumePath }],
    });
    past = { run: decided, grant, approval };
    // A call that is on its way when its gateway dies, and had its effect.
    void api('/v1/executions', { run: await run('dies'), ...paying('in-flight') }).catch(() => undefined);
    await until('a call on its way', 20_000, () => Promise.resolve(bank.told === 1));
    process.kill(gateway?.pid ?? 0, 'SIGKILL');
    await gateway?.stop();
    await until('the effect', 5000, () => Promise.resolve(bank.transfers.length === 1));
    const taken = gatehouse('backup', file);
    assert.equal(taken.status, 0, taken.said);
    await start();
  });
  after(async () => {
    await gateway?.stop();
    await bank?.stop();
    await folder?.remove();
    await db?.drop();
  });

  it('is not touched while a gateway works on it, nor by a file that was changed', async () => {
    const { grant, run: decided } = past;
    const paid = await api('/v1/executions', { run: decided, grant, ...paying('granted') });
    assert.equal(paid.status, 'succeeded', JSON.stringify(paid));
    assert.match(gatehouse('restore', file, '--reason', 'test').said, /GH-CLI-412/);
    assert.match(gatehouse('epoch', 'bump', '--reason', 'test').said, /GH-CLI-412/);
    await gateway?.stop();
    const broken = `${file}.broken`;
    writeFileSync(broken, readFileSync(file).subarray(0, -40));
    const epoch = gatehouse('epoch', 'show').said;
    assert.match(gatehouse('restore', broken, '--reason', 'test').said, /GH-CLI-411/);
    assert.equal(gatehouse('epoch', 'show').said, epoch);
    assert.match(gatehouse('backup', file).said, /GH-CLI-410/);
  });

  it('gives back what was there, and nothing that was open', async () => {
    const epoch = Number(gatehouse('epoch', 'show').said);
    const { status, said } = gatehouse('restore', file, '--reason', 'a disk died');
    assert.equal(status, 0, said);
    assert.match(said, /Void: 1 unused grants, 1 open questions/);
    assert.match(said, /outcome is unknown: 1\./);
    assert.ok(Number(gatehouse('epoch', 'show').said) > epoch);
    await start();
    const receipt = await one<{ facts: { reason: string } }>(
      `select facts from receipts where kind = 'restore'`,
    );
    assert.equal(receipt?.facts.reason, 'a disk died');
  });

  it('attack: a grant that was spent after the backup pays nothing again', async () => {
    const { grant } = past;
    const row = await one<{ unspent: boolean }>(
      'select consumed_at is null as unspent from grants where id = $1',
      [grant],
    );
    assert.equal(row?.unspent, true, 'in the database of the past it is not spent');
    // The run of the past is over; one that is opened now has another message.
    const over = await api('/v1/executions', { run: past.run, grant, ...paying('granted') });
    assert.notEqual(over.status, 'succeeded');
    await one(
      `update runs set state = 'running', finished_at = null, lease_until = now() + interval '1 hour'`,
    );
    await one(`update messages set state = 'running', finished_at = null`);
    const again = await api('/v1/executions', { run: past.run, grant, ...paying('granted') });
    assert.equal(again.reasons?.[0]?.code, 'grant_old_epoch', JSON.stringify(again));
    assert.equal(bank.counts().get('granted'), 1);
  });

  it('attack: a question of the past is closed, and its links open nothing', async () => {
    await until('an end of the question', 10_000, async () => {
      const row = await one<{ state: string }>('select state from approvals where id = $1', [past.approval]);
      return row?.state === 'cancelled';
    });
    assert.equal(await one('select from approval_tokens'), undefined);
  });

  it('a call that was in flight is unknown, also where its system could be asked', async () => {
    const row = await one<{ state: string }>(`select state from attempts where step = 'in-flight'`);
    assert.equal(row?.state, 'unknown');
    assert.equal(bank.counts().get('in-flight'), 1);
  });

  it('attack: put back by other means it is refused, until a bump says that it is meant', async () => {
    await gateway?.stop();
    gateway = undefined;
    const sealed = await one<{ last: number }>('select max(position) as last from receipt_seals');
    appendFileSync(
      join(folder.dataDir, 'receipt-heads.jsonl'),
      `${JSON.stringify({ position: (sealed?.last ?? 0) + 5, hash: `sha256:${'a'.repeat(64)}`, sealedAt: new Date().toISOString() })}\n`,
    );
    const refused = await refusedStart(folder, env());
    assert.equal(refused.code, 2);
    assert.match(refused.said, /GH-AUDIT-009[\s\S]*epoch bump/);
    const { status, said } = gatehouse('epoch', 'bump', '--reason', 'the replica took over');
    assert.equal(status, 0, said);
    assert.match(said, /does not have: 5\./);
    await start();
    assert.ok(await one(`select from receipts where kind = 'epoch'`));
  });
});
