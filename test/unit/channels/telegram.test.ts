import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTelegram, type ChannelAdapter, type Inbound } from '../../../gateway/channels/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { only } from '../../contract/envelope.ts';
import { bot, clickUpdate, editUpdate, FakeTelegram, messageUpdate } from '../../fixtures/telegram/index.ts';

let fake: FakeTelegram;
let adapter: ChannelAdapter | undefined;
beforeEach(async () => {
  fake = await new FakeTelegram().start();
});
afterEach(async () => {
  await adapter?.stop();
  adapter = undefined;
  await fake.stop();
  assert.deepEqual(fake.problems, []);
});

function telegram(
  mode: 'polling' | 'webhook',
  options: { token?: string; publicUrl?: string } = {},
): ChannelAdapter {
  const secrets: Record<string, string> = {
    'telegram/bot-token': options.token ?? bot.token,
    'telegram/webhook-secret': 'hook',
  };
  adapter = createTelegram({
    mode,
    apiRoot: `${fake.apiRoot}/`,
    publicUrl: options.publicUrl ?? 'https://gate.example',
    secrets: (name) => Promise.resolve(secrets[name]),
    egress: createEgress(),
    log: createLogger('silent'),
  });
  return adapter;
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    assert.ok(tries < 400, 'it did not come to that within 8 seconds');
    await sleep(20);
  }
}

async function webhook(): Promise<(update: unknown) => Promise<Inbound>> {
  const running = telegram('webhook');
  await running.start(() => Promise.resolve());
  return (update) =>
    running.receive({
      path: '/channels/telegram',
      headers: { 'x-telegram-bot-api-secret-token': 'hook' },
      body: Buffer.from(JSON.stringify(update)),
      receivedAt: new Date(),
    });
}

test('an update is confirmed only once it is stored, and comes again until then, in order', async () => {
  const stored: string[] = [];
  let away = true;
  fake.push(messageUpdate({ from: 1, text: 'one' }));
  fake.push(messageUpdate({ from: 1, text: 'two' }));
  fake.webhook = { url: 'https://left.over', secret: 'x' };
  await telegram('polling').start((inbound) => {
    if (away) return Promise.reject(new Error('Postgres is away'));
    stored.push(only(inbound).content.text);
    return Promise.resolve();
  });
  await until(() => fake.calls.filter((call) => call === 'getUpdates').length >= 2);
  assert.equal(fake.pending, 2, 'nothing was confirmed');
  away = false;
  await until(() => fake.pending === 0);
  assert.deepEqual(stored, ['one', 'two']);
  assert.equal(fake.webhook, null, 'a webhook that was left over is removed');
});

test('polling that waits is ended at once by stop', async () => {
  const running = telegram('polling');
  await running.start(() => Promise.resolve());
  await until(() => fake.calls.includes('getUpdates'));
  const began = Date.now();
  await running.stop();
  assert.ok(Date.now() - began < 1000);
});

test('a click is answered, so that the button comes to rest, in both modes', async () => {
  await telegram('polling').start(() => Promise.resolve());
  fake.push(clickUpdate(1, 'approve:dec_1'));
  await until(() => fake.answeredCallbacks.length === 1);
  await adapter?.stop();
  const receive = await webhook();
  const inbound = await receive(clickUpdate(1, 'approve:dec_1'));
  assert.equal(inbound.kind, 'messages');
  assert.equal((inbound.ack as { method: string }).method, 'answerCallbackQuery');
});

test('the webhook is registered with its secret token, also when Telegram was away at the start', async () => {
  fake.failNext('getMe', { code: 502, description: 'Bad Gateway' });
  await telegram('webhook').start(() => Promise.resolve());
  assert.equal(fake.webhook, null);
  await until(() => fake.webhook !== null);
  assert.deepEqual(fake.webhook, { url: 'https://gate.example/channels/telegram', secret: 'hook' });
});

test('an address that Telegram cannot call and a token that it does not know stop the start', async () => {
  await assert.rejects(
    telegram('webhook', { publicUrl: 'http://localhost:8080' }).start(() => Promise.resolve()),
    {
      code: 'GH-CHANNEL-006',
      message: /HTTPS/,
    },
  );
  await assert.rejects(
    telegram('polling', { token: '1:wrong' }).start(() => Promise.resolve()),
    {
      code: 'GH-CHANNEL-001',
      message: /telegram\/bot-token/,
    },
  );
});

test('ids that several people share, and other bots, are passed over', async () => {
  const receive = await webhook();
  const group = { id: -100, type: 'supergroup', title: 'g' };
  const cases = [
    messageUpdate({ from: 1087968824, text: 'as the group', chat: group, extra: { sender_chat: group } }),
    messageUpdate({
      from: 777000,
      text: 'of the linked channel',
      chat: group,
      extra: { sender_chat: { id: -200 } },
    }),
    messageUpdate({ from: bot.id, text: 'a bot' }),
    messageUpdate({ from: 1, text: '/pay@other_bot 1 EUR ACME x', chat: group }),
    { update_id: 9, channel_post: { message_id: 1 } },
    messageUpdate({ from: 1, text: '', extra: { text: undefined, new_chat_title: 'x' } }),
  ];
  for (const update of cases) assert.equal((await receive(update)).kind, 'ignored', JSON.stringify(update));
});

test('what a person forwards or lets another bot write is not their command', async () => {
  const receive = await webhook();
  const text = '/pay 5000 EUR Mallory now';
  for (const extra of [{ forward_origin: { type: 'user' } }, { via_bot: { id: 5, is_bot: true } }]) {
    const message = only(await receive(messageUpdate({ from: 1, text, extra })));
    assert.equal(message.content.command, null);
    assert.equal(message.content.text, `> ${text}`);
  }
  const quote = { type: 'blockquote', offset: 4, length: 9 };
  const [message] = [
    only(
      await receive(messageUpdate({ from: 1, text: 'fyi\nsend\nall!\nok?', extra: { entities: [quote] } })),
    ),
  ];
  assert.equal(message.content.text, 'fyi\n> send\n> all!\nok?');
  assert.equal(
    only(await receive(messageUpdate({ from: 1, text: '/pay@Gatehouse_bot 1 EUR A b' }))).content.command
      ?.name,
    'pay',
  );
});

test('two edits within one second are two revisions, and the repeat of one is none', async () => {
  const receive = await webhook();
  const update = messageUpdate({ from: 1, text: 'a' });
  const [one, two] = [editUpdate(update, 'b'), editUpdate(update, 'c')];
  const revisions = [];
  for (const each of [one, two, one]) revisions.push(only(await receive(each)).message.revision);
  assert.ok((revisions[0] ?? 0) < (revisions[1] ?? 0));
  assert.equal(revisions[2], revisions[0]);
});

test('a private address is written out, because Telegram refuses a button to it', async () => {
  const running = telegram('webhook');
  const route = { chat: '1', thread: null, replyTo: null };
  await running.send(
    route,
    { text: 'Decide.', link: { label: 'Open', url: 'http://localhost:8080/approvals/1' } },
    null,
  );
  await running.send(
    route,
    { text: 'Decide.', link: { label: 'Open', url: 'https://gate.example/approvals/1' } },
    null,
  );
  assert.match(fake.messages[0]?.text ?? '', /Open: http:\/\/localhost:8080\/approvals\/1/);
  assert.equal(fake.messages[1]?.keyboard[0]?.[0]?.url, 'https://gate.example/approvals/1');
});

test('Telegram’s refusals say whether another try helps, and tell neither text nor token', async () => {
  const running = telegram('webhook');
  const route = { chat: '1', thread: null, replyTo: null };
  const fails = async (expected: object): Promise<void> => {
    await assert.rejects(running.send(route, { text: 'canary' }, null), (error: Error) => {
      assert.doesNotMatch(
        JSON.stringify([error, error.cause, error.message, String(error.cause)]),
        /canary|AAfake/,
      );
      assert.deepEqual({ ...error, cause: undefined }, { ...error, cause: undefined, ...expected });
      return true;
    });
  };
  fake.failNext('sendMessage', { code: 429, description: 'Too Many Requests', retryAfter: 9 });
  await fails({ code: 'GH-CHANNEL-005', retryAfter: 9, status: 503 });
  fake.failNext('sendMessage', { code: 403, description: 'Forbidden: bot was blocked by the user' });
  await fails({ code: 'GH-CHANNEL-006', status: 422 });
  fake.failNext('sendMessage', { code: 500, description: 'Internal' });
  await fails({ code: 'GH-CHANNEL-005', status: 503 });
  const value = 'x'.repeat(65);
  await assert.rejects(
    running.send(route, { text: 'x', buttons: [{ label: 'a', value, style: 'default' }] }, null),
    { code: 'GH-CHANNEL-006' },
  );
  await fake.stop();
  await fails({ code: 'GH-CHANNEL-005', status: 503 });
  fake = await new FakeTelegram().start();
});
