import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSlack, type ChannelAdapter, type Inbound } from '../../../gateway/channels/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { FakeSlack, messageEvent } from '../../fixtures/slack/index.ts';

let fake: FakeSlack;
let adapter: ChannelAdapter | undefined;
beforeEach(async () => {
  fake = await new FakeSlack().start();
});
afterEach(async () => {
  await adapter?.stop();
  adapter = undefined;
  await fake.stop();
  assert.deepEqual(fake.problems, []);
});

function slack(
  mode: 'socket' | 'events' = 'socket',
  tokens: Partial<FakeSlack['tokens']> = {},
): ChannelAdapter {
  const held = { ...fake.tokens, ...tokens };
  const secrets: Record<string, string> = {
    'slack/bot-token': held.bot,
    'slack/app-token': held.app,
    'slack/signing-secret': 's',
  };
  adapter = createSlack({
    mode,
    apiUrl: fake.apiUrl,
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

const hello = messageEvent({ user: 'U0ANN', text: 'hello' });

test('a frame is acknowledged only once it is stored', async () => {
  let store: (() => void) | undefined;
  await slack().start(() => new Promise((resolve) => (store = resolve)));
  let acknowledged = false;
  const pushed = fake.push('events_api', hello).then((result) => (acknowledged = result));
  await until(() => store !== undefined);
  await sleep(50);
  assert.equal(acknowledged, false);
  store?.();
  assert.equal(await pushed, true);
});

test('a frame that cannot be stored is not acknowledged, and the connection lives on', async () => {
  let away = true;
  await slack().start(() => (away ? Promise.reject(new Error('Postgres is away')) : Promise.resolve()));
  assert.equal(await fake.push('events_api', hello, 300), false);
  away = false;
  assert.equal(await fake.push('events_api', hello), true);
});

test('frames of any other shape neither crash the process nor stop the channel', async () => {
  const seen: Inbound[] = [];
  await slack().start((inbound) => {
    seen.push(inbound);
    return Promise.resolve();
  });
  // Slack's own client would throw on each of the first three, and take `close` for its own event.
  for (const payload of [
    null,
    {},
    { event: null },
    { event: { type: 'close' } },
    { type: 'event_callback', event: { type: 'ws_message' } },
  ]) {
    assert.equal(await fake.push('events_api', payload), true, JSON.stringify(payload));
  }
  assert.equal(await fake.push('interactive', null), true);
  assert.equal(await fake.push('slash_commands', []), true);
  await fake.pushText('none', 'no JSON', 50);
  assert.equal(await fake.push('events_api', hello), true);
  assert.equal(seen.at(-1)?.kind, 'messages');
  assert.equal(fake.connections, 1);
});

test('the connection is made anew when Slack recycles it and when the network cuts it', async () => {
  await slack().start(() => Promise.resolve());
  fake.recycle();
  await until(
    () =>
      fake.calls.filter((call) => call === 'apps.connections.open').length === 2 && fake.connections === 1,
  );
  assert.equal(await fake.push('events_api', hello), true);
  fake.cut();
  await until(() => fake.connections === 1);
  assert.equal(await fake.push('events_api', hello), true);
});

test('an outage while it reconnects is waited out', async () => {
  await slack().start(() => Promise.resolve());
  fake.failNext('apps.connections.open', { status: 500 });
  fake.failNext('apps.connections.open', { error: 'invalid_auth' });
  fake.cut();
  await until(
    () =>
      fake.calls.filter((call) => call === 'apps.connections.open').length === 4 && fake.connections === 1,
  );
});

test('stopping ends the connection', async () => {
  const running = slack();
  await running.start(() => Promise.resolve());
  await running.stop();
  await until(() => fake.connections === 0);
});

test('a token that Slack refuses stops the start and is named', async () => {
  await assert.rejects(
    slack('socket', { bot: 'xoxb-wrong' }).start(() => Promise.resolve()),
    {
      code: 'GH-CHANNEL-001',
      message: /slack\/bot-token/,
    },
  );
  await assert.rejects(
    slack('socket', { app: fake.tokens.bot }).start(() => Promise.resolve()),
    {
      code: 'GH-CHANNEL-001',
      message: /slack\/app-token/,
    },
  );
});

test('an answer to a slash command outside the bot’s channels goes to the person directly', async () => {
  const sent = await slack('events').send(
    { channel: 'C0FOREIGN', thread: null, user: 'U0ANN' },
    { text: 'hi' },
    null,
  );
  assert.equal(fake.posts[0]?.channel, 'D0ANN');
  assert.equal(sent.nativeId, `D0ANN:${fake.posts[0]?.ts ?? ''}`);
});

test('a card that is gone is shown anew', async () => {
  const running = slack('events');
  await running.send(
    { channel: 'C0GENERAL', thread: null, user: null },
    { text: 'one' },
    'C0GENERAL:1.000000',
  );
  assert.equal(fake.posts.length, 1);
});

test('Slack’s refusals say whether another try helps', async () => {
  const running = slack('events');
  const route = { channel: 'C0GENERAL', thread: null, user: null };
  const fails = async (answer: Parameters<FakeSlack['failNext']>[1], expected: object): Promise<void> => {
    fake.failNext('chat.postMessage', answer);
    await assert.rejects(running.send(route, { text: 'canary' }, null), (error: Error) => {
      assert.doesNotMatch(JSON.stringify([error, error.cause, error.message]), /canary|xoxb/);
      assert.deepEqual({ ...error, cause: undefined }, { ...error, cause: undefined, ...expected });
      return true;
    });
  };
  await fails({ retryAfter: 7 }, { code: 'GH-CHANNEL-005', retryAfter: 7, status: 503 });
  await fails({ status: 500 }, { code: 'GH-CHANNEL-005', status: 503 });
  await fails({ error: 'internal_error' }, { code: 'GH-CHANNEL-005', status: 503 });
  await fails({ error: 'token_revoked' }, { code: 'GH-CHANNEL-005', status: 503 });
  await fails({ error: 'msg_too_long' }, { code: 'GH-CHANNEL-006', status: 422 });
  await assert.rejects(running.send({}, { text: 'x' }, null), { code: 'GH-CHANNEL-006' });
});
