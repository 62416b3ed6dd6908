import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { repository } from '../../../gateway/cli/up/index.ts';
import { createClients, createSignIn } from '../../../gateway/sessions/index.ts';
import { person, type Person } from '../../e2e/support/person.ts';
import {
  gatewayFolder,
  refusedStart,
  startGateway,
  until,
  type GatewayProcess,
} from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import { storeWaiting } from './waiting.ts';

interface Fault {
  file: string;
  /** the check of `/readyz` that has to warn */
  check: string;
  damage: (text: string) => string;
  /** file, line and reason */
  told: RegExp;
}

const replace =
  (from: string, to: string) =>
  (text: string): string => {
    assert.ok(text.includes(from), from);
    return text.replace(from, to);
  };

/** What makes the automation that ships one with a schedule. */
const scheduled = (tool: string): string => `    schedule:
      cron: '0 7 1 1 *'
      timezone: Europe/Berlin
      call: { tool: ${tool}, args: {} }
`;

const faults: Record<string, Fault> = {
  'a tool with an unknown risk': {
    file: 'tools/ledger.balance.yaml',
    check: 'policy',
    damage: replace('risk: read', 'risk: harmless'),
    told: /tools\/ledger\.balance\.yaml:4: risk: .*expected one of/,
  },
  'a tool that is no YAML': {
    file: 'tools/ledger.balance.yaml',
    check: 'policy',
    damage: (text) => `${text}connector: [`,
    told: /tools\/ledger\.balance\.yaml:\d+: .*(flow|unique|sequence|collection)/i,
  },
  'an approval class without a quorum': {
    file: 'approvals.yaml',
    check: 'policy',
    damage: replace('quorum: 1\n', 'quorum: 0\n'),
    told: /approvals\.yaml:9: classes\.payment\.quorum: .*>=1/,
  },
  'an approval class whose group nobody belongs to': {
    file: 'approvals.yaml',
    check: 'policy',
    damage: replace('payment:\n    groups: [approvers]', 'payment:\n    groups: [approvers, bosses]'),
    told: /approvals\.yaml:8: classes\.payment\.groups\.1: nobody .* belongs to the group bosses/,
  },
  'an escalation to a group that nobody belongs to': {
    file: 'approvals.yaml',
    check: 'policy',
    damage: replace('    strict: false\n', '    escalate: [{ after: 0.5, groups: [bosses] }]\n'),
    told: /approvals\.yaml:12: classes\.payment\.escalate\.0\.groups\.0: nobody/,
  },
  'a quorum that its group is too small for': {
    file: 'approvals.yaml',
    check: 'policy',
    damage: replace("'1000.00', quorum: 2", "'1000.00', quorum: 3"),
    told: /approvals\.yaml:11: classes\.payment\.from\.0\.quorum: 3 .* have 2 members/,
  },
  'a class that asks no group': {
    file: 'approvals.yaml',
    check: 'policy',
    damage: replace('delete: { groups: [approvers]', 'delete: { groups: []'),
    told: /approvals\.yaml:\d+: classes\.delete\.groups: name at least one group/,
  },
  'approvals that are no YAML': {
    file: 'approvals.yaml',
    check: 'policy',
    damage: (text) => `${text}\n  - {`,
    told: /approvals\.yaml:\d+: \w+/,
  },
  'a rule that was changed and not built': {
    file: 'rego/risk.rego',
    check: 'policy',
    damage: replace('is_known\n', 'is_known {\n'),
    told: /rego\/risk\.rego:5 was changed after the build/,
  },
  'a person without a display name': {
    file: 'people.yaml',
    check: 'people',
    damage: replace('display: Robin Requester', "display: ''"),
    told: /people\.yaml:10: people\.0\.display: /,
  },
  'people that are no YAML': {
    file: 'people.yaml',
    check: 'people',
    damage: replace('people:\n', 'people: [\n'),
    told: /people\.yaml:\d+: \w+/,
  },
  'a limit of nothing': {
    file: 'limits.yaml',
    check: 'limits',
    damage: replace('messages: 30', 'messages: 0'),
    told: /limits\.yaml:4: default\.sender\.messages: .*>=1/,
  },
  'an automation that nobody answers for': {
    file: 'automations.yaml',
    check: 'automations',
    damage: replace('    owner: requester\n', ''),
    told: /automations\.yaml:4: automations\.0\.owner: /,
  },
  'a schedule that calls a tool which is not there': {
    file: 'automations.yaml',
    check: 'automations',
    damage: replace('    workflow: gatehouseAuto0001\n', scheduled('ledger.balanse')),
    told: /automations\.yaml:10: automations\.0\.schedule\.call\.tool: there is no tool ledger\.balanse/,
  },
};

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database.drop());

describe('a gateway with a broken policy file', { timeout: 500_000 }, () => {
  for (const [name, { file, damage, told }] of Object.entries(faults)) {
    it(`refuses to start and names file, line and reason: ${name}`, async () => {
      const folder = await gatewayFolder(async ({ policiesDir }) => {
        const path = join(policiesDir, file);
        await writeFile(path, damage(await readFile(path, 'utf8')));
      });
      const { code, said } = await refusedStart(folder, { GATEHOUSE_DATABASE_URL: database.url });
      assert.match(said, told);
      assert.match(said, /\nNext: \w+/);
      assert.doesNotMatch(said, /\n\s+at /, 'a person reads this, not a stack');
      assert.equal(code, 2);
      await folder.remove();
    });
  }
});

describe('a running gateway that is asked to read its policy files again', { timeout: 500_000 }, () => {
  let gateway: GatewayProcess;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let token: string;

  before(async () => {
    folder = await gatewayFolder();
    token = await createClients({ pool: database.pool }).issue('test', ['run']);
    gateway = await startGateway(folder, { GATEHOUSE_DATABASE_URL: database.url });
  });
  after(async () => {
    await gateway?.stop();
    await folder?.remove();
  });

  const tools = async (): Promise<Record<string, string>> => {
    const answer = await fetch(`${gateway.internalUrl}/v1/tools`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { tools } = (await answer.json()) as { tools: { name: string; risk: string }[] };
    return Object.fromEntries(tools.map((tool) => [tool.name, tool.risk]));
  };

  for (const [name, { file, check, damage, told }] of Object.entries(faults)) {
    it(`keeps the last good one and warns in /readyz: ${name}`, async () => {
      const path = join(folder.policiesDir, file);
      const good = await readFile(path, 'utf8');
      try {
        await writeFile(path, damage(good));
        gateway.reload();
        // The file is watched too, so that it may be read before it is whole.
        await gateway.readiness(`one warning, which matches ${String(told)}`, ({ checks }) => {
          const warnings = Object.keys(checks).filter((other) => checks[other]?.state === 'warn');
          return warnings.join() === check && told.test(checks[check]?.text ?? '');
        });
        assert.equal((await tools())['ledger.balance'], 'read');
      } finally {
        await writeFile(path, good);
        gateway.reload();
        await gateway.readiness('an end of the warning', (seen) => seen.checks[check]?.state === 'ok');
      }
    });
  }

  it('keeps people whose leaving would empty a group, and takes a group that comes into both files at once', async () => {
    const files = [join(folder.policiesDir, 'people.yaml'), join(folder.policiesDir, 'approvals.yaml')];
    const [people = '', approvals = ''] = await Promise.all(files.map((path) => readFile(path, 'utf8')));
    const [peoplePath = '', approvalsPath = ''] = files;
    await writeFile(peoplePath, people.replaceAll('groups: [approvers]', 'groups: [bosses]'));
    gateway.reload();
    const named = /approvals\.yaml:8: .* belongs to the group approvers/;
    await gateway.readiness(
      'a warning that names the group',
      (seen) => seen.checks.people?.state === 'warn' && named.test(seen.checks.people.text ?? ''),
    );
    await writeFile(approvalsPath, approvals.replaceAll('[approvers]', '[bosses]'));
    gateway.reload();
    const good = (name: string) => (seen: { checks: Record<string, { state: string } | undefined> }) =>
      seen.checks[name]?.state === 'ok' && seen.checks.policy?.state === 'ok';
    await gateway.readiness('an end of the warning', good('people'));
    const newer = await Promise.all(files.map((path) => readFile(path, 'utf8')));
    await writeFile(peoplePath, people);
    await writeFile(approvalsPath, approvals);
    gateway.reload();
    // The two files are written one after the other, and what is read in between warns of an empty group at first.
    const goesBack = /goes back to a revision that was replaced/;
    const back = await gateway.readiness('a way back that is refused', (seen) =>
      goesBack.test(seen.checks.policy?.text ?? ''),
    );
    assert.equal(back.checks.policy?.state, 'warn');
    assert.match(back.checks.policy?.text ?? '', goesBack);
    await Promise.all(files.map((path, index) => writeFile(path, newer[index] ?? '')));
    gateway.reload();
    await gateway.readiness('the newer ones', good('people'));
  });

  it('takes a schedule together with the tool that it calls, in one reading', async () => {
    const { policiesDir } = folder;
    const balance = await readFile(join(policiesDir, 'tools/ledger.balance.yaml'), 'utf8');
    const file = join(policiesDir, 'automations.yaml');
    const automations = await readFile(file, 'utf8');
    // Without a signal: what was written together is read once, when it is quiet.
    await Promise.all([
      writeFile(file, replace('    workflow: gatehouseAuto0001\n', scheduled('ledger.glance'))(automations)),
      writeFile(
        join(policiesDir, 'tools/ledger.glance.yaml'),
        replace('name: ledger.balance', 'name: ledger.glance')(balance).replace(/^usage:.*\n/m, ''),
      ),
    ]);
    await until('the schedule', 20_000, async () => {
      const { rowCount } = await database.pool.query(`select from schedules where name = 'morning-balance'`);
      return rowCount === 1;
    });
  });

  it('ends at once what people were asked under the rules before', async () => {
    const { id } = await storeWaiting(database);
    const limits = join(folder.policiesDir, 'limits.yaml');
    await writeFile(limits, replace('calls: 200', 'calls: 199')(await readFile(limits, 'utf8')));
    gateway.reload();
    await until('an end of the request', 10_000, async () => {
      const { rows } = await database.pool.query<{ state: string }>(
        'select state from approvals where id = $1',
        [id],
      );
      return rows[0]?.state === 'cancelled';
    });
  });

  it('takes what is good: a tool, a person and a limit of one message', async () => {
    const { policiesDir } = folder;
    const balance = join(policiesDir, 'tools/ledger.balance.yaml');
    await writeFile(balance, replace('risk: read', 'risk: delete')(await readFile(balance, 'utf8')));
    await appendFile(
      join(policiesDir, 'people.yaml'),
      `
  - principal: newcomer
    display: Nika Newcomer
    identities:
      - { channel: web, account: local, id: newcomer }
`,
    );
    const limits = join(policiesDir, 'limits.yaml');
    const narrow = 'sender: { messages: 1, seconds: 3600, queue: 0 }';
    await writeFile(
      limits,
      replace('sender: { messages: 30, seconds: 60, queue: 120 }', narrow)(await readFile(limits, 'utf8')),
    );
    gateway.reload();
    const link = await createSignIn({ pool: database.pool, demo: true }).issueLogin('newcomer', 600);
    await until('the new risk', 10_000, async () => (await tools())['ledger.balance'] === 'delete');
    const links = { requester: `${gateway.publicUrl}/login?token=${link}` };
    // Which reading takes the person and the limit is not told: one may have begun before they were written.
    let newcomer: Person | undefined;
    await until('the newcomer', 20_000, async () => {
      newcomer = await person({ links }, 'requester').catch(() => undefined);
      return newcomer !== undefined;
    });
    await until('a limit of one message', 20_000, async () => {
      await sleep(500);
      const said = newcomer?.say('one more').then(
        () => false,
        (error: Error) => /not taken/.test(error.message),
      );
      return (await said) ?? false;
    });
  });
});

describe('a gateway that is given an earlier revision of a file', { timeout: 500_000 }, () => {
  it('refuses to start, says what to type, and starts once that was typed', async () => {
    const own = await testDatabase();
    const env = { GATEHOUSE_DATABASE_URL: own.url };
    const folder = await gatewayFolder();
    const path = join(folder.policiesDir, 'people.yaml');
    const old = await readFile(path, 'utf8');
    const started = async (): Promise<void> => (await startGateway(folder, env)).stop();
    await started();
    await writeFile(path, replace('roles: [approver]', 'roles: [member]')(old));
    await started();
    await writeFile(path, old);
    const { code, said } = await refusedStart(folder, env);
    assert.equal(code, 2);
    const typed = /policy rollback (people:[0-9a-f]{12}) --reason/.exec(said)?.[1] ?? assert.fail(said);
    const bin = join(repository, 'gateway/cli/gatehouse.mjs');
    execFileSync(process.execPath, [bin, 'policy', 'rollback', typed, '--reason', 'a test'], {
      env: { PATH: process.env.PATH, GATEHOUSE_DATA_DIR: folder.dataDir, GATEHOUSE_UP_DIR: folder.dataDir },
    });
    await started();
    await started();
    await folder.remove();
    await own.drop();
  });
});
