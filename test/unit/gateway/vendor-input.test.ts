import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { hostileBodies, type Hostile } from '../../contract/hostile.ts';
import {
  clickPayload,
  editEvent,
  messageEvent,
  nextTs,
  readable,
  slackHeaders,
} from '../../fixtures/slack/index.ts';
import { messageUpdate } from '../../fixtures/telegram/index.ts';
import { gatewayFolder, startGateway, until, type GatewayProcess } from '../../support/gateway.ts';
import { testDatabase, type TestDatabase } from '../../support/postgres.ts';
import {
  signingSecret,
  slackUsers,
  startVendors,
  telegramUsers,
  webhookSecret,
  type Vendors,
} from '../../support/vendors.ts';

/** The real gateway between fake vendors and a real Postgres, while n8n is down. */
describe('what vendors, and others at their addresses, may send', { timeout: 500_000 }, () => {
  let database: TestDatabase;
  let vendors: Vendors;
  let folder: Awaited<ReturnType<typeof gatewayFolder>>;
  let gateway: GatewayProcess;

  before(async () => {
    database = await testDatabase();
    vendors = await startVendors({ slack: 'events', telegram: 'webhook' });
    folder = await gatewayFolder((made) => vendors.prepare(made));
    gateway = await startGateway(folder, { ...vendors.env, GATEHOUSE_DATABASE_URL: database.url });
  });
  after(async () => {
    await gateway?.stop();
    assert.deepEqual(vendors?.slack.problems, []);
    assert.deepEqual(vendors?.telegram.problems, []);
    await vendors?.stop();
    await folder?.remove();
    await database?.drop();
  });

  const base = (): string => gateway.publicUrl.replace('localhost', '127.0.0.1');
  const call = (path: string, body: string | Buffer, headers: Record<string, string>): Promise<Response> =>
    fetch(`${base()}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers,
    });
  const slack = (body: string | Buffer, headers = slackHeaders(signingSecret, body)): Promise<Response> =>
    call('/channels/slack/events', body, headers);
  const telegram = (body: string | Buffer, token = webhookSecret): Promise<Response> =>
    call('/channels/telegram', body, {
      'content-type': 'application/json',
      'x-telegram-bot-api-secret-token': token,
    });
  const stored = async (): Promise<number> =>
    (await database.pool.query('select 1 from messages')).rowCount ?? 0;
  const metric = async (line: RegExp): Promise<number> => {
    const text = await (await fetch(`${gateway.internalUrl}/metrics`)).text();
    return Number(line.exec(text)?.[1] ?? 0);
  };
  const told = (): string[] => [
    ...vendors.slack.posts.map((post) => `${post.text} ${readable(post.blocks)}`),
    ...vendors.telegram.messages.map((message) => message.text),
  ];

  it('answers 401 to what proves nothing, counts it, echoes nothing and stores nothing', async () => {
    const body = JSON.stringify(messageEvent({ user: slackUsers.requester, text: 'canary' }));
    const update = JSON.stringify(messageUpdate({ from: telegramUsers.requester, text: 'canary' }));
    const minutes = (count: number): Record<string, string> =>
      slackHeaders(signingSecret, body, new Date(Date.now() + count * 60_000));
    const forged: [string, () => Promise<Response>][] = [
      ['no signature', () => slack(body, { 'content-type': 'application/json' })],
      ['a wrong signature', () => slack(body, slackHeaders('another', body))],
      [
        'a signature of other bytes',
        () => slack(body.replace('canary', 'Canary'), slackHeaders(signingSecret, body)),
      ],
      ['an old signature', () => slack(body, minutes(-6))],
      ['a future signature', () => slack(body, minutes(6))],
      ['no signature and no JSON', () => slack('canary', { 'content-type': 'text/plain' })],
      ['no token', () => call('/channels/telegram', update, { 'content-type': 'application/json' })],
      ['a wrong token', () => telegram(update, 'canary_of-somebody')],
    ];
    const count = /gatehouse_unauthenticated_total\{surface="slack"\} (\d+)/;
    const before = { stored: await stored(), slack: await metric(count) };
    for (const [name, send] of forged) {
      const answer = await send();
      const text = await answer.text();
      assert.equal(answer.status, 401, name);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/, name);
      assert.doesNotMatch(text, /canary/, name);
    }
    assert.equal(await stored(), before.stored);
    assert.equal(await metric(count), before.slack + 6);
    assert.equal(await metric(/gatehouse_unauthenticated_total\{surface="telegram"\} (\d+)/), 2);
  });

  it('answers 415 to a compressed body, which it does not unpack', async () => {
    for (const encoding of ['br', 'gzip', 'canary']) {
      const answer = await slack('canary', {
        ...slackHeaders(signingSecret, 'canary'),
        'content-encoding': encoding,
      });
      assert.equal(answer.status, 415);
      assert.doesNotMatch(await answer.text(), /canary/);
    }
  });

  it('answers 413 to what is too large, signed or not, before it is looked at', async () => {
    const large = JSON.stringify(
      messageEvent({ user: slackUsers.requester, text: 'canary'.repeat(200_000) }),
    );
    for (const headers of [slackHeaders(signingSecret, large), { 'content-type': 'application/json' }]) {
      const answer = await slack(large, headers);
      assert.equal(answer.status, 413);
      assert.doesNotMatch(await answer.text(), /canary/);
    }
  });

  const mentions = Array.from({ length: 10_000 }, (_, index) => `<@U${String(index).padStart(8, '0')}>`).join(
    ' ',
  );
  // Each with a message of its own: what repeats an id is dropped.
  const hostile = (): Record<string, Hostile> => ({
    ...hostileBodies((text) => messageEvent({ user: slackUsers.requester, text })),
    '10,000 mentions': {
      body: Buffer.from(JSON.stringify(messageEvent({ user: slackUsers.requester, text: mentions }))),
      field: /text$/,
    },
  });
  for (const name of Object.keys(hostile())) {
    const { body, field, untold = false } = hostile()[name] as Hostile;
    it(`answers 200 to Slack for ${name}, keeps it dead with its field, and tells the sender once`, async () => {
      const posts = vendors.slack.posts.length;
      for (let delivery = 1; delivery <= 2; delivery += 1) {
        const answer = await slack(body);
        assert.equal(answer.status, 200);
        assert.equal(await answer.text(), '');
      }
      const { rows } = await database.pool.query<{ field: string; state: string }>(
        `select problem ->> 'field' as field, state from messages where event = 'unusable' order by seq desc limit 1`,
      );
      assert.equal(rows[0]?.state, 'dead');
      assert.match(rows[0].field, field);
      if (untold) return;
      await until('word to the sender', 8000, () => Promise.resolve(vendors.slack.posts.length > posts));
      assert.match(told().join('\n'), new RegExp(`its ${rows[0].field} is not usable`));
      assert.equal(vendors.slack.posts.length, posts + 1, 'a repeat is dropped');
    });
  }

  it('tells a Telegram sender in the same way', async () => {
    const nul = JSON.stringify(messageUpdate({ from: telegramUsers.requester, text: 'canary' })).replace(
      'canary',
      'canary\\u0000',
    );
    assert.equal((await telegram(nul)).status, 200);
    await until('word to the sender', 8000, () =>
      Promise.resolve(
        vendors.telegram.messages.some((message) => /message\.text is not usable/.test(message.text)),
      ),
    );
  });

  it('passes over what is no message: foreign buttons, previews that Slack adds', async () => {
    const before = await stored();
    const ts = nextTs();
    const preview = editEvent({ user: slackUsers.requester, text: 'x', before: 'x', ts });
    delete (preview.event as { message: { edited?: unknown } }).message.edited;
    assert.equal((await slack(JSON.stringify(preview))).status, 200);
    const { message: _message, ...modal } = clickPayload({
      user: slackUsers.requester,
      value: 'v',
      actionId: 'other',
    });
    const form = new URLSearchParams({ payload: JSON.stringify(modal) }).toString();
    const answer = await call('/channels/slack/interactions', form, slackHeaders(signingSecret, form));
    assert.equal(answer.status, 200);
    assert.equal(await stored(), before);
  });

  it('gives a stranger a pairing code, or a refusal where others read along, and keeps nothing that they wrote', async () => {
    const direct = messageEvent({ user: slackUsers.stranger, text: '/balance canary-of-a-stranger' });
    const channel = messageEvent({
      user: slackUsers.stranger,
      text: 'canary-of-a-stranger',
      channel: 'C0GENERAL',
    });
    const update = messageUpdate({ from: telegramUsers.stranger, text: 'canary-of-a-stranger' });
    for (const event of [direct, channel]) assert.equal((await slack(JSON.stringify(event))).status, 200);
    assert.equal((await telegram(JSON.stringify(update))).status, 200);
    await until('two codes and a refusal', 8000, () => {
      const all = told();
      return Promise.resolve(
        all.filter((text) => /pairing code [2-9A-HJ-NP-Z]{8}/.test(text)).length === 2 &&
          all.some((text) => text.includes('I have not read your message')),
      );
    });
    const { rows } = await database.pool.query<{ state: string; whole: string }>(
      `select state, m::text as whole from messages m where m::text like '%STRANGE%' or m::text like '%:303:%'
       union select 'text', m::text from messages m where m::text like '%canary-of-a-stranger%'`,
    );
    assert.equal(rows.filter((row) => row.state === 'refused').length, 3);
    assert.equal(rows.filter((row) => row.state === 'text').length, 0);
    const { rows: turns } = await database.pool.query('select 1 from pgboss.job where state < $1', [
      'completed',
    ]);
    assert.equal(turns.length, 0, 'no workflow gets a turn for it');
  });

  it('keeps the message of somebody known while n8n is down, and /readyz says so', async () => {
    const event = messageEvent({ user: slackUsers.requester, text: '/balance' });
    assert.equal((await slack(JSON.stringify(event))).status, 200);
    const { checks, status } = await gateway.readiness(
      'n8n down',
      (seen) => seen.checks.n8n?.state === 'down',
    );
    assert.equal(status, 503);
    assert.match(checks.n8n?.text ?? '', /Messages wait; nothing is lost/);
    assert.equal(checks.database?.state, 'ok');
    const { rows } = await database.pool.query<{ state: string }>(
      `select state from messages where event = 'command' and principal = 'requester'`,
    );
    assert.match(rows.map((row) => row.state).join(), /^(queued|running)$/);
  });

  it('said nothing of all that in its log', () => {
    assert.doesNotMatch(gateway.said(), /canary/);
  });
});
