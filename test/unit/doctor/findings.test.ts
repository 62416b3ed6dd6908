import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatehouseError } from '../../../gateway/config/index.ts';
import { diagnosisOf, fail, failure, note, ok, warn } from '../../../gateway/doctor/finding.ts';
import { postgresFindings } from '../../../gateway/doctor/postgres.ts';
import { filesFindings, settingsFindings } from '../../../gateway/doctor/setup.ts';
import { brief, textOf } from './support.ts';

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
