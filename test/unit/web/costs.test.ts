import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { everyDay } from '../../../gateway/web/costs.ts';
import { addRun, question } from './agent-runs.ts';
import { startWeb, type WebStandIn } from './stand-in.ts';
import { visits } from './visit.ts';

let web: WebStandIn;
before(async () => {
  web = await startWeb();
});
after(() => web.stop());
const { get } = visits(() => web);

describe('the page of costs', () => {
  it('says what will be there before there is anything', async () => {
    const { text } = await get('/costs', web.signInAs('requester'));
    assert.match(text, /No model was asked/);
    assert.equal((await get('/costs')).status, 401);
  });

  it('shows people what they used themselves, and all of it to reviewers and administrators', async () => {
    await addRun(web.pool, {}, question('a', { cost: 250_000 }));
    await addRun(web.pool, { principal: 'approver-a', task: 'extract' }, question('b', { cost: 1_000_000 }));
    const own = (await get('/costs', web.signInAs('requester'))).text;
    assert.match(own, /models gave you <strong>1<\/strong> answer for <strong>0\.25 EUR/);
    assert.ok(!own.includes('Alex Approver') && !own.includes('extract') && !own.includes('By person'));
    for (const principal of ['approver-a', 'admin']) {
      const { text } = await get('/costs', web.signInAs(principal));
      assert.match(text, /everybody <strong>2<\/strong> answers for <strong>1\.25 EUR/);
      assert.ok(
        text.includes('Alex Approver') && text.includes('Robin Requester') && text.includes('extract'),
      );
    }
  });

  it('draws bars as long as what they stand for, and tokens where that is wished', async () => {
    const money = (await get('/costs', web.signInAs('admin'))).text;
    assert.match(
      money,
      /class="of">Robin Requester<\/span><span class="value">0\.25 EUR<\/span>[^>]*>.*?<rect\s+width="25"/s,
    );
    const tokens = (await get('/costs?of=tokens', web.signInAs('admin'))).text;
    assert.match(tokens, /812 in, 64 out/);
    assert.doesNotMatch(tokens, /style=/);
  });

  it('shows markup in the names of people and models as text', async () => {
    await addRun(web.pool, { principal: '<img src=x>' }, question('c', { model: '<b>x</b>' }));
    const { text } = await get('/costs', web.signInAs('admin'));
    assert.ok(text.includes('&lt;img src=x&gt;') && !text.includes('<img') && !text.includes('<b>x'));
  });

  it('says what caches saved', async () => {
    const cached = { cached: 1, savedIn: 800, savedOut: 50, savedCost: 250_000 };
    const [, answer] = question('again', { tokens_in: 0, tokens_out: 0, cost: 0, facts: cached });
    await addRun(web.pool, { principal: 'approver-a' }, answer ? [answer] : []);
    const { text } = await get('/costs', web.signInAs('approver-a'));
    assert.match(text, /Caches gave <strong>1<\/strong> answer again.*0\.25 EUR.*850 tokens/s);
    assert.doesNotMatch((await get('/costs', web.signInAs('requester'))).text, /Caches gave/);
  });

  it('has a column for each day, also for those without an answer', () => {
    const saved = { cached: 0, savedTokens: 0, savedCost: 0 };
    const one = { group: '2026-03-01', answers: 1, tokensIn: 1, tokensOut: 1, cost: 7, ...saved };
    const days = everyDay([one], new Date('2026-03-02T00:10:00Z'));
    assert.deepEqual(
      days.map(({ group, cost }) => [group, cost]),
      [
        ['2026-02-23', 0],
        ['2026-02-24', 0],
        ['2026-02-25', 0],
        ['2026-02-26', 0],
        ['2026-02-27', 0],
        ['2026-02-28', 0],
        ['2026-03-01', 7],
        ['2026-03-02', 0],
      ],
    );
  });
});
