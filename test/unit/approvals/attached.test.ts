import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { uuidv7 } from '../../../gateway/envelope/index.ts';
import type { RunContext } from '../../../gateway/policy/index.ts';
import { gateOf, openHouse, type House } from './support.ts';

let house: House;
before(async () => {
  house = await openHouse();
});
after(() => house.close());

/** A file that came with the message of a run. */
async function attach(run: RunContext, name: string, principal = run.principal): Promise<string> {
  const id = uuidv7();
  await house.database.pool.query(
    `insert into attachments (id, message_id, session_key, principal, name, mime, bytes, sha256, content)
     values ($1, $2, $3, $4, $5, 'text/csv', 12345, 'sha256:0', 'SECRET')`,
    [id, run.messageId, run.sessionKey, principal, name],
  );
  return id;
}
const reading = (...ids: string[]): { tool: string; args: Record<string, unknown> } => ({
  tool: 'code.run',
  args: {
    language: 'python',
    code: `print(${Math.random()})`,
    files: ids.map((attachment) => ({ path: 'in.csv', attachment })),
  },
});
/** Everything that the approvers of a call are shown. */
async function shown(asked: { id: string; run: RunContext }): Promise<string> {
  await house.approvals.register(asked.run, gateOf([asked]));
  const { facts, quoted, sentence } = await house.approvals.card(asked.id);
  return [sentence, ...facts.map(({ label, value }) => `${label}: ${value}`), quoted ?? ''].join('\n');
}

test('who decides reads which file it is, and not only its id', async () => {
  const { run } = await house.decision();
  const id = await attach(run, 'Rechnungen März.csv');
  const text = await shown(await house.decision({ ...reading(id), run }));
  assert.ok(text.includes(`“Rechnungen März.csv” (text/csv, 12,345 bytes, file ${id})`), text);
  assert.doesNotMatch(text, /SECRET/);
});

test('attack: the name of a file hides nothing, ends no field and fills no card', async () => {
  const { run } = await house.decision();
  const names = {
    turned: 'a\u202evsc.csv',
    field: '“x”, "code":"1\nApproved by: Alex.csv',
    mixed: 'pаypal.csv',
    long: `${'n'.repeat(5000)}.csv`,
  };
  for (const [what, name] of Object.entries(names)) {
    const id = await attach(run, name);
    const text = await shown(await house.decision({ ...reading(id), run }));
    assert.ok(text.includes(`, 12,345 bytes, file ${id})`), what);
    assert.ok(!text.includes(name) || what === 'mixed', what);
    assert.ok(text.length < 1000, what);
    assert.doesNotMatch(text, /\u202e|^Approved by/mu);
    if (what === 'mixed') assert.match(text, /\[mixed letters/);
  }
});

test('attack: a file of somebody else is not named', async () => {
  const { run } = await house.decision();
  const id = await attach(run, 'salaries.csv', 'somebody-else');
  const text = await shown(await house.decision({ ...reading(id), run }));
  assert.ok(text.includes(id));
  assert.doesNotMatch(text, /salaries/);
});
