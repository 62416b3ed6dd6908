import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { House } from './house.ts';
import { journals, record, replay, type RecordedCall } from './replay.ts';
import { site, type Site } from './support.ts';

let at: Site;
let house: House;
const ends: (() => Promise<void>)[] = [];
before(async () => {
  at = await site({ after: (work) => void ends.push(work) });
  house = await at.house();
  house.agent.work();
});
after(async () => {
  for (const end of ends.reverse()) await end();
});

const recording = process.env.GATEHOUSE_TEST_JOURNALS === 'record';
const said = ({ call, tool, decision, status }: RecordedCall): string =>
  `${call} ${tool}: ${decision ? `${decision.effect} (${decision.reasons.join()})` : 'not decided'}, ${status}`;

for (const [name, journal] of journals())
  test(`${name}: ${journal.about}`, async () => {
    const now = await replay(at, house, journal);
    if (recording) return record(name, { ...journal, ...now });
    assert.ok(journal.calls.length > 0, 'a run without a call shows no decision');
    assert.deepEqual(now.calls.map(said), journal.calls.map(said));
    assert.equal(now.endedBy, journal.endedBy);
    at.model.problems.splice(0);
  });
