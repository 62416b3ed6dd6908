import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import {
  flowGuardFindings,
  gatewayFindings,
  killSwitchFindings,
  n8nFindings,
  receiptsFindings,
  sandboxFindings,
} from '../../../gateway/doctor/around.ts';
import { catalogueFindings } from '../../../gateway/doctor/catalogue.ts';
import { diagnosisOf, fail, failure, note, ok, warn, type Finding } from '../../../gateway/doctor/finding.ts';
import { copiesFindings } from '../../../gateway/doctor/copies.ts';
import { peopleFindings, type ClassState } from '../../../gateway/doctor/people.ts';
import { postgresFindings } from '../../../gateway/doctor/postgres.ts';
import { overridesFindings, rulesFindings } from '../../../gateway/doctor/rules.ts';
import { rotationFindings } from '../../../gateway/doctor/rotation.ts';
import { secretsFindings, sharedFindings } from '../../../gateway/doctor/secrets.ts';
import { filesFindings, settingsFindings } from '../../../gateway/doctor/setup.ts';

const now = new Date('2026-11-10T12:00:00Z');
/** Each finding as `state check`, in order. */
const brief = (findings: readonly Finding[]): string[] =>
  findings.map(({ state, check }) => `${state} ${check}`);
const textOf = (findings: readonly Finding[]): string =>
  findings.map(({ text, next }) => `${text} ${next ?? ''}`).join('\n');

describe('a diagnosis', () => {
  it('puts the worst first within a topic, keeps the order otherwise, and is well unless something fails', () => {
    const findings = [ok('a', ''), warn('b', ''), note('c', ''), ok('d', ''), warn('e', '')];
    const well = diagnosisOf([{ topic: 'T', findings }]);
    assert.deepEqual(brief(well.topics[0]?.findings ?? []), ['warn b', 'warn e', 'note c', 'ok a', 'ok d']);
    assert.equal(well.ok, true);
    const ill = diagnosisOf([{ topic: 'T', findings: [ok('a', ''), fail('f', '')] }]);
    assert.deepEqual([ill.ok, brief(ill.topics[0]?.findings ?? [])], [false, ['fail f', 'ok a']]);
  });

  it('tells what an error of ours says on one line, and of others no more than their code', () => {
    const ours = new GatehouseError('GH-X-001', 'It is broken:\n  line 3', { next: 'Mend it.' });
    assert.deepEqual(failure('x', ours), fail('x', 'It is broken: line 3', 'Mend it.'));
    const theirs = Object.assign(new Error('password hunter2 is wrong'), { code: '28P01' });
    assert.deepEqual(failure('x', theirs), fail('x', 'This could not be looked at (28P01).'));
    assert.doesNotMatch(textOf([failure('x', { code: 'hunter2 with words' })]), /hunter2/);
  });
});

describe('settings', () => {
  const good = { environment: 'production', demo: false, publicUrl: 'https://gate.example.com' } as const;

  it('are fine in production over https and on this machine', () => {
    for (const publicUrl of [
      good.publicUrl,
      'http://localhost:8080',
      'http://127.0.0.1:1',
      'http://[::1]:8080',
    ]) {
      const findings = settingsFindings({ ...good, publicUrl });
      assert.deepEqual(brief(findings), ['ok environment', 'ok public-url', 'ok demo'], publicUrl);
    }
  });

  it('are looked at where something is for development only', () => {
    const found = (change: object): string[] => brief(settingsFindings({ ...good, ...change }));
    assert.ok(found({ environment: 'staging' }).includes('note environment'));
    assert.ok(found({ demo: true }).includes('warn demo'));
    assert.ok(found({ demo: true, publicUrl: 'http://localhost:8080' }).includes('note demo'));
    for (const publicUrl of ['http://gate.example.com', 'http://127.0.0.1.example.com', 'http://192.0.2.1'])
      assert.ok(found({ publicUrl }).includes('warn public-url'), publicUrl);
  });
});

describe('files', () => {
  const good = {
    dataDir: '/data',
    dataMode: 0o40700,
    keyFile: '/data/secrets.key',
    keyMode: 0o100600,
    keyNamed: false,
    store: true,
  };

  it('are for their owner alone', () => {
    assert.deepEqual(brief(filesFindings(good)), ['ok data-folder', 'ok key']);
    const open = filesFindings({ ...good, dataMode: 0o40750, keyMode: 0o100640 });
    assert.deepEqual(brief(open), ['warn data-folder', 'fail key']);
    assert.match(textOf(open), /mode 0750\. chmod 700 \/data\n.*0640\. chmod 600 \/data\/secrets\.key/);
    assert.ok(brief(filesFindings({ ...good, keyNamed: true, keyMode: 0o100444 })).includes('warn key'));
  });

  it('may be missing before the first start, a key that something needs may not', () => {
    const fresh = { ...good, dataMode: null, keyMode: null, store: false };
    assert.deepEqual(brief(filesFindings(fresh)), ['note data-folder', 'note key']);
    assert.ok(brief(filesFindings({ ...good, keyMode: null })).includes('fail key'));
    assert.ok(brief(filesFindings({ ...fresh, keyNamed: true })).includes('fail key'));
  });
});

describe('rotations', () => {
  const now = new Date('2026-11-01T00:00:00Z');
  const rotate = { every: 30 * 86_400_000, overlap: 1, by: { kind: 'webhook-signing', seconds: 1 } } as const;
  const secret = (updatedAt: string) => ({
    name: 'a',
    store: 'file',
    perCall: false,
    info: { version: 1, updatedAt },
    rotate,
  });
  const row = {
    secret: 'a',
    candidate: null,
    base_version: null,
    version: 2,
    former_version: null,
    overlap_until: null,
    rotated_at: new Date('2026-10-20T00:00:00Z'),
    failures: 0,
    failed_since: null,
    failure: null,
    next_try: null,
  };

  it('are in time, late, or fail', () => {
    const old = [secret('2026-01-01T00:00:00Z')];
    const of = (change: object | null) =>
      rotationFindings(old, new Map(change ? [['a', { ...row, ...change }]] : []), now);
    assert.deepEqual(brief(rotationFindings([], new Map(), now)), []);
    assert.deepEqual(brief(of({})), ['ok rotation']);
    assert.deepEqual(brief(rotationFindings([secret('2026-10-30T00:00:00Z')], new Map(), now)), [
      'ok rotation',
    ]);
    assert.match(textOf(of(null)), /274 days overdue and was never rotated/);
    assert.match(textOf(of({ rotated_at: new Date('2026-09-01T00:00:00Z') })), /31 days overdue\./);
    const failed = of({ failed_since: new Date('2026-10-31T10:00:00Z'), failure: 'GH-VAULT-026' });
    assert.deepEqual(brief(failed), ['fail rotation']);
    assert.match(textOf(failed), /2026-10-31 10:00 UTC \(GH-VAULT-026\).*secret rotate a/);
  });

  it('that secrets.yaml forgot leave no former value behind unseen', () => {
    const rows = new Map([['a', { ...row, former_version: 1 }]]);
    assert.deepEqual(brief(rotationFindings([], rows, now)), ['warn rotation']);
  });
});

describe('secrets that are copied into n8n', () => {
  const at = (time: string): Date => new Date(`2026-11-10T${time}:00Z`);
  const copy = {
    name: 'Reports',
    type: 'postgres',
    secret: 'a/b',
    lifetime: 3_600_000,
    fields: { password: '{password}' },
  };
  const row = {
    n8n: 'http://n8n.internal',
    name: 'Reports',
    credential_id: 'x',
    secret: 'a/b',
    mark: 'sha256:1',
    due_at: at('12:40'),
    good_until: at('13:00'),
  };

  it('are exceptions while they last, and to be looked at where one is late, unknown or not declared', () => {
    assert.deepEqual(brief(copiesFindings([], [], now)), ['ok copies']);
    const held = copiesFindings([copy], [row], now);
    assert.deepEqual(brief(held), ['note copies']);
    assert.match(textOf(held), /secret a\/b is copied into n8n's database .* until 2026-11-10 13:00 UTC/);
    for (const [change, copies, what] of [
      [{ due_at: at('11:59') }, [copy], /until .* overdue since 2026-11-10 11:59/],
      [{ due_at: at('11:30'), good_until: at('12:00') }, [copy], /overdue: it was good until/],
      [{ mark: null }, [copy], /last writing failed/],
      [{}, [], /not declared any more/],
    ] as const) {
      const found = copiesFindings(copies, [{ ...row, ...change }], now);
      assert.deepEqual(brief(found), ['warn copies']);
      assert.match(textOf(found), what);
    }
    const never = copiesFindings([copy], [], now);
    assert.deepEqual(brief(never), ['warn copies']);
    assert.match(textOf(never), /never written/);
  });
});

describe('secrets', () => {
  const now = new Date('2026-11-01T00:00:00Z');
  const info = (updatedAt: string, version = 1) => ({ version, updatedAt });
  const one = { name: 'a', store: 'file', perCall: false, info: info('2026-10-01T00:00:00Z') };
  const none = { secrets: [], closed: [], stores: [], rotationWaits: false };
  const found = (change: object): ReturnType<typeof secretsFindings> =>
    secretsFindings({ ...none, secrets: [one], ...change }, now);

  it('open with the key, or are named', () => {
    assert.deepEqual(brief(found({})), ['ok secrets']);
    assert.deepEqual(brief(found({ secrets: [] })), ['ok secrets']);
    assert.deepEqual(found({ closed: ['b'] }), [
      fail('secrets', 'The secret b does not open with this key.', 'npx gatehouse secret set b'),
    ]);
  });

  it('that are old and were never changed are named, where a store counts', () => {
    const old = { ...one, info: info('2026-04-01T00:00:00Z') };
    assert.match(
      textOf(found({ secrets: [old] })),
      /a is 214 days old and was never changed\. .*secret set a/,
    );
    assert.deepEqual(brief(found({ secrets: [{ ...old, info: info('2026-04-01T00:00:00Z', 2) }] })), [
      'ok secrets',
    ]);
    const elsewhere = { secrets: [{ ...old, store: 'corp' }] };
    assert.ok(
      brief(found({ ...elsewhere, stores: [{ store: 'corp', kind: 'vault' }] })).includes('warn secret-age'),
    );
    assert.ok(
      !brief(found({ ...elsewhere, stores: [{ store: 'corp', kind: 'folder' }] })).includes(
        'warn secret-age',
      ),
    );
  });

  it('are in stores that answer, and not in variables', () => {
    const problem = new GatehouseError('GH-VAULT-011', 'The secret store corp is sealed.', {
      next: 'Unseal it.',
    });
    const stores = [
      { store: 'corp', kind: 'vault', problem },
      { store: 'shell', kind: 'environment' },
      { store: 'files', kind: 'folder' },
    ];
    assert.deepEqual(brief(found({ stores })), [
      'ok secrets',
      'fail secret-stores',
      'warn secret-stores',
      'ok secret-stores',
    ]);
  });

  it('are not open to a former key for long', () => {
    assert.ok(brief(found({ rotationWaits: true })).includes('warn key'));
  });

  it('are of one system each', () => {
    const shared = (secret: string, tools: string[]): string[] =>
      brief(sharedFindings(new Map([[secret, tools]])));
    assert.deepEqual(shared('crm/token', ['crm.search', 'crm.merge']), ['ok accounts']);
    assert.deepEqual(shared('crm/token', ['crm.search', 'jira.search']), ['warn accounts']);
    assert.deepEqual(shared('demo/postgres', ['ledger.balance', 'customers.note']), ['note accounts']);
  });
});

describe('Postgres', () => {
  const good = { pending: [], fsync: 'on', synchronousCommit: 'on', aheadMs: 40 };
  const found = (change: object): string[] => brief(postgresFindings({ ...good, ...change }, 'production'));

  it('answers, is up to date, keeps what it acknowledged, and has our time', () => {
    assert.deepEqual(found({}), [
      'ok postgres',
      'ok migrations',
      'ok fsync',
      'ok synchronous_commit',
      'ok clock',
    ]);
    assert.ok(found({ pending: ['0002_next.sql'] }).includes('fail migrations'));
    assert.ok(found({ fsync: 'off' }).includes('fail fsync'));
    assert.ok(found({ synchronousCommit: 'off' }).includes('fail synchronous_commit'));
    assert.ok(found({ synchronousCommit: 'remote_apply' }).includes('ok synchronous_commit'));
    for (const aheadMs of [2500, -2500]) assert.ok(found({ aheadMs }).includes('warn clock'));
    assert.match(textOf(postgresFindings({ ...good, aheadMs: -2500 }, 'production')), /2\.5 s behind ours/);
  });

  it('may forget in development, and has to answer', () => {
    const developing = postgresFindings({ ...good, fsync: 'off' }, 'development');
    assert.ok(brief(developing).includes('warn fsync'));
    assert.deepEqual(brief(postgresFindings({ unreachable: 'ECONNREFUSED' }, 'production')), [
      'fail postgres',
    ]);
  });
});

describe('rules', () => {
  it('name what is one’s own, and warn of a gateway that decides by others', () => {
    const same = rulesFindings({ own: [], version: 'sha256:aa', inUse: 'sha256:aa' });
    assert.deepEqual(brief(same), ['ok rules', 'ok own-rules', 'ok version']);
    const other = rulesFindings({ own: ['night.rego'], version: 'sha256:aa', inUse: 'sha256:bb' });
    assert.deepEqual(brief(other), ['ok rules', 'ok own-rules', 'warn version']);
    assert.match(textOf(other), /night\.rego[\s\S]*by version bb, and the files are version aa/);
  });
});

describe('overrides', () => {
  const entry = {
    rule: 'role_reads_only',
    tools: ['tickets.close'],
    owner: 'approver-a',
    reason: 'the viewers close old tickets',
  };
  const found = (until: string, change: object = {}): Finding | undefined =>
    overridesFindings([{ ...entry, until, ...change }], now)[0];

  it('are noted with rule, tools, owner, last day and reason while they hold', () => {
    assert.deepEqual(brief(overridesFindings([], now)), ['ok overrides']);
    const { state, text } = found('2027-01-01T00:00:00Z') as Finding;
    assert.equal(state, 'note');
    assert.equal(
      text,
      'role_reads_only for tickets.close by approver-a is lifted, its last day is 2026-12-31: the viewers close old tickets.',
    );
  });

  it('are warned of when they end soon, hold for everything, or are over', () => {
    assert.equal(found('2026-11-24T13:00:00Z')?.state, 'note');
    assert.equal(found('2026-11-24T12:00:00Z')?.state, 'warn');
    const everywhere = found('2027-01-01T00:00:00Z', { tools: null }) as Finding;
    assert.deepEqual([everywhere.state, /all tools by approver-a/.test(everywhere.text)], ['warn', true]);
    assert.match(found('2026-11-11T00:00:00Z')?.text ?? '', /last day is 2026-11-10/);
    const over = found('2026-11-10T12:00:00Z') as Finding;
    assert.equal(over.state, 'warn');
    assert.match(
      `${over.text} ${over.next}`,
      /approver-a expired, its last day was 2026-11-09.*Remove it from/,
    );
  });
});

describe('tools', () => {
  const tool = { name: 'tickets.close', secret: 'tickets/postgres', egress: undefined };
  const web = {
    name: 'web.get',
    secret: undefined,
    egress: { secrets: [{ name: 'web/key', hosts: [] }] },
  } as never;

  it('have the secrets that they name', () => {
    assert.deepEqual(
      brief(catalogueFindings({ tools: [tool, web], faults: [] }, ['tickets/postgres', 'web/key'])),
      ['ok catalogue'],
    );
    const missing = catalogueFindings({ tools: [tool, web], faults: [] }, ['web/key']);
    assert.deepEqual(brief(missing), ['ok catalogue', 'warn tool-secrets']);
    assert.match(textOf(missing), /npx gatehouse secret set tickets\/postgres/);
    assert.match(textOf(catalogueFindings({ tools: [web], faults: [] }, [])), /secret set web\/key/);
  });

  it('may be of systems that nobody here has', () => {
    const unused = {
      name: 'jira.issue.create',
      secret: 'jira/api-token',
      egress: undefined,
      api: {},
    } as never;
    const findings = catalogueFindings({ tools: [unused, tool], faults: [] }, ['tickets/postgres']);
    assert.deepEqual(brief(findings), ['ok catalogue', 'note tool-secrets']);
  });

  it('have no faults', () => {
    const fault = { file: 'a.yaml', line: 3, field: 'risk', fault: 'is missing', remedy: 'Write it.' };
    const findings = catalogueFindings({ tools: [], faults: [fault] }, []);
    assert.deepEqual(brief(findings), ['ok catalogue', 'fail catalogue']);
    assert.match(textOf(findings), /a\.yaml:3: risk: is missing\. Write it\./);
  });
});

describe('people', () => {
  const payment: ClassState = {
    risk: 'payment',
    approvals: { groups: ['approvers'], quorum: 1, from: [], strict: false },
    members: ['a', 'b'],
    deciders: ['a', 'b', 'c'],
  };
  const found = (change: Partial<Parameters<typeof peopleFindings>[0]>): Finding[] =>
    peopleFindings({
      count: 4,
      classes: [payment],
      withoutFactor: [],
      standIns: [],
      ownerless: [],
      now,
      ...change,
    });
  const withClass = (approvals: object): ClassState => ({
    ...payment,
    approvals: { ...payment.approvals, ...approvals },
  });

  it('hold somebody who confirms what each automation asks for', () => {
    const ownerless = [{ principal: 'automation:rent', owner: 'gone' }];
    const findings = found({ ownerless });
    assert.deepEqual(brief(findings), ['ok people', 'warn automations']);
    assert.match(
      textOf(findings),
      /gone answers for automation:rent and is not in people\.yaml.*automations\.yaml/,
    );
  });

  it('are enough for the highest quorum, and one more who asks', () => {
    assert.deepEqual(brief(found({})), ['ok people']);
    for (const approvals of [
      { quorum: 2 },
      { from: [{ currency: 'EUR', amount: 1, quorum: 2 }] },
      { blast: { recipients: 10, quorum: 2 } },
      { firstTime: { quorum: 2 } },
    ]) {
      const findings = found({ classes: [withClass(approvals)] });
      assert.deepEqual(brief(findings), ['ok people', 'note quorum'], JSON.stringify(approvals));
      assert.match(textOf(findings), /payment may need everybody of approvers/);
    }
  });

  it('have a second factor where a class is strict', () => {
    const classes = [withClass({ strict: true })];
    assert.deepEqual(brief(found({ classes })), ['ok people', 'ok second-factors']);
    const lacking = found({ classes, withoutFactor: ['c'] });
    assert.deepEqual(brief(lacking), ['ok people', 'warn second-factors']);
    assert.match(textOf(lacking), /cannot decide payment\. npx gatehouse people link c --enrol/);
    assert.deepEqual(brief(found({ classes, withoutFactor: null })), ['ok people', 'note second-factors']);
    assert.deepEqual(brief(found({ withoutFactor: ['b'] })), ['ok people']);
  });

  it('stand in for others up to a last day', () => {
    const until = (day: string): string[] =>
      brief(found({ standIns: [{ for: 'a', by: 'b', from: '2026-11-01', until: day }] }));
    assert.deepEqual(until('2026-11-10'), ['ok people']);
    assert.deepEqual(until('2026-11-09'), ['ok people', 'note stand-ins']);
  });
});

describe('what is around', () => {
  it('the flow guard holds, and each exemption is told with its reason', () => {
    assert.deepEqual(brief(flowGuardFindings('enforce', [], now)), ['ok flow-guard']);
    assert.deepEqual(brief(flowGuardFindings('warn', [], now)), ['note flow-guard']);
    assert.deepEqual(brief(flowGuardFindings('off', [], now)), ['warn flow-guard']);
    const entry = { workflow: 'w1', node: 'Send', reason: 'Posts the public status.', owner: 'approver-a' };
    const held = flowGuardFindings('enforce', [entry, { ...entry, until: '2026-11-10' }], now);
    assert.deepEqual(brief(held).slice(1), ['note exemptions', 'note exemptions']);
    assert.match(textOf(held), /"Send" of the workflow "w1".*approver-a answers: Posts the public status/);
    const over = flowGuardFindings('enforce', [{ ...entry, until: '2026-11-09' }], now);
    assert.deepEqual(brief(over).slice(1), ['warn exemptions']);
  });

  it('kill switches that are on say how to turn them off', () => {
    assert.deepEqual(brief(killSwitchFindings([])), ['ok kill-switch']);
    const on = { by: 'admin', since: '2026-11-10T11:00:00Z', reason: 'a drill' };
    const findings = killSwitchFindings([
      { ...on, target: 'all' },
      { ...on, target: 'session:slack:T1:x' },
    ]);
    assert.deepEqual(brief(findings), ['warn kill-switch', 'warn kill-switch']);
    assert.match(
      textOf(findings),
      /kill-switch off --reason[\s\S]*kill-switch off --session 'slack:T1:x' --reason/,
    );
  });

  it('receipts are sealed within a minute, and witnessed', () => {
    const good = { sealed: 9, heads: 2, unsealed: 3, oldestSeconds: 60 };
    assert.deepEqual(brief(receiptsFindings(good)), ['ok heads', 'ok sealing']);
    assert.deepEqual(brief(receiptsFindings({ ...good, oldestSeconds: 61 })), ['ok heads', 'warn sealing']);
    assert.deepEqual(brief(receiptsFindings({ ...good, heads: 0 })), ['warn heads', 'ok sealing']);
    assert.deepEqual(brief(receiptsFindings({ ...good, heads: 0, sealed: 0 })), ['ok heads', 'ok sealing']);
  });

  it('n8n answers', () => {
    assert.deepEqual(brief(n8nFindings('http://n', { status: 200 })), ['ok n8n']);
    assert.deepEqual(brief(n8nFindings('http://n', { status: 503 })), ['fail n8n']);
    assert.deepEqual(brief(n8nFindings('http://n', { unreachable: 'ECONNREFUSED' })), ['fail n8n']);
  });

  it('the running gateway is ready, or says what is not well', () => {
    assert.deepEqual(brief(gatewayFindings(null)), ['note gateway']);
    assert.deepEqual(brief(gatewayFindings({ database: { state: 'ok' } })), ['ok gateway']);
    const findings = gatewayFindings({
      database: { state: 'ok' },
      people: { state: 'warn', text: 'line\n  3' },
      n8n: { state: 'down' },
    });
    assert.deepEqual(brief(findings), ['warn gateway', 'fail gateway']);
    assert.match(textOf(findings), /people: line 3/);
  });

  it('a sandbox is no must, and says what it lacks', () => {
    const good = { origin: 'http://r', token: true, answer: { status: 200 } };
    assert.deepEqual(brief(sandboxFindings(good)), ['ok sandbox']);
    for (const change of [{ origin: null, answer: null }, { token: false }, { answer: { status: 503 } }])
      assert.deepEqual(brief(sandboxFindings({ ...good, ...change })), ['note sandbox']);
  });
});
