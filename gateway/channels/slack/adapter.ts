import type { WebClient } from '@slack/web-api';
import type { AdapterContext, ChannelAdapter, Inbound, RawDelivery } from '../adapter.ts';
import { boundBody, malformed, refusedSecret, unauthenticated } from '../failures.ts';
import { fetchVendorFile, readable } from '../files.ts';
import { decodeUtf8, notUtf8, parseJsonText, storable } from '../json.ts';
import { requiredSecret } from '../secrets.ts';
import { unusable } from '../unusable.ts';
import { isWrongToken, webClient } from './client.ts';
import { aboutForm, parseInteraction, parseSlashCommand } from './interaction.ts';
import { aboutMessage, parseMessageEvent, slackId } from './message.ts';
import { sendToSlack } from './sender.ts';
import { SocketMode } from './socket.ts';
import { verifySlackSignature } from './verify.ts';

export interface SlackOptions extends AdapterContext {
  /** `socket` needs no public address; `events` is called by Slack at `/channels/slack/*`. */
  mode: 'socket' | 'events';
  /** Root of the Web API, `https://slack.com/api/`. */
  apiUrl: string;
}

/** Slack: one workspace, through Socket Mode or the Events API. Secrets: see `start`. */
export function createSlack(options: SlackOptions): ChannelAdapter {
  return new SlackAdapter(options);
}

class SlackAdapter implements ChannelAdapter {
  readonly kind = 'slack';
  readonly #options: SlackOptions;
  readonly #signingSecret: () => Promise<string>;
  readonly #botToken: () => Promise<string>;
  readonly #appToken: () => Promise<string>;
  readonly #clock: () => Date;
  #client: { token: string; client: WebClient } | undefined;
  #socket: SocketMode | undefined;
  #team = '';
  #self: string | null = null;
  #introduced = false;

  constructor(options: SlackOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => new Date());
    this.#signingSecret = requiredSecret(options, 'slack/signing-secret');
    this.#botToken = requiredSecret(options, 'slack/bot-token');
    this.#appToken = requiredSecret(options, 'slack/app-token');
  }

  account(): string {
    return this.#team;
  }

  async receive(delivery: RawDelivery): Promise<Inbound> {
    boundBody(delivery.body);
    // Without Socket Mode's connection nobody proved anything; its signing secret may not even be set.
    if (this.#options.mode !== 'events') throw unauthenticated('Slack is connected by Socket Mode here.');
    verifySlackSignature(await this.#signingSecret(), delivery);
    if (delivery.path.endsWith('/events')) return this.#event(delivery.body);
    if (delivery.path.endsWith('/interactions')) return this.#form(delivery, 'interaction');
    if (delivery.path.endsWith('/commands')) return this.#form(delivery, 'command');
    throw malformed('There is no such Slack address.');
  }

  async start(sink: (inbound: Inbound) => Promise<void>): Promise<void> {
    const { mode, apiUrl, log } = this.#options;
    await this.#botToken();
    await (mode === 'events' ? this.#signingSecret() : this.#appToken());
    await this.#introduce();
    if (mode !== 'socket') return;
    const socket = new SocketMode({
      apiUrl,
      log,
      appToken: this.#appToken,
      handler: async (frame) => {
        // Parsed without awaiting, so that frames reach the sink in the order in which they came.
        const stored = sink(this.#frame(frame));
        await stored.catch((error: unknown) => {
          log.warn(
            { vendor: 'slack', reason: error instanceof Error ? error.message : 'unknown' },
            'a frame could not be stored; Slack sends it again',
          );
          throw error;
        });
      },
    });
    this.#socket = socket;
    await socket.start(isWrongToken).catch((error: unknown) => {
      throw refusedSecret('slack/app-token', 'Slack', error);
    });
  }

  async stop(): Promise<void> {
    await this.#socket?.stop();
    this.#socket = undefined;
  }

  async send(
    ...[route, message, previous]: Parameters<ChannelAdapter['send']>
  ): Promise<{ nativeId: string }> {
    if (!this.#introduced) await this.#introduce();
    return { nativeId: await sendToSlack(await this.#web(), route, message, previous) };
  }

  async fetchFile(
    ...[source, most]: Parameters<NonNullable<ChannelAdapter['fetchFile']>>
  ): ReturnType<NonNullable<ChannelAdapter['fetchFile']>> {
    const { apiUrl, egress } = this.#options;
    const credentials = { authorization: `Bearer ${await this.#botToken()}` };
    // https://docs.slack.dev/reference/objects/file-object: files lie beside the Web API, at files.slack.com.
    const allowed = readable(apiUrl, '/files-pri', `files.${new URL(apiUrl).host}`);
    return fetchVendorFile(egress, {
      vendor: 'Slack',
      url: source.url ?? '',
      credentials,
      allowed,
      most,
    });
  }

  directRoute(nativeUserId: string): { user: string; channel: null; thread: null } | null {
    const user = nativeUserId.split('/').at(-1) ?? '';
    return slackId.safeParse(user).success ? { user, channel: null, thread: null } : null;
  }

  conversationRoute(nativeId: string): { user: null; channel: string; thread: null } | null {
    return /^[CG]/.test(nativeId) && slackId.safeParse(nativeId).success
      ? { user: null, channel: nativeId, thread: null }
      : null;
  }

  /** Learns which workspace and which bot the token is for. */
  async #introduce(): Promise<void> {
    try {
      const told = await (await this.#web()).auth.test();
      this.#team = told.team_id ?? '';
      this.#self = told.user_id ?? null;
      this.#introduced = true;
    } catch (error) {
      if (isWrongToken(error)) throw refusedSecret('slack/bot-token', 'Slack', error);
      this.#options.log.warn({ vendor: 'slack' }, 'Slack cannot be reached yet; its workspace is not known');
    }
  }

  async #web(): Promise<WebClient> {
    const token = await this.#botToken();
    if (this.#client?.token !== token) {
      this.#client = { token, client: webClient(token, this.#options.apiUrl, this.#options.log) };
    }
    return this.#client.client;
  }

  #event(body: Buffer): Inbound {
    const text = decodeUtf8(body);
    const raw = text ?? body.toString('utf8');
    const parsed = text === null ? notUtf8 : parseJsonText(text);
    if (!('value' in parsed)) return unusable(parsed, raw, salvage(raw));
    const challenge = parsed.value as { type?: unknown; challenge?: unknown } | null;
    if (challenge?.type === 'url_verification') {
      // https://docs.slack.dev/reference/events/url_verification
      return typeof challenge.challenge === 'string'
        ? { kind: 'respond', status: 200, body: { challenge: challenge.challenge } }
        : unusable({ reason: 'The challenge is missing.', field: 'challenge' }, raw);
    }
    return this.#callback(parsed.value, raw);
  }

  #callback(payload: unknown, raw: string): Inbound {
    const { type, event } = (payload ?? {}) as { type?: unknown; event?: unknown };
    if (typeof type !== 'string')
      return unusable({ reason: 'It does not say what it is.', field: 'type' }, raw);
    if (type !== 'event_callback') return { kind: 'ignored', reason: 'type' };
    if (typeof event !== 'object' || event === null || Array.isArray(event)) {
      return unusable({ reason: 'The event is missing.', field: 'event' }, raw);
    }
    const kind = (event as { type?: unknown }).type;
    if (kind !== 'message' && kind !== 'app_mention') return { kind: 'ignored', reason: 'event' };
    return parseMessageEvent(payload, raw, this.#self);
  }

  #form(delivery: RawDelivery, kind: 'interaction' | 'command'): Inbound {
    const raw = delivery.body.toString('utf8');
    const text = decodeUtf8(delivery.body);
    if (text === null) return unusable({ reason: 'The payload is not UTF-8.', field: 'body' }, raw);
    const form = new URLSearchParams(text);
    const fields = Object.fromEntries(form);
    const about = fields.payload === undefined ? aboutForm(fields) : salvage(fields.payload);
    const repeated = [...form.keys()].find((key, index, keys) => keys.indexOf(key) !== index);
    if (repeated !== undefined)
      return unusable({ reason: 'A field of the form stands there twice.', field: repeated }, raw, about);
    // https://docs.slack.dev/interactivity/implementing-slash-commands: Slack probes the certificate so.
    if (fields.ssl_check === '1') return { kind: 'respond', status: 200, body: {} };
    const flaw = storable(fields);
    if (flaw) return unusable(flaw, raw, about);
    if (kind === 'command') return parseSlashCommand(fields, raw, delivery.receivedAt);
    if (fields.payload === undefined)
      return unusable({ reason: 'The payload is missing.', field: 'payload' }, raw);
    const parsed = parseJsonText(fields.payload);
    return 'value' in parsed
      ? parseInteraction(parsed.value, fields.payload, delivery.receivedAt)
      : unusable(parsed, raw, about);
  }

  /** One Socket Mode frame; Slack proved itself by the connection that our app token opened. */
  #frame(text: string): Inbound {
    const parsed = parseJsonText(text);
    if (!('value' in parsed)) return unusable(parsed, text, salvage(text));
    const { type, payload } = parsed.value as { type?: unknown; payload?: unknown };
    if (type === 'events_api') return this.#callback(payload, text);
    if (type === 'interactive') return parseInteraction(payload, text, this.#clock());
    if (type === 'slash_commands') return parseSlashCommand(payload, text, this.#clock());
    return { kind: 'ignored', reason: 'type' };
  }
}

/** What can be told of a payload that failed the strict parser; its sender is told, so nothing more is made of it. */
function salvage(raw: string): ReturnType<typeof aboutMessage> {
  try {
    const value = JSON.parse(raw) as { payload?: unknown } | null;
    const payload = value?.payload ?? value;
    return { ...aboutForm(payload), ...aboutMessage(payload) };
  } catch {
    return {};
  }
}
