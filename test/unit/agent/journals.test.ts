import assert from 'node:assert/strict';
import { test } from 'node:test';
import { journals, record, replay, type RecordedCall } from './replay.ts';
import { workingHouse } from './support.ts';

const { at, house } = await workingHouse();

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
