import type { Outgoing } from '../adapter.ts';
import { refused } from '../failures.ts';
import { parts, withoutMentions } from '../plain-text.ts';
import { actionPrefix } from './interaction.ts';

/** A Block Kit block; only `plain_text` objects, in which Slack reads no markup. */
export interface Block {
  type: 'section' | 'actions';
  text?: PlainText;
  fields?: PlainText[];
  elements?: Button[];
}
interface PlainText {
  type: 'plain_text';
  text: string;
  emoji: false;
}
interface Button {
  type: 'button';
  action_id: string;
  text: PlainText;
  value?: string;
  url?: string;
  style?: 'primary' | 'danger';
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
const limits = {
  section: 3000,
  field: 2000,
  fields: 10,
  label: 75,
  value: 2000,
  blocks: 50,
  notification: 3000,
};

/**
 * Draws a message in Slack's native form.
 * Source: https://docs.slack.dev/reference/block-kit/blocks
 * @returns `text` for notifications, escaped for markup, and the blocks that are shown
 * @throws GatehouseError `GH-CHANNEL-006` for what Slack's limits cannot hold: nothing is cut in silence
 */
export function render(message: Outgoing): { text: string; blocks: Block[] } {
  const text = withoutMentions(`${icons[message.tone ?? 'info']}${message.text}`);
  const blocks: Block[] = parts(text, limits.section)
    .filter((part) => part.trim() !== '')
    .map((part) => ({ type: 'section', text: plain(part) }));
  const fields = (message.facts ?? [])
    .flatMap((fact) => parts(withoutMentions(`${fact.label}\n${fact.value}`), limits.field))
    .map(plain);
  for (let at = 0; at < fields.length; at += limits.fields) {
    blocks.push({ type: 'section', fields: fields.slice(at, at + limits.fields) });
  }
  const elements = buttons(message);
  if (elements.length > 0) blocks.push({ type: 'actions', elements });
  if (blocks.length > limits.blocks) throw refused('Slack', 'too_many_blocks');
  const notification = parts(text, limits.notification);
  return { text: escape(`${notification[0] ?? ''}${notification.length > 1 ? '…' : ''}`), blocks };
}

function buttons(message: Outgoing): Button[] {
  const result: Button[] = (message.buttons ?? []).map((button, index) => {
    if (button.value.length > limits.value) throw refused('Slack', 'button_value_too_long');
    return {
      type: 'button',
      action_id: `${actionPrefix}${index}`,
      text: plain(label(button.label)),
      value: button.value,
      ...(button.style === 'default' ? {} : { style: button.style }),
    };
  });
  const links = [...(message.link ? [message.link] : []), ...(message.links ?? [])];
  for (const [index, link] of links.entries()) {
    // The prefix differs from ours on purpose: Slack reports clicks on links as well, and they are nothing to handle.
    result.push({
      type: 'button',
      action_id: index === 0 ? 'link' : `link${index}`,
      text: plain(label(link.label)),
      url: link.url,
    });
  }
  return result;
}

function label(text: string): string {
  const clean = withoutMentions(text);
  return clean.length <= limits.label ? clean : `${parts(clean, limits.label - 1)[0] ?? ''}…`;
}

function plain(text: string): PlainText {
  return { type: 'plain_text', text, emoji: false };
}

/** Source: https://docs.slack.dev/messaging/formatting-message-text#escaping */
function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
