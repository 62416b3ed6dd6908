import { Api } from 'grammy';
import type { AdapterContext, ChannelAdapter, Inbound, RawDelivery } from '../adapter.ts';
import { boundBody, refusedSecret, sameSecret, unauthenticated } from '../failures.ts';
import { fetchVendorFile, readable } from '../files.ts';
import { parseJson, storable } from '../json.ts';
import { requiredSecret } from '../secrets.ts';
import { unusable } from '../unusable.ts';
import { aboutUpdate, parseUpdate, type Bot } from './message.ts';
import { allowedUpdates, pause, Polling } from './polling.ts';
import { asFailure, isWrongToken, sendToTelegram } from './sender.ts';

export interface TelegramOptions extends AdapterContext {
  /** `polling` needs no public address; `webhook` is called by Telegram at `<publicUrl>/channels/telegram`. */
  mode: 'polling' | 'webhook';
  /** Root of the Bot API, `https://api.telegram.org`. */
  apiRoot: string;
  /** Where Telegram reaches the public listener; needed for `webhook`. */
  publicUrl?: string;
}

/** Telegram: one bot, by long polling or by its webhook. Secrets: see `start`. */
export function createTelegram(options: TelegramOptions): ChannelAdapter {
  return new TelegramAdapter(options);
}

class TelegramAdapter implements ChannelAdapter {
  readonly kind = 'telegram';
  readonly #options: TelegramOptions;
  readonly #botToken: () => Promise<string>;
  readonly #webhookSecret: () => Promise<string>;
  #client: { token: string; api: Api } | undefined;
  #bot: Bot = { id: '', username: null };
  readonly #clock: () => Date;
  readonly #stopping = new AbortController();
  #polling: Polling | undefined;
  #registration: Promise<void> = Promise.resolve();

  constructor(options: TelegramOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => new Date());
    this.#botToken = requiredSecret(options, 'telegram/bot-token');
    this.#webhookSecret = requiredSecret(options, 'telegram/webhook-secret');
  }

  account(): string {
    return this.#bot.id;
  }

  async receive(delivery: RawDelivery): Promise<Inbound> {
    boundBody(delivery.body);
    if (this.#options.mode !== 'webhook')
      throw unauthenticated('Telegram is polled here; it has no address to call.');
    // https://core.telegram.org/bots/api#setwebhook: the header is the only proof that Telegram is calling.
    const given = delivery.headers['x-telegram-bot-api-secret-token'] ?? '';
    if (!sameSecret(given, await this.#webhookSecret()))
      throw unauthenticated('The secret token does not match.');
    await this.#api();
    const raw = delivery.body.toString('utf8');
    const parsed = parseJson(delivery.body);
    return 'value' in parsed
      ? parseUpdate(parsed.value, raw, this.#bot, delivery.receivedAt)
      : unusable(parsed, raw, salvage(raw));
  }

  async start(sink: (inbound: Inbound) => Promise<void>): Promise<void> {
    await this.#botToken();
    if (this.#options.mode === 'webhook') await this.#webhookSecret();
    const introduced = await this.#introduce();
    if (this.#options.mode === 'polling') {
      let prepared = false;
      const api = async (): Promise<Api> => {
        const client = await this.#api();
        // While a webhook is set, Telegram refuses to be polled.
        if (!prepared) await client.raw.deleteWebhook({});
        prepared = true;
        if (this.#bot.username === null) await this.#introduce();
        return client;
      };
      this.#polling = new Polling(
        api,
        (update) => this.#pulled(update, sink),
        (error) =>
          this.#options.log.warn(
            { vendor: 'telegram', reason: error instanceof Error ? error.message : 'unknown' },
            'updates could not be pulled or stored; trying again',
          ),
      );
      this.#polling.start();
    } else if (introduced) await this.#register();
    else this.#registration = this.#registerLater();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#polling?.stop();
    await this.#registration;
    this.#polling = undefined;
  }

  async send(
    ...[route, message, previous]: Parameters<ChannelAdapter['send']>
  ): Promise<{ nativeId: string }> {
    return { nativeId: await sendToTelegram(await this.#api(), route, message, previous) };
  }

  async fetchFile(
    ...[source, most]: Parameters<NonNullable<ChannelAdapter['fetchFile']>>
  ): ReturnType<NonNullable<ChannelAdapter['fetchFile']>> {
    const api = await this.#api();
    const file = await api.raw.getFile({ file_id: source.file ?? '' }).catch((error: unknown) => {
      const failure = asFailure(error);
      if (failure.code === 'GH-CHANNEL-005') throw failure;
      return /too big/i.test(failure.message) ? ('too_large' as const) : ('gone' as const);
    });
    if (typeof file === 'string') return { flaw: file };
    const { apiRoot, egress } = this.#options;
    // https://core.telegram.org/bots/api#getfile: the token is part of the address.
    const root = `${new URL(apiRoot).pathname.replace(/\/+$/, '')}/file/bot${await this.#botToken()}`;
    const url = new URL(`${root}/${file.file_path ?? ''}`, apiRoot).href;
    return fetchVendorFile(egress, { vendor: 'Telegram', url, allowed: readable(apiRoot, root), most });
  }

  directRoute(nativeUserId: string): { chat: string; thread: null; replyTo: null } | null {
    // A private chat has the id of its person.
    return /^[1-9]\d{0,15}$/.test(nativeUserId) ? { chat: nativeUserId, thread: null, replyTo: null } : null;
  }

  conversationRoute(nativeId: string): { chat: string; thread: null; replyTo: null } | null {
    // Groups and channels have negative ids.
    return /^-[1-9]\d{0,15}$/.test(nativeId) ? { chat: nativeId, thread: null, replyTo: null } : null;
  }

  async #api(): Promise<Api> {
    const token = await this.#botToken();
    if (this.#client?.token !== token) {
      const apiRoot = this.#options.apiRoot.replace(/\/+$/, '');
      this.#client = { token, api: new Api(token, { apiRoot, timeoutSeconds: 60 }) };
      // The part before the colon is the bot's own id.
      this.#bot = { id: /^\d{1,20}(?=:)/.exec(token)?.[0] ?? '', username: null };
    }
    return this.#client.api;
  }

  /** Learns the bot's name, by which groups address it. @returns false when Telegram cannot be reached */
  async #introduce(): Promise<boolean> {
    const api = await this.#api();
    try {
      const me = await api.raw.getMe();
      this.#bot = { id: String(me.id), username: me.username };
      return true;
    } catch (error) {
      if (isWrongToken(error)) throw refusedSecret('telegram/bot-token', 'Telegram', error);
      this.#options.log.warn(
        { vendor: 'telegram' },
        'Telegram cannot be reached yet; the name of the bot is not known',
      );
      return false;
    }
  }

  /** @throws GatehouseError `GH-CHANNEL-006` when Telegram will not call this address (it wants https) */
  async #register(): Promise<void> {
    const api = await this.#api();
    const url = `${(this.#options.publicUrl ?? '').replace(/\/+$/, '')}/channels/telegram`;
    const secret = await this.#webhookSecret();
    try {
      await api.raw.setWebhook({ url, secret_token: secret, allowed_updates: allowedUpdates });
    } catch (error) {
      throw asFailure(error);
    }
  }

  /** Telegram was away at the start: tells it our address as soon as it is back. */
  async #registerLater(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 1; !signal.aborted; failures += 1) {
      await pause(Math.min(30_000, 500 * 2 ** failures), signal);
      if (signal.aborted) return;
      try {
        if (!(await this.#introduce())) continue;
        await this.#register();
        return;
      } catch (error) {
        this.#options.log.warn(
          { vendor: 'telegram', err: error },
          'the webhook could not be registered; trying again',
        );
      }
    }
  }

  async #pulled(update: unknown, sink: (inbound: Inbound) => Promise<void>): Promise<void> {
    const flaw = storable(update);
    const id = (update as { update_id?: unknown } | null)?.update_id;
    // What is nested too deeply cannot be written out again either.
    const raw = flaw
      ? JSON.stringify({ update_id: Number.isSafeInteger(id) ? id : null })
      : JSON.stringify(update);
    const inbound = flaw
      ? unusable(flaw, raw, aboutUpdate(update))
      : parseUpdate(update, raw, this.#bot, this.#clock());
    await sink(inbound);
    if (inbound.kind !== 'messages' || inbound.ack === undefined) return;
    const { callback_query_id } = inbound.ack as { callback_query_id: string };
    const api = await this.#api();
    // Only a progress ring hangs on it, and Telegram forgets old queries.
    await api.raw.answerCallbackQuery({ callback_query_id }).catch(() => undefined);
  }
}

function salvage(raw: string): ReturnType<typeof aboutUpdate> {
  try {
    return aboutUpdate(JSON.parse(raw));
  } catch {
    return {};
  }
}
