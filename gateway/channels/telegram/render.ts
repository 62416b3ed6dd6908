import type { Outgoing } from '../adapter.ts';
import { refused } from '../failures.ts';
import { parts, withoutMentions } from '../plain-text.ts';

interface Button {
  text: string;
  callback_data?: string;
  url?: string;
}

/** Messages to send in order; the first is the card, carries the buttons and is the one that is edited later. */
export interface Drawn {
  texts: string[];
  keyboard: Button[][];
}

const icons = {
  info: '',
  answered: '',
  done: '✅ ',
  waiting: '⏳ ',
  refused: '⛔ ',
  expired: '⌛ ',
  cancelled: '↩️ ',
  failed: '❌ ',
  unknown: '❓ ',
};
/** https://core.telegram.org/bots/api#sendmessage and #inlinekeyboardbutton */
const limits = { text: 4096, callbackBytes: 64, label: 128 };

/**
 * Draws a message as plain text with an inline keyboard. No parse mode is used, so nothing in the text is markup.
 * @throws GatehouseError `GH-CHANNEL-006` for a button value that Telegram cannot hold
 */
export function render(message: Outgoing): Drawn {
  const lines = [`${icons[message.tone ?? 'info']}${message.text}`];
  if (message.facts && message.facts.length > 0) {
    lines.push('', ...message.facts.map((fact) => `${fact.label}: ${fact.value}`));
  }
  const row = (message.buttons ?? []).map((button): Button => {
    if (Buffer.byteLength(button.value) > limits.callbackBytes)
      throw refused('Telegram', 'button_value_too_long');
    return { text: label(button.label), callback_data: button.value };
  });
  const keyboard = row.length > 0 ? [row] : [];
  const links = [...(message.link ? [message.link] : []), ...(message.links ?? [])];
  const open = links.filter((link) => hasPublicHost(link.url));
  if (open.length > 0) keyboard.push(open.map((link) => ({ text: label(link.label), url: link.url })));
  for (const link of links.filter((link) => !open.includes(link)))
    lines.push('', `${link.label}: ${link.url}`);
  const texts = parts(withoutMentions(lines.join('\n')).trim(), limits.text);
  return { texts: texts.length > 0 ? texts : ['…'], keyboard };
}

function label(text: string): string {
  return parts(withoutMentions(text), limits.label)[0] ?? '…';
}

/** Telegram refuses a whole message whose button leads to a host without a dot, such as `localhost`. */
function hasPublicHost(url: string): boolean {
  try {
    return /^[^.]+\..*[a-z]/i.test(new URL(url).hostname);
  } catch {
    return false;
  }
}
