import {
  createSlack,
  createTelegram,
  type AdapterContext,
  type ChannelAdapter,
  type Inbound,
} from './channels/index.ts';
import type { Settings } from './config/index.ts';
import type { Delivery } from './delivery/index.ts';
import type { VendorWebhook } from './server/index.ts';

/**
 * The channels of vendors that are switched on.
 * @param needs.secrets reads a secret of the vault by its name
 */
export function vendorChannels(
  settings: Settings,
  needs: Pick<AdapterContext, 'secrets' | 'egress' | 'log'>,
): ChannelAdapter[] {
  const { slackMode, telegramMode } = settings;
  return [
    ...(slackMode === 'off'
      ? []
      : [createSlack({ mode: slackMode, apiUrl: settings.slackApiUrl, ...needs })]),
    ...(telegramMode === 'off'
      ? []
      : [
          createTelegram({
            mode: telegramMode,
            apiRoot: settings.telegramApiRoot,
            publicUrl: settings.publicUrl,
            ...needs,
          }),
        ]),
  ];
}

/** Only a channel that is switched to webhooks gets its addresses; the others cannot be reached from outside. */
export function vendorWebhooks(settings: Settings, channels: readonly ChannelAdapter[]): VendorWebhook[] {
  const paths: Record<string, string[]> = {
    slack:
      settings.slackMode === 'events'
        ? ['events', 'interactions', 'commands'].map((at) => `/channels/slack/${at}`)
        : [],
    telegram: settings.telegramMode === 'webhook' ? ['/channels/telegram'] : [],
  };
  return channels.flatMap((adapter) => (paths[adapter.kind] ?? []).map((path) => ({ path, adapter })));
}

/** Hands what a channel brought to delivery; what cannot be used goes to the dead letters. */
export function acceptor(delivery: Delivery): (inbound: Inbound, channel: string) => Promise<void> {
  return async (inbound, channel) => {
    if (inbound.kind === 'messages') await delivery.ingest(inbound.messages);
    else if (inbound.kind === 'unusable') {
      const { kind: _kind, ...unusable } = inbound;
      await delivery.deadLetter(channel, unusable);
    }
  };
}
