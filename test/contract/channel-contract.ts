import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { ChannelAdapter, Inbound, Outgoing } from '../../gateway/channels/index.ts';
import { GatehouseError } from '../../gateway/config/index.ts';
import { envelopeOf, only } from './envelope.ts';

/** What a vendor's user sees of one message that we sent. */
export interface Shown {
  text: string;
  buttons: string[];
  edits: number;
}

/** How the suite drives one channel. `say` and the others go through the channel's real way in. */
export interface ChannelHarness {
  adapter: ChannelAdapter;
  /** The ids of two people as the vendor gives them. */
  people: readonly [string, string];
  /** A message in a conversation that both people are in, or in their own where the channel has no others. */
  say(person: string, text: string): Promise<Inbound>;
  /** The same delivery twice, as at a vendor's retry. */
  sayTwice(person: string, text: string): Promise<[Inbound, Inbound]>;
  /** Writes `before`, then edits it to `text`. */
  edit?(person: string, before: string, text: string): Promise<[Inbound, Inbound]>;
  click?(person: string, value: string): Promise<Inbound>;
  /** Calls that prove nothing, by what is wrong with them. */
  forgeries: Record<string, () => Promise<unknown>>;
  /** Authentic deliveries that no message can be made of, by name; with the field that has to be named. */
  hostile: Record<string, { deliver: () => Promise<Inbound>; field: RegExp; untold?: boolean }>;
  /** Starts a fresh adapter without any secret; undefined for a channel that has none. */
  startWithoutSecrets?: () => Promise<void>;
  /** A delivery to an adapter without any secret, proved by the empty one. */
  receiveWithoutSecrets?: () => Promise<unknown>;
  /** Whether the vendor shows what we send; the web reads the outbox instead. */
  shown?(): Shown[];
  /** What the vendor's fake found wrong with our calls. */
  problems(): string[];
  stop(): Promise<void>;
}

const card: Outgoing = {
  text: 'Ann asks to pay 120.00 EUR to ACME.',
  facts: [{ label: 'Reference', value: 'invoice-42' }],
  buttons: [
    { label: 'Approve 120.00 EUR', value: 'approve:dec_1', style: 'primary' },
    { label: 'Reject', value: 'reject:dec_1', style: 'danger' },
  ],
  tone: 'waiting',
};

/** What every channel promises, whatever its vendor is like. */
export function channelContract(name: string, create: () => Promise<ChannelHarness>): void {
  describe(`${name} keeps the channel contract`, () => {
    let harness: ChannelHarness;
    before(async () => {
      harness = await create();
    });
    after(async () => {
      await harness.stop();
      assert.deepEqual(harness.problems(), []);
    });

    test('a message becomes a valid envelope with its text, verified and unattributed', async () => {
      const [ann] = harness.people;
      const message = only(await harness.say(ann, 'What is my balance?'));
      const envelope = envelopeOf(message);
      assert.equal(envelope.data.content.text, 'What is my balance?');
      assert.equal(envelope.data.content.command, null);
      assert.equal(envelope.data.event, 'created');
      assert.equal(envelope.data.channel.kind, harness.adapter.kind);
      assert.equal(envelope.data.channel.account, harness.adapter.account());
      assert.equal(envelope.data.sender.nativeId, ann);
      assert.notEqual(envelope.data.trust.ingress, 'none');
      assert.doesNotThrow(() => JSON.stringify(message.route));
    });

    test('a typed command is cut into its words', async () => {
      const message = only(await harness.say(harness.people[0], '/pay 120 EUR ACME invoice-42'));
      assert.deepEqual(message.content.command, { name: 'pay', words: ['120', 'EUR', 'ACME', 'invoice-42'] });
      assert.equal(message.event, 'command');
    });

    test('two people never share a session, and one person keeps theirs', async () => {
      const [ann, ben] = harness.people;
      const sessions = [];
      for (const person of [ann, ben, ann]) {
        sessions.push(envelopeOf(only(await harness.say(person, 'hello'))).subject);
      }
      assert.notEqual(sessions[0], sessions[1]);
      assert.equal(sessions[0], sessions[2]);
    });

    test('a repeated delivery has the id of the first, a new message another', async () => {
      const [ann] = harness.people;
      const [first, again] = await harness.sayTwice(ann, 'once');
      const id = envelopeOf(only(first)).id;
      assert.equal(envelopeOf(only(again)).id, id);
      assert.notEqual(envelopeOf(only(await harness.say(ann, 'once'))).id, id);
    });

    test('an edit is a revision of its message and never runs a command', async (t) => {
      if (!harness.edit) return t.diagnostic('messages of this channel cannot be edited');
      const [before, after] = await harness.edit(harness.people[0], '/pay 1 EUR ACME x', '/pay 9 EUR ACME x');
      const [first, second] = [only(before), only(after)];
      assert.equal(second.event, 'edited');
      assert.equal(second.message.nativeId, first.message.nativeId);
      assert.ok(second.message.revision > first.message.revision);
      assert.equal(second.content.command, null);
      assert.notEqual(envelopeOf(second).id, envelopeOf(first).id);
      assert.equal(envelopeOf(second).subject, envelopeOf(first).subject);
    });

    test('a click carries the value of its button and the id of the clicker', async (t) => {
      if (!harness.click) return t.diagnostic('this channel has no buttons of its own');
      const message = only(await harness.click(harness.people[1], 'approve:dec_1'));
      assert.equal(message.event, 'action');
      assert.equal(message.content.action?.value, 'approve:dec_1');
      assert.equal(envelopeOf(message).data.sender.nativeId, harness.people[1]);
    });

    test('what proves nothing is refused, and nothing of it is repeated', async () => {
      for (const [flaw, call] of Object.entries(harness.forgeries)) {
        await assert.rejects(call(), (error) => {
          assert.ok(error instanceof GatehouseError, flaw);
          assert.equal(error.status, 401, flaw);
          assert.doesNotMatch(`${error.message} ${error.next ?? ''}`, /canary/, flaw);
          return true;
        });
      }
    });

    test('authentic content that cannot be used is named by its field, never thrown, and its sender can be told', async () => {
      for (const [name, { deliver, field, untold = false }] of Object.entries(harness.hostile)) {
        const inbound = await deliver();
        assert.equal(inbound.kind, 'unusable', name);
        assert.match(inbound.field, field, name);
        assert.ok(
          inbound.raw.isWellFormed() && !inbound.raw.includes('\0'),
          `${name}: the raw text can be stored`,
        );
        assert.doesNotMatch(inbound.reason, /canary/, name);
        assert.equal(inbound.route === null, untold, `${name}: somebody can be told`);
        assert.equal((await deliver()).kind, 'unusable', name);
      }
    });

    test('without its secrets it refuses to start', async (t) => {
      if (!harness.startWithoutSecrets) return t.diagnostic('this channel has no secret');
      await assert.rejects(harness.startWithoutSecrets(), {
        code: 'GH-CHANNEL-001',
        next: /gatehouse secret set /,
      });
    });

    test('without its secret it takes nothing, not even what is proved by an empty one', async (t) => {
      if (!harness.receiveWithoutSecrets) return t.diagnostic('nothing calls this channel');
      await assert.rejects(harness.receiveWithoutSecrets(), { code: 'GH-CHANNEL-001' });
    });

    test('an answer is shown once, and its next state is an edit of it', async () => {
      const message = only(await harness.say(harness.people[0], 'pay'));
      const before = harness.shown?.().length ?? 0;
      const { nativeId } = await harness.adapter.send(message.route, card, null);
      const done: Outgoing = { text: 'Paid.', tone: 'done' };
      assert.equal((await harness.adapter.send(message.route, done, nativeId)).nativeId, nativeId);
      assert.equal((await harness.adapter.send(message.route, done, nativeId)).nativeId, nativeId, 'a retry');
      if (!harness.shown) return;
      const shown = harness.shown().slice(before);
      assert.equal(shown.length, 1);
      assert.match(shown[0]?.text ?? '', /Paid\./);
      assert.deepEqual(shown[0]?.buttons, [], 'a decided card has no buttons');
      assert.ok((shown[0]?.edits ?? 0) > 0);
    });

    test('a card shows its facts and buttons', async (t) => {
      if (!harness.shown) return t.diagnostic('the chat page draws cards of the web');
      const message = only(await harness.say(harness.people[0], 'pay'));
      await harness.adapter.send(message.route, card, null);
      const shown = harness.shown().at(-1);
      assert.match(shown?.text ?? '', /120\.00 EUR to ACME[\s\S]*Reference[\s\S]*invoice-42/);
      assert.deepEqual(shown?.buttons, ['approve:dec_1', 'reject:dec_1']);
    });

    test('text calls nobody out and is no markup', async (t) => {
      if (!harness.shown) return t.diagnostic('the chat page escapes what it draws');
      const route = only(await harness.say(harness.people[0], 'x')).route;
      const text =
        '<!channel> @channel @everyone <@U123ABC> @person2 *b* <https://x.example|safe> a&b mail a@b.example';
      await harness.adapter.send(route, { text, facts: [{ label: '@here', value: '<!here>' }] }, null);
      const shown = harness.shown().at(-1)?.text ?? '';
      assert.doesNotMatch(shown, /@(channel|everyone|here|person2)/);
      assert.match(shown.replaceAll('\u2060', ''), /@channel @everyone/, 'it still reads as written');
      assert.match(shown, /a&b mail a@b\.example/);
    });

    test('a long answer arrives whole, half a character does not stop it', async (t) => {
      if (!harness.shown) return t.diagnostic('the chat page reads the outbox');
      const route = only(await harness.say(harness.people[0], 'x')).route;
      const before = harness.shown().length;
      const long = `${'ä😀 word '.repeat(1500)}the end`;
      await harness.adapter.send(route, { text: `${long}\ud83d\0` }, null);
      const text = harness
        .shown()
        .slice(before)
        .map((shown) => shown.text)
        .join('');
      assert.equal(text.replace(/\s+/g, ''), `${long}\ufffd`.replace(/\s+/g, ''));
    });

    test('a person can be reached directly by their immutable id only', async () => {
      const route = harness.adapter.directRoute(harness.people[0]);
      assert.ok(route);
      await harness.adapter.send(route, { text: 'You are asked to decide.' }, null);
      if (harness.adapter.kind !== 'web')
        assert.equal(harness.adapter.directRoute('@ann or ann@example.com'), null);
    });
  });
}
