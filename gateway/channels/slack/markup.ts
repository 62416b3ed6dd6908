/** Text as a person typed it, and whom it mentions. */
export interface PlainText {
  text: string;
  mentions: string[];
}

/**
 * Undoes Slack's message markup. Links read as they looked when typed; where a label hides another address, both are
 * shown. Names inside markup are the sender's to choose, so mentions read as immutable ids.
 * Source: https://docs.slack.dev/messaging/formatting-message-text#retrieving-messages
 * @param bot our own user id: a mention of it at the start addresses us and is not part of the text
 */
export function undoMarkup(source: string, bot: string | null): PlainText {
  // Most messages have none.
  if (!/[<&]/.test(source)) return { text: source, mentions: [] };
  const mentions: string[] = [];
  const addressed =
    bot === null ? source : source.replace(new RegExp(`^\\s*<@${bot}(?:\\|[^>]*)?>[\\s:,]*`), '');
  const text = addressed.replace(/<([^<>]*)>/g, (_whole, inner: string) => {
    const bar = inner.indexOf('|');
    const target = bar === -1 ? inner : inner.slice(0, bar);
    const label = bar === -1 ? '' : inner.slice(bar + 1);
    if (/^@[A-Z][A-Z0-9]{1,39}$/.test(target)) {
      mentions.push(target.slice(1));
      return target;
    }
    if (target.startsWith('#')) return `#${label || target.slice(1)}`;
    if (target.startsWith('!')) return special(target.slice(1), label);
    return link(target, label);
  });
  return { text: unescapeEntities(text), mentions: [...new Set(mentions)] };
}

function special(target: string, label: string): string {
  const word = target.split('^', 1)[0] ?? '';
  if (label !== '') return label;
  return /^(channel|here|everyone)$/.test(word) ? `@${word}` : target;
}

function link(target: string, label: string): string {
  const bare = (address: string): string =>
    address.replace(/^(https?:\/\/|mailto:|tel:)/, '').replace(/\/$/, '');
  if (label === '') return target.replace(/^(mailto|tel):/, '');
  return bare(target) === bare(label) ? label : `${label} (${target})`;
}

function unescapeEntities(text: string): string {
  return text.replace(
    /&(amp|lt|gt);/g,
    (_whole, name: 'amp' | 'lt' | 'gt') => ({ amp: '&', lt: '<', gt: '>' })[name],
  );
}
