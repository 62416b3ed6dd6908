import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { copiesFindings } from '../../../gateway/doctor/copies.ts';
import { fail } from '../../../gateway/doctor/finding.ts';
import { rotationFindings } from '../../../gateway/doctor/rotation.ts';
import { excessFindings, secretsFindings, sharedFindings } from '../../../gateway/doctor/secrets.ts';
import { brief, now, textOf } from './support.ts';

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

  it('of a Vault are lent to an account that may do no more', () => {
    const paths = [{ path: 'secret/data/*', capabilities: ['list', 'read'] }];
    const accounts = [
      { store: 'good', paths: [] },
      { store: 'wide', paths },
      { store: 'away', problem: new Error('canary') },
    ];
    const findings = excessFindings(accounts);
    assert.deepEqual(brief(findings), ['ok vault-accounts', 'warn vault-accounts', 'note vault-accounts']);
    assert.match(
      textOf(findings),
      /store wide may do more .*: secret\/data\/\* \(list, read\)\. .*vault policy/,
    );
    assert.doesNotMatch(textOf(findings), /canary/);
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
