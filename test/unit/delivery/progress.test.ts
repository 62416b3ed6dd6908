import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { InboundMessage } from '../../../gateway/channels/index.ts';
import type { Cancel } from '../../../gateway/delivery/index.ts';
import { message, Stage, until, type Dispatch } from './support.ts';

const stage = new Stage();
before(() => stage.open());
after(() => stage.close());
beforeEach(() => {
  stage.channel.sent.length = 0;
  stage.channel.failing = undefined;
});

/** A message that a workflow works on. */
async function received(nativeId: string): Promise<Dispatch> {
  await stage.delivery.ingest([message({ nativeId, conversation: nativeId })]);
  const found = (): Dispatch | undefined =>
    stage.n8n.dispatches.find(({ envelope }) => envelope.data.message.nativeId === nativeId);
  await until('its turn', () => found() !== undefined);
  return found() as Dispatch;
}
const show = async ({ run }: Dispatch, id: string, text: string, last = false): Promise<boolean> => {
  const { runId } = await stage.delivery.authenticateRun(run.token);
  return stage.within((tx) => stage.delivery.progress(tx, { runId, id, body: { text }, last }));
};

describe('how far a run is', () => {
  it('is one message that is edited, ends as the answer, and leaves no receipt', async () => {
    const dispatch = await received('p1');
    assert.equal(await show(dispatch, 'one', 'asks a model'), true);
    await until('the first', () => stage.channel.sent.length === 1);
    assert.equal(await show(dispatch, 'one', 'asks a model'), false);
    assert.equal(await show(dispatch, 'two', 'uses a tool'), true);
    await until('the second', () => stage.channel.sent.length === 2);
    await stage.answer(dispatch, 'Here it is.');
    await until('the answer', () => stage.channel.sent.length === 3);
    assert.deepEqual(
      stage.channel.sent.map(({ message: { text }, previous }) => [text, previous]),
      [
        ['asks a model', null],
        ['uses a tool', 'n1'],
        ['Here it is.', 'n1'],
      ],
    );
    const { rows } = await stage.database.pool.query(
      `select kind from receipts where message_id = $1 and kind = 'reply'`,
      [dispatch.envelope.id],
    );
    assert.equal(rows.length, 1);
  });

  it('is not told after the answer', async () => {
    const dispatch = await received('p2');
    await stage.answer(dispatch, 'Here it is.');
    assert.equal(await show(dispatch, 'late', 'asks a model', true), false);
    await until('the answer', () => stage.channel.sent.length === 1);
    assert.deepEqual(stage.texts(), ['Here it is.']);
  });

  it('does not pile up where a channel is slow, and its end is told all the same', async () => {
    const dispatch = await received('p3');
    stage.channel.failing = () => new Error('vendor is down');
    assert.equal(await show(dispatch, 'three', 'asks a model'), true);
    assert.equal(await show(dispatch, 'four', 'uses a tool'), false);
    assert.equal(await show(dispatch, 'end', 'was stopped', true), true);
    stage.channel.failing = undefined;
    await until('both', () => stage.channel.sent.length === 2);
    assert.deepEqual(stage.texts(), ['asks a model', 'was stopped']);
  });
});

describe('/cancel', () => {
  const cancel = (nativeId: string, sender = 'U1'): InboundMessage => {
    const made = message({ nativeId, text: '/cancel', event: 'command', sender });
    return { ...made, content: { ...made.content, command: { name: 'cancel', words: [] } } };
  };

  it('goes to its handler at once, past a workflow that holds the session, and to no workflow', async () => {
    const seen: Cancel[] = [];
    stage.delivery.onCancel(async (of) => {
      seen.push(of);
      return { text: 'Stopped.' };
    });
    stage.n8n.onRun = undefined;
    await stage.delivery.ingest([message({ nativeId: 'held' })]);
    // Its run is opened before n8n is told of it.
    await until('it holds its session', () =>
      stage.n8n.dispatches.some(({ envelope }) => envelope.id === 'slack:T1:C1:held:0'),
    );
    const before = stage.n8n.dispatches.length;
    assert.deepEqual(await stage.delivery.ingest([cancel('x1')]), ['handled']);
    await until('the answer', () => stage.texts().includes('Stopped.'));
    const { rows } = await stage.database.pool.query<{ session_key: string }>(
      `select session_key from messages where id = 'slack:T1:C1:held:0'`,
    );
    assert.deepEqual(seen, [
      { principal: 'ann', sessionKey: rows[0]?.session_key, messageId: 'slack:T1:C1:x1:0' },
    ]);
    assert.equal(stage.n8n.dispatches.length, before);
    assert.equal(await stage.stateOf('slack:T1:C1:x1:0'), 'handled');
  });

  it('is nothing that somebody unknown can say', async () => {
    const seen: Cancel[] = [];
    stage.delivery.onCancel(async (of) => {
      seen.push(of);
      return { text: 'Stopped.' };
    });
    assert.deepEqual(await stage.delivery.ingest([cancel('x2', 'X9')]), ['refused']);
    assert.deepEqual(await stage.delivery.ingest([cancel('x3')]), ['handled']);
    await until('the known one', () => seen.length > 0);
    assert.deepEqual(
      seen.map(({ messageId }) => messageId),
      ['slack:T1:C1:x3:0'],
    );
  });

  it('goes to its workflow, once, where nothing was under way, or where it names a request', async () => {
    stage.delivery.onCancel(() => Promise.resolve(null));
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch, 'no open request');
    const before = stage.n8n.dispatches.length;
    const typed = (nativeId: string, words: string[]): InboundMessage => {
      const text = ['/cancel', ...words].join(' ');
      const made = message({ nativeId, text, event: 'command', conversation: 'C4' });
      return { ...made, content: { ...made.content, command: { name: 'cancel', words } } };
    };
    const [alone, named] = [typed('x4', []), typed('x5', ['dec_1'])];
    await stage.delivery.ingest([alone]);
    await until('the first', async () => (await stage.stateOf('slack:T1:C4:x4:0')) === 'done');
    await stage.delivery.ingest([named]);
    await until('the second', async () => (await stage.stateOf('slack:T1:C4:x5:0')) === 'done');
    assert.equal(stage.n8n.dispatches.length, before + 2);
  });
});
