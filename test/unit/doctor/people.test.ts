import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Finding } from '../../../gateway/doctor/finding.ts';
import { peopleFindings, type ClassState } from '../../../gateway/doctor/people.ts';
import { brief, now, textOf } from './support.ts';

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
