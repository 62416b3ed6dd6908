import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createLogger } from '../../../../gateway/config/index.ts';
import { createMailConnector } from '../../../../gateway/tools/connectors/mail/index.ts';
import { runCall } from '../../../../gateway/tools/run-call.ts';
import { mailServer, type MailServer, type Manner } from './server.ts';
import { here, letter, listSecret, noFiles, send, toolAt } from './support.ts';

const open: MailServer[] = [];
const server = async (manner?: Manner): Promise<MailServer> => {
  const made = await mailServer(manner);
  open.push(made);
  return made;
};
after(() => Promise.all(open.map((one) => one.close())));

test('attack: the server has the mail and dies; the outcome is unknown, with the id to look for', async () => {
  const at = await server({ data: 'die' });
  const outcome = await send(toolAt(at), letter);
  assert.equal(outcome.status, 'unknown');
  assert.match(
    (outcome as { reasons: { text: string }[] }).reasons[0]?.text ?? '',
    /<att_0199-a\.0@example\.com>/,
  );
  assert.equal(at.taken.length, 1);
});

test('attack: such a mail is never sent a second time, whatever its call is told', async () => {
  const at = await server({ data: 'die' });
  const tool = toolAt(at);
  for (const tried of [false, true]) {
    at.taken.length = 0;
    const ending = await runCall(
      {
        connectors: { smtp: createMailConnector(noFiles, here) } as never,
        leases: {
          lend: () =>
            Promise.resolve({ value: 'office@example.com:pä:ss word', giveBack: () => Promise.resolve() }),
        },
        policy: { killSwitchOn: () => Promise.resolve(false) },
        log: createLogger('silent'),
      },
      {
        attempt: {
          id: 'att_1',
          decisionId: 'd',
          messageId: 'm',
          sessionKey: 's',
          tool: tool.name,
          digest: '',
          destinations: [],
          lease: { attemptId: 'att_1', secret: 'mail/smtp', target: '' },
          tries: 1,
          waitsFor: null,
        },
        tool,
        args: letter,
        caller: {} as never,
        tried,
      },
    );
    assert.equal(ending.status, 'unknown');
    assert.equal(at.taken.length, 1);
    if (!tried) assert.match(ending.text ?? '', /<att_1\.0@example\.com>/);
  }
});

test('a server that dies while the mail is on its way may have it', async () => {
  const at = await server({ data: 'late' });
  assert.equal((await send(toolAt(at), { ...letter, text: 'x'.repeat(50_000) })).status, 'unknown');
});

test('a server that says no to the mail, or dies before it begins, has nothing', async () => {
  for (const manner of [{ data: 'refuse' }, { data: 'busy' }, { before: 'die-at-mail' }] as const) {
    const at = await server(manner);
    const outcome = await send(toolAt(at), letter);
    assert.equal(outcome.status, 'failed', JSON.stringify(manner));
    assert.equal(at.taken.length, 0);
    // What the server said is not repeated: it may be what we said.
    assert.doesNotMatch(JSON.stringify(outcome), /pä:ss/);
  }
});

test('nobody listens: nothing was sent, and the next step is told', async () => {
  const at = await server();
  await at.close();
  await assert.rejects(send(toolAt(at), letter), { code: 'GH-TOOLS-076', next: /Try again later/ });
});

test('of a list that breaks off, those who have their mail are counted and the rest are not sent to', async () => {
  const to = ['a@example.org', 'b@example.org', 'c@example.org'];
  const at = await server({ diesOf: 'b@example.org' });
  const outcome = await send(toolAt(at, 'mail.blast'), { ...letter, to }, { secret: listSecret });
  assert.equal(outcome.status, 'unknown');
  assert.deepEqual(
    at.taken.map((one) => one.to),
    [['a@example.org'], ['b@example.org']],
  );
  const { result } = outcome as { result: Record<string, string[]> };
  assert.deepEqual([result.accepted, result.uncertain], [['a@example.org'], ['b@example.org']]);
});
