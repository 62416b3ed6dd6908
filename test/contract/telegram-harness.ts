import { createTelegram, type ChannelAdapter, type Inbound } from '../../gateway/channels/index.ts';
import { createLogger } from '../../gateway/config/index.ts';
import { createEgress } from '../../gateway/egress/index.ts';
import { bot, clickUpdate, editUpdate, FakeTelegram, messageUpdate } from '../fixtures/telegram/index.ts';
import type { ChannelHarness } from './channel-contract.ts';
import { hostileBodies } from './hostile.ts';

const log = createLogger('silent');
const egress = createEgress();
const webhookSecret = 'webhook-secret_1';
const group = { id: -100500, type: 'supergroup', title: 'Team' };

const secrets = (name: string): Promise<string | undefined> =>
  Promise.resolve({ 'telegram/bot-token': bot.token, 'telegram/webhook-secret': webhookSecret }[name]);

/** Telegram by its webhook: each delivery carries the secret token. */
export async function telegramWebhook(): Promise<ChannelHarness> {
  const fake = await new FakeTelegram().start();
  const options = {
    mode: 'webhook',
    apiRoot: fake.apiRoot,
    publicUrl: 'https://gate.example',
    secrets,
    egress,
    log,
  } as const;
  const adapter = createTelegram(options);
  await adapter.start(() => Promise.resolve());
  const receive = (body: Buffer, token: string | undefined): Promise<Inbound> =>
    adapter.receive({
      path: '/channels/telegram',
      headers: { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': token },
      body,
      receivedAt: new Date(),
    });
  const bytes = (update: unknown): Buffer => Buffer.from(JSON.stringify(update));
  const canary = bytes(messageUpdate({ from: 1, text: 'canary' }));
  const hostile = Object.entries(hostileBodies((text) => messageUpdate({ from: 1, text })));
  return {
    ...common(fake, adapter, (update) => receive(bytes(update), webhookSecret)),
    forgeries: {
      'no token': () => receive(canary, undefined),
      'an empty token': () => receive(canary, ''),
      'another token': () => receive(canary, 'webhook-secret_2'),
      'the beginning of the token': () => receive(canary, webhookSecret.slice(0, -1)),
      'the token and more': () => receive(canary, `${webhookSecret}x`),
      'the token of the bot': () => receive(canary, bot.token),
    },
    hostile: {
      ...Object.fromEntries(
        hostile.map(([name, { body, ...expected }]) => [
          name,
          { deliver: () => receive(body, webhookSecret), ...expected },
        ]),
      ),
      ...hostileUpdates((update) => receive(bytes(update), webhookSecret)),
    },
    receiveWithoutSecrets: () =>
      createTelegram({ ...options, secrets: () => Promise.resolve('') }).receive({
        path: '/channels/telegram',
        headers: { 'x-telegram-bot-api-secret-token': '' },
        body: canary,
        receivedAt: new Date(),
      }),
    startWithoutSecrets: () =>
      createTelegram({ ...options, secrets: () => Promise.resolve(undefined) }).start(() =>
        Promise.resolve(),
      ),
  };
}

/** Telegram by long polling: each delivery is an update that we pulled with the bot's token. */
export async function telegramPolling(): Promise<ChannelHarness> {
  const fake = await new FakeTelegram().start();
  const options = { mode: 'polling', apiRoot: fake.apiRoot, secrets, egress, log } as const;
  const adapter = createTelegram(options);
  let take: (inbound: Inbound) => void = () => undefined;
  await adapter.start((inbound) => {
    take(inbound);
    return Promise.resolve();
  });
  const pull = (update: Record<string, unknown>): Promise<Inbound> =>
    new Promise((resolve) => {
      take = resolve;
      fake.push(update);
    });
  return {
    ...common(fake, adapter, pull),
    // Telegram repeats what was not confirmed: the sink fails once.
    sayTwice(person, text) {
      const update = messageUpdate({ from: Number(person), text, chat: group });
      return new Promise((resolve) => {
        take = (first) => {
          take = (second) => resolve([first, second]);
          throw new Error('the store is away');
        };
        fake.push(update);
      });
    },
    forgeries: {
      'a call to the address of the webhook': () =>
        adapter.receive({
          path: '/channels/telegram',
          headers: { 'x-telegram-bot-api-secret-token': webhookSecret },
          body: Buffer.from(JSON.stringify(messageUpdate({ from: 1, text: 'canary' }))),
          receivedAt: new Date(),
        }),
    },
    hostile: hostileUpdates(pull),
    startWithoutSecrets: () =>
      createTelegram({ ...options, secrets: () => Promise.resolve(undefined) }).start(() =>
        Promise.resolve(),
      ),
  };
}

type Common = Pick<
  ChannelHarness,
  'adapter' | 'people' | 'say' | 'sayTwice' | 'edit' | 'click' | 'shown' | 'problems' | 'stop'
>;

function common(
  fake: FakeTelegram,
  adapter: ChannelAdapter,
  deliver: (update: Record<string, unknown>) => Promise<Inbound>,
): Common {
  return {
    adapter,
    people: ['1001', '1002'],
    say: (person, text) => deliver(messageUpdate({ from: Number(person), text, chat: group })),
    async sayTwice(person, text) {
      const update = messageUpdate({ from: Number(person), text, chat: group });
      return [await deliver(update), await deliver(update)];
    },
    async edit(person, before, text) {
      const update = messageUpdate({ from: Number(person), text: before, chat: group });
      return [await deliver(update), await deliver(editUpdate(update, text))];
    },
    click: (person, value) => deliver(clickUpdate(Number(person), value)),
    shown: () =>
      fake.messages.map((message) => ({
        text: message.text,
        buttons: message.keyboard.flat().map((button) => button.callback_data ?? ''),
        edits: message.edits,
      })),
    problems: () => fake.problems,
    async stop() {
      await adapter.stop();
      await fake.stop();
    },
  };
}

function hostileUpdates(
  deliver: (update: Record<string, unknown>) => Promise<Inbound>,
): ChannelHarness['hostile'] {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
  const mention = Array.from({ length: 10_000 }, (_, index) => ({
    type: 'text_mention',
    offset: 0,
    length: 1,
    user: { id: index },
  }));
  const said = (text: string, extra: Record<string, unknown> = {}): Record<string, unknown> =>
    messageUpdate({ from: 1, text, extra });
  const cases: Record<string, [update: () => Record<string, unknown>, field: RegExp, untold?: boolean]> = {
    'a NUL character that was pulled': [() => said('canary \0'), /^message\.text$/],
    'half a surrogate pair that was pulled': [() => said('canary \ud83d'), /^message\.text$/],
    'deep nesting that was pulled': [() => said('canary', { deep: nested(2000) }), /^message\.deep/],
    '10,000 mentions': [() => said('canary', { entities: mention }), /^content\.mentions$/],
    'a chat of an unknown kind': [
      () => messageUpdate({ from: 1, text: 'canary', chat: { id: 1, type: 'cave' } }),
      /^message\.chat\.type$/,
    ],
    'a sender that is a list': [() => said('canary', { from: [] }), /^message\.from/],
    'an edit with a NUL character': [() => editUpdate(said('canary'), 'canary \0'), /^edited_message\.text$/],
    'a click with a value that is a number': [
      () => numbered(clickUpdate(1, 'canary')),
      /^callback_query\.data$/,
    ],
    'a callback without a sender': [
      () => ({ update_id: said('').update_id, callback_query: { id: '1' } }),
      /^callback_query\.from$/,
      true,
    ],
    'a message that is a text': [() => ({ ...said(''), message: 'canary' }), /^message/, true],
  };
  return Object.fromEntries(
    Object.entries(cases).map(([name, [update, field, untold = false]]) => [
      name,
      { deliver: () => deliver(update()), field, untold },
    ]),
  );
}

function numbered(update: Record<string, unknown>): Record<string, unknown> {
  return { ...update, callback_query: { ...(update.callback_query as object), data: 7 } };
}
