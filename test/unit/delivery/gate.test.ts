import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { message, Stage, until } from './support.ts';

describe('who and what gets past the inbox', () => {
  const stage = new Stage();
  before(() => stage.open());
  after(() => stage.close());
  beforeEach(() => {
    stage.n8n.dispatches.length = 0;
    stage.channel.sent.length = 0;
    stage.offers.length = 0;
    stage.allow = () => ({ verdict: 'go' });
    stage.n8n.onRun = (dispatch) => stage.answer(dispatch);
  });

  const row = async (id: string): Promise<Record<string, unknown>> => {
    const { rows } = await stage.database.pool.query<Record<string, unknown>>(
      'select * from messages where id = $1',
      [id],
    );
    return rows[0] ?? {};
  };

  it('offers an unknown sender a pairing code, keeps none of their text and starts no workflow', async () => {
    const result = await stage.delivery.ingest([message({ sender: 'X1', nativeId: 'x1', text: 'SECRET' })]);
    assert.deepEqual(result, ['refused']);
    await until('the code', () => stage.channel.sent.length === 1);
    assert.match(stage.texts()[0] ?? '', /PAIR2345/);
    const kept = await row('slack:T1:C1:x1:0');
    assert.equal(kept.state, 'refused');
    assert.ok(!JSON.stringify(kept).includes('SECRET'));
    assert.equal(stage.n8n.dispatches.length, 0);
  });

  it('shows no pairing code where others read along, and answers no bot', async () => {
    await stage.delivery.ingest([
      message({ sender: 'X2', visibility: 'public' }),
      message({ sender: 'X3', isBot: true }),
    ]);
    await until('the refusal', () => stage.channel.sent.length === 1);
    assert.doesNotMatch(stage.texts().join(), /PAIR/);
    assert.deepEqual(stage.offers, []);
  });

  it('queues what exceeds the rate limit, in order, and tells the sender once', async () => {
    let taken = 0;
    stage.allow = () =>
      (taken += 1) === 1 ? { verdict: 'go' } : { verdict: 'later', waitMs: 700, tell: taken === 2 };
    const results = await stage.delivery.ingest(
      ['1', '2', '3'].map((text) => message({ text, conversation: 'limit' })),
    );
    assert.deepEqual(results, ['accepted', 'accepted', 'accepted']);
    // The limit is over for the fourth, yet it may not overtake those that wait.
    stage.allow = () => ({ verdict: 'go' });
    await stage.delivery.ingest([message({ text: '4', conversation: 'limit' })]);
    await until('four replies', () => stage.texts().filter((text) => text.startsWith('re:')).length === 4);
    assert.deepEqual(
      stage.n8n.dispatches.map((dispatch) => dispatch.envelope.data.content.text),
      ['1', '2', '3', '4'],
    );
    assert.equal(stage.texts().filter((text) => text.includes('queued')).length, 1);
  });

  it('holds that order across a restart', async () => {
    stage.allow = () => ({ verdict: 'later', waitMs: 1200, tell: false });
    await stage.delivery.ingest([message({ text: 'first', conversation: 'again' })]);
    await stage.stopGateway();
    await stage.startGateway();
    stage.allow = () => ({ verdict: 'go' });
    await stage.delivery.ingest([message({ text: 'second', conversation: 'again' })]);
    await until('both replies', () => stage.channel.sent.length === 2);
    assert.deepEqual(
      stage.n8n.dispatches.map((dispatch) => dispatch.envelope.data.content.text),
      ['first', 'second'],
    );
  });

  it('refuses past the bound, says so, and dispatches nothing', async () => {
    stage.allow = () => ({ verdict: 'refuse', tell: true });
    assert.deepEqual(await stage.delivery.ingest([message({})]), ['refused']);
    await until('the word', () => stage.texts().some((text) => text.startsWith('Too many')));
    assert.equal(stage.n8n.dispatches.length, 0);
  });

  for (const [name, text, field] of [
    ['a NUL byte', 'a\0b', 'data.content.text'],
    ['a lone surrogate', 'a\ud800b', 'data.content.text'],
    ['an endless text', 'x'.repeat(20_001), 'data.content.text'],
  ] as const) {
    it(`dead-letters ${name} with the field named, and the batch around it goes on`, async () => {
      const results = await stage.delivery.ingest([
        message({ text: 'before' }),
        message({ text, nativeId: `bad-${name}` }),
        message({ text: 'after' }),
      ]);
      assert.deepEqual(results, ['accepted', 'dead', 'accepted']);
      await until('the word', () => stage.texts().some((said) => said.includes(field)));
      await until('two replies', () => stage.texts().filter((said) => said.startsWith('re:')).length === 2);
      const { rows } = await stage.database.pool.query(`select raw from messages where state = 'dead'`);
      assert.ok(rows.length > 0);
    });
  }

  it('takes a backslash before u0000 for the text that it is', async () => {
    assert.deepEqual(await stage.delivery.ingest([message({ text: 'C:\\u0000 \\\\ud800' })]), ['accepted']);
    await until('the reply', () => stage.channel.sent.length === 1);
    assert.equal(stage.texts()[0], 're: C:\\u0000 \\\\ud800');
  });

  it('isolates a message that Postgres refuses for a reason nobody foresaw', async () => {
    const bad = message({ nativeId: 'odd' });
    bad.route = { channel: 'C1', note: 'a\0b' };
    assert.deepEqual(await stage.delivery.ingest([message({}), bad, message({})]), [
      'accepted',
      'dead',
      'accepted',
    ]);
    await until('two replies', () => stage.channel.sent.length === 2);
  });

  it('keeps an unusable delivery once and tells the sender', async () => {
    const unusable = {
      reason: 'The text holds a NUL byte.',
      field: 'event.text',
      nativeId: 'u\0\ud800',
      sender: 'U1',
      route: { channel: 'C9' },
      raw: '{"a":"\0"}',
    };
    assert.equal(await stage.delivery.deadLetter('slack', unusable), true);
    assert.equal(await stage.delivery.deadLetter('slack', unusable), false);
    await until('the word', () => stage.channel.sent.length === 1);
    assert.match(stage.texts()[0] ?? '', /event\.text/);
  });

  const endless = 'SECRET'.repeat(4000);
  const unusableOf = (sender: string | null, nativeId: string) => ({
    reason: 'It has more than 20,000 characters.',
    field: 'content.text',
    nativeId,
    sender,
    route: { channel: 'C1' },
    raw: endless,
  });

  it('counts unusable messages against the same rate limit: past it nobody is answered and nothing is kept', async () => {
    const asked: string[] = [];
    stage.allow = (sender) => {
      asked.push(sender);
      return asked.length === 1 ? { verdict: 'go' } : { verdict: 'refuse', tell: false };
    };
    await stage.delivery.deadLetter('slack', unusableOf('U1', 'flood-1'));
    await stage.delivery.deadLetter('slack', unusableOf('U1', 'flood-2'));
    assert.deepEqual(await stage.delivery.ingest([message({ text: endless, nativeId: 'flood-3' })]), [
      'dead',
    ]);
    await stage.delivery.deadLetter('slack', unusableOf('U1', 'flood-1'));
    await until('the word', () => stage.channel.sent.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(stage.channel.sent.length, 1);
    assert.deepEqual(asked, ['U1', 'U1', 'U1']);
    const { rows } = await stage.database.pool.query<{ kept: boolean }>(
      `select raw is not null as kept from messages where state = 'dead' and received_at > now() - interval '9 s'
       order by seq desc limit 3`,
    );
    assert.deepEqual(
      rows.map((entry) => entry.kept),
      [false, false, true],
    );
  });

  it('keeps no text of an unknown sender, usable or not', async () => {
    await stage.delivery.deadLetter('slack', unusableOf('X7', 'unknown-1'));
    await stage.delivery.ingest([message({ sender: 'X7', text: endless, nativeId: 'unknown-2' })]);
    const { rows } = await stage.database.pool.query<{ raw: string | null }>(
      'select raw from messages order by seq desc limit 2',
    );
    assert.deepEqual(rows, [{ raw: null }, { raw: null }]);
  });

  it('hands no click of a program to anybody', async () => {
    const clicks: unknown[] = [];
    stage.delivery.onAction(async (click) => {
      clicks.push(click);
      return null;
    });
    const bot = message({
      event: 'action',
      nativeId: 'cb',
      isBot: true,
      action: { id: 'vote', value: 'dec_1:approve' },
    });
    assert.deepEqual(await stage.delivery.ingest([bot]), ['refused']);
    const person = message({
      event: 'action',
      nativeId: 'cp',
      action: { id: 'vote', value: 'dec_2:approve' },
    });
    await stage.delivery.ingest([person]);
    await until('the click of a person', () => clicks.length > 0);
    assert.deepEqual(
      clicks.map((click) => (click as { value: string }).value),
      ['dec_2:approve'],
    );
  });

  it('hands a click to its handler and never to n8n', async () => {
    const clicks: unknown[] = [];
    stage.delivery.onAction(async (click) => {
      clicks.push(click);
      return { text: 'voted' };
    });
    const click = message({
      event: 'action',
      nativeId: 'c1',
      action: { id: 'vote', value: 'dec_1:approve' },
    });
    assert.deepEqual(await stage.delivery.ingest([click]), ['handled']);
    assert.deepEqual(await stage.delivery.ingest([click]), ['duplicate']);
    await until('the answer', () => stage.texts().includes('voted'));
    assert.deepEqual(clicks, [
      {
        id: 'vote',
        value: 'dec_1:approve',
        principal: 'ann',
        channel: 'slack',
        messageId: 'slack:T1:C1:c1:0',
        identity: { channel: 'slack', account: 'T1', id: 'U1' },
      },
    ]);
    assert.equal(stage.n8n.dispatches.length, 0);
    assert.equal(await stage.stateOf('slack:T1:C1:c1:0'), 'handled');
  });

  it('hands no click of an unknown person to the handler', async () => {
    let called = false;
    stage.delivery.onAction(async () => {
      called = true;
      return null;
    });
    const click = message({ event: 'action', sender: 'X9', action: { id: 'vote', value: 'dec_1:approve' } });
    assert.deepEqual(await stage.delivery.ingest([click]), ['refused']);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(called, false);
  });

  it('dispatches an edit as a revision of its own, and keeps a deletion to itself', async () => {
    const results = await stage.delivery.ingest([
      message({ nativeId: 'e1', text: 'one' }),
      message({ nativeId: 'e1', revision: 1, event: 'edited', text: 'two' }),
      message({ nativeId: 'e1', revision: 2, event: 'deleted', text: '' }),
    ]);
    assert.deepEqual(results, ['accepted', 'accepted', 'handled']);
    await until('two replies', () => stage.channel.sent.length === 2);
    assert.deepEqual(stage.texts(), ['re: one', 're: two']);
  });
});
