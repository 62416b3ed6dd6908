import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import {
  createSlack,
  createTelegram,
  type ChannelAdapter,
  type Inbound,
} from '../../gateway/channels/index.ts';
import { createLogger } from '../../gateway/config/index.ts';
import { createEgress } from '../../gateway/egress/index.ts';
import { slackHeaders } from '../fixtures/slack/index.ts';
import { envelopeOf, only } from './envelope.ts';

/** Payloads that vendors really sent; kept beside the repository because they are not ours to publish. */
const folder = resolve(import.meta.dirname, '../../../shared/channel-payloads');
const log = createLogger('silent');
const egress = createEgress();
const secret = 'a-signing-secret';
const secrets = (name: string): Promise<string> =>
  Promise.resolve(name === 'telegram/bot-token' ? '8765336106:AAtoken' : secret);

type Recording = Record<string, Record<string, unknown>>;

function recording(name: string): Recording {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recording;
}

function slack(): ChannelAdapter {
  return createSlack({ mode: 'events', apiUrl: 'http://127.0.0.1:9/api/', secrets, egress, log });
}

function signed(adapter: ChannelAdapter, path: string, body: string): Promise<Inbound> {
  const headers = slackHeaders(secret, body);
  return adapter.receive({
    path: `/channels/slack/${path}`,
    headers,
    body: Buffer.from(body),
    receivedAt: new Date(),
  });
}

/** Recordings hold payloads, lists of them, and notes about the bot. */
function flat([key, value]: [string, unknown]): [string, Record<string, unknown>][] {
  if (Array.isArray(value)) return value.flatMap((entry, index) => flat([`${key}.${index}`, entry]));
  return typeof value === 'object' && value !== null ? [[key, value as Record<string, unknown>]] : [];
}

/** @returns null for what is no payload of Slack */
async function feedSlack(adapter: ChannelAdapter, payload: Record<string, unknown>): Promise<Inbound | null> {
  if (payload.event !== undefined || payload.type === 'url_verification')
    return signed(adapter, 'events', JSON.stringify(payload));
  if (payload.command !== undefined)
    return signed(adapter, 'commands', new URLSearchParams(payload as Record<string, string>).toString());
  if (typeof payload.type !== 'string') return null;
  const form = new URLSearchParams({ payload: JSON.stringify(payload) });
  return signed(adapter, 'interactions', form.toString());
}

/** @returns null for what is no update of Telegram */
async function feedTelegram(
  adapter: ChannelAdapter,
  update: Record<string, unknown>,
): Promise<Inbound | null> {
  if (update.update_id === undefined) return null;
  return adapter.receive({
    path: '/channels/telegram',
    headers: { 'x-telegram-bot-api-secret-token': secret },
    body: Buffer.from(JSON.stringify(update)),
    receivedAt: new Date(),
  });
}

if (!existsSync(folder)) {
  test('recorded vendor payloads are passed over: ../shared/channel-payloads is not here', (t) => {
    t.diagnostic('nothing was checked');
  });
} else {
  test('every recorded payload of Slack and Telegram is a valid envelope or passed over, and no two people share a session', async (t) => {
    const telegram = createTelegram({ mode: 'webhook', apiRoot: 'http://127.0.0.1:9', secrets, egress, log });
    const channels = { slack: slack(), telegram };
    const owners = new Map<string, string>();
    let fed = 0;
    let envelopes = 0;
    for (const name of readdirSync(folder).filter((file) => /(slack|telegram).*\.json$/.test(file))) {
      const kind = name.includes('slack') ? 'slack' : 'telegram';
      for (const [key, payload] of Object.entries(recording(name)).flatMap(flat)) {
        const inbound = await (kind === 'slack' ? feedSlack : feedTelegram)(channels[kind], payload);
        if (inbound === null) continue;
        fed += 1;
        assert.notEqual(inbound.kind, 'unusable', `${name} ${key}: ${JSON.stringify(inbound)}`);
        for (const message of inbound.kind === 'messages' ? inbound.messages : []) {
          envelopes += 1;
          const { subject, data } = envelopeOf(message);
          const { account, conversation } = data.channel;
          const owner = JSON.stringify([kind, account, conversation, data.sender.nativeId]);
          assert.equal(owners.get(subject) ?? owner, owner, `${name} ${key}`);
          owners.set(subject, owner);
          assert.equal(data.sender.principal, null);
        }
      }
    }
    assert.equal(new Set(owners.values()).size, owners.size, 'one person keeps one session');
    assert.ok(envelopes >= 6);
    t.diagnostic(`${fed} payloads, ${envelopes} envelopes, ${owners.size} sessions`);
  });

  test("Slack's recorded mention and follow-up are messages of one sender in one thread", async () => {
    const { mention, followUp } = recording('slack.json');
    const adapter = slack();
    const first = envelopeOf(only(await signed(adapter, 'events', JSON.stringify(mention))));
    const second = envelopeOf(only(await signed(adapter, 'events', JSON.stringify(followUp))));
    assert.equal(first.data.content.text, 'Hey', 'the mention of the bot itself is no text');
    assert.equal(first.time, '2025-12-31T23:48:08.280Z');
    assert.equal(second.data.content.text, 'Hi');
    assert.equal(second.data.channel.thread, first.data.message.nativeId);
    assert.equal(second.subject, first.subject);
    assert.notEqual(second.id, first.id);
  });

  test('the same recorded words of another person are another session', async () => {
    const { mention } = recording('slack.json');
    const adapter = slack();
    const text = JSON.stringify(mention);
    const ann = envelopeOf(only(await signed(adapter, 'events', text)));
    const ben = envelopeOf(
      only(await signed(adapter, 'events', text.replaceAll('U00FAKEUSER1', 'U00FAKEUSER2'))),
    );
    const away = envelopeOf(
      only(await signed(adapter, 'events', text.replaceAll('T00FAKE00AA', 'T00FAKE00ZZ'))),
    );
    assert.equal(new Set([ann.subject, ben.subject, away.subject]).size, 3);
  });

  test("Slack's recorded slash commands are commands; a dialog that was sent is passed over", async () => {
    const { slashCommand, slashCommandWithArgs, viewSubmission } = recording('slash-commands-slack.json');
    const adapter = slack();
    const form = (fields: unknown): string =>
      new URLSearchParams(fields as Record<string, string>).toString();
    const bare = envelopeOf(only(await signed(adapter, 'commands', form(slashCommand))));
    assert.deepEqual(bare.data.content.command, { name: 'test-feedback', words: [] });
    const full = envelopeOf(only(await signed(adapter, 'commands', form(slashCommandWithArgs))));
    assert.deepEqual(full.data.content.command, {
      name: 'test-feedback',
      words: ['some', 'arguments', 'here'],
    });
    const view = new URLSearchParams({ payload: JSON.stringify(viewSubmission) }).toString();
    assert.equal((await signed(adapter, 'interactions', view)).kind, 'ignored');
  });

  test("Telegram's recorded mention and follow-up are messages of one sender", async () => {
    const { mention, followUp } = recording('telegram.json');
    const adapter = createTelegram({ mode: 'webhook', apiRoot: 'http://127.0.0.1:9', secrets, egress, log });
    const envelopes = [];
    for (const update of [mention, followUp]) {
      const inbound = await adapter.receive({
        path: '/channels/telegram',
        headers: { 'x-telegram-bot-api-secret-token': secret },
        body: Buffer.from(JSON.stringify(update)),
        receivedAt: new Date(),
      });
      envelopes.push(envelopeOf(only(inbound)));
    }
    assert.equal(envelopes[1]?.data.content.text, 'how are you');
    assert.match(envelopes[0]?.data.content.text ?? '', /hi$/);
    assert.equal(envelopes[0]?.data.sender.nativeId, '7527593');
    assert.equal(envelopes[0]?.subject, envelopes[1]?.subject);
    assert.notEqual(envelopes[0]?.id, envelopes[1]?.id);
  });
}
