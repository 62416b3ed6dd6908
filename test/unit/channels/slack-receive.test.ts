import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSlack, type Inbound } from '../../../gateway/channels/index.ts';
import { createLogger } from '../../../gateway/config/index.ts';
import { createEgress } from '../../../gateway/egress/index.ts';
import { only } from '../../contract/envelope.ts';
import {
  clickPayload,
  editEvent,
  messageEvent,
  nextTs,
  slackHeaders,
  slashFields,
  workspace,
} from '../../fixtures/slack/index.ts';

const secret = 'signing';
const adapter = createSlack({
  mode: 'events',
  apiUrl: 'http://127.0.0.1:9/api/',
  secrets: () => Promise.resolve(secret),
  egress: createEgress(),
  log: createLogger('silent'),
});

function post(path: string, body: string, headers = slackHeaders(secret, body)): Promise<Inbound> {
  return adapter.receive({
    path: `/channels/slack/${path}`,
    headers,
    body: Buffer.from(body),
    receivedAt: new Date(),
  });
}
const event = (payload: unknown): Promise<Inbound> => post('events', JSON.stringify(payload));
const form = (path: string, fields: Record<string, string>): Promise<Inbound> =>
  post(path, new URLSearchParams(fields).toString());

test("Slack's published example of a signature verifies, and only near its own time", async () => {
  // https://docs.slack.dev/authentication/verifying-requests-from-slack
  const body =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
  const example = createSlack({
    mode: 'events',
    apiUrl: 'http://127.0.0.1:9/api/',
    secrets: () => Promise.resolve('8f742231b10e8888abcd99yyyzzz85a5'),
    egress: createEgress(),
    log: createLogger('silent'),
  });
  const at = (seconds: number): Promise<Inbound> =>
    example.receive({
      path: '/channels/slack/commands',
      headers: {
        'x-slack-request-timestamp': '1531420618',
        'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      },
      body: Buffer.from(body),
      receivedAt: new Date((1531420618 + seconds) * 1000),
    });
  assert.deepEqual(only(await at(0)).content.command, { name: 'webhook-collect', words: [] });
  await at(300);
  await at(-300);
  await assert.rejects(at(301), { status: 401 });
  await assert.rejects(at(-301), { status: 401 });
});

test('the challenge of a new address is answered, but only to Slack', async () => {
  const body = JSON.stringify({ type: 'url_verification', token: 'x', challenge: 'abc' });
  assert.deepEqual(await post('events', body), { kind: 'respond', status: 200, body: { challenge: 'abc' } });
  await assert.rejects(post('events', body, slackHeaders('other', body)), { status: 401 });
});

test('a body over a megabyte is 413 before its signature is looked at', async () => {
  await assert.rejects(post('events', 'x'.repeat(1024 * 1024 + 1), {}), {
    status: 413,
    code: 'GH-CHANNEL-003',
  });
});

test('our own messages, other programs and notices of Slack are passed over', async () => {
  const cases = [
    messageEvent({ user: workspace.bot, text: 'our reply' }),
    messageEvent({ user: 'U0ANN', text: 'by an app', extra: { bot_id: 'B0OTHER' } }),
    messageEvent({ user: 'U0ANN', text: 'old style', extra: { subtype: 'bot_message' } }),
    messageEvent({ user: 'U0ANN', text: 'joined', extra: { subtype: 'channel_join' } }),
    { ...messageEvent({ user: 'U0ANN', text: 'x' }), type: 'app_rate_limited' },
  ];
  for (const payload of cases) assert.equal((await event(payload)).kind, 'ignored', JSON.stringify(payload));
});

test('an edit by Slack itself, or by somebody else, is no edit', async () => {
  const ts = nextTs();
  const unfurled = editEvent({
    user: 'U0ANN',
    text: 'see https://x.example',
    before: 'see https://x.example',
    ts,
  });
  assert.equal((await event(unfurled)).kind, 'ignored');
  const foreign = editEvent({ user: 'U0ANN', text: '/pay 9 EUR ACME', before: '/pay 1 EUR ACME', ts });
  const message = (foreign.event as { message: { edited: { user: string } } }).message;
  message.edited.user = 'U0BEN';
  assert.equal((await event(foreign)).kind, 'ignored');
});

test('markup reads as it was typed, and a label cannot hide its address', async () => {
  const text =
    '<@U0BOT0001> ask <@U0BEN> &amp; <#C1|general> see <http://acme.example|acme.example> or <https://evil.example|acme.example> <!here> 1 &lt; 2';
  const { content } = only(await event(messageEvent({ user: 'U0ANN', text, channel: 'C0GENERAL' })));
  assert.equal(
    content.text,
    'ask @U0BEN & #general see acme.example or acme.example (https://evil.example) @here 1 < 2',
  );
  assert.deepEqual(content.mentions, ['U0BEN']);
});

test('an answer in a channel goes into the thread of its message, in a direct message it does not', async () => {
  const ts = nextTs();
  const inChannel = only(await event(messageEvent({ user: 'U0ANN', text: 'hi', channel: 'C0GENERAL', ts })));
  assert.equal(inChannel.route.thread, ts);
  assert.equal(inChannel.channel.visibility, 'public');
  const direct = only(await event(messageEvent({ user: 'U0ANN', text: 'hi' })));
  assert.equal(direct.route.thread, null);
  assert.equal(direct.channel.visibility, 'dm');
});

test('a member of another workspace is nobody of ours, though the id is the same', async () => {
  const payload = messageEvent({
    user: 'U0ANN',
    text: 'hi',
    channel: 'C0GENERAL',
    extra: { user_team: 'T0OTHER' },
  });
  const message = only(await event({ ...payload, is_ext_shared_channel: true }));
  assert.equal(message.sender.nativeId, 'T0OTHER/U0ANN');
  assert.equal(message.channel.visibility, 'external');
  assert.deepEqual(adapter.directRoute('T0OTHER/U0ANN'), { user: 'U0ANN', channel: null, thread: null });
});

test('a slash command is a command, under its own name or behind /gatehouse', async () => {
  const plain = only(
    await form('commands', slashFields({ user: 'U0ANN', command: '/pay', text: '120 EUR ACME x' })),
  );
  const behind = only(
    await form('commands', slashFields({ user: 'U0ANN', command: '/gatehouse', text: 'pay 120 EUR ACME x' })),
  );
  assert.deepEqual(plain.content.command, { name: 'pay', words: ['120', 'EUR', 'ACME', 'x'] });
  assert.deepEqual(behind.content.command, plain.content.command);
  assert.notEqual(plain.message.nativeId, behind.message.nativeId);
  const bare = only(await form('commands', slashFields({ user: 'U0ANN', command: '/gatehouse', text: '' })));
  assert.equal(bare.content.command?.name, 'help');
});

test('only clicks on our own buttons are actions', async () => {
  const click = (payload: Record<string, unknown>): Promise<Inbound> =>
    form('interactions', { payload: JSON.stringify(payload) });
  assert.equal(only(await click(clickPayload({ user: 'U0BEN', value: 'v' }))).content.action?.value, 'v');
  assert.equal((await click(clickPayload({ user: 'U0BEN', value: 'v', actionId: 'link' }))).kind, 'ignored');
  assert.equal((await click({ type: 'shortcut' })).kind, 'ignored');
});

test('a form that says something twice, or nothing, is named by its field', async () => {
  const field = async (inbound: Promise<Inbound>): Promise<string> => {
    const result = await inbound;
    return result.kind === 'unusable' ? result.field : result.kind;
  };
  const slash = new URLSearchParams(slashFields({ user: 'U0ANN', command: '/pay', text: '1' })).toString();
  assert.equal(await field(post('commands', `${slash}&user_id=U0BEN`)), 'user_id');
  assert.equal(await field(post('commands', slash.replace('text=1', 'text=%00'))), 'text');
  assert.equal(await field(post('commands', 'text=1')), 'team_id');
  assert.equal(await field(post('interactions', 'other=1')), 'payload');
  assert.equal(await field(form('interactions', { payload: '{"type":"block_actions"}' })), 'team');
  assert.equal(await field(form('interactions', { payload: '{' })), 'body');
});

test('files are named with their kind and size, and where they are is for the gateway alone', async () => {
  const url = 'https://files.slack.com/files-pri/T1-F1/report.pdf';
  const file = { id: 'F0FILE', mimetype: 'application/pdf', size: 1234 };
  const files = [
    { ...file, name: 'report.pdf', url_private: url },
    { ...file, name: 'report.pdf', mode: 'external', url_private: 'https://evil.example/report.pdf' },
    { ...file, name: 'report.pdf', mode: 'tombstone' },
    file,
  ];
  const message = only(
    await event(messageEvent({ user: 'U0ANN', text: '', extra: { subtype: 'file_share', files } })),
  );
  const named = { mime: 'application/pdf', bytes: 1234, sha256: null, ref: null, nativeId: 'F0FILE' };
  assert.deepEqual(
    message.attachments.map(({ id: _id, ...rest }) => rest),
    [
      { ...named, name: 'report.pdf', source: { url } },
      { ...named, name: '2-report.pdf', flaw: 'elsewhere' },
      { ...named, name: '3-report.pdf', flaw: 'gone' },
      { ...named, flaw: 'name' },
    ],
  );
});
