import { domainToASCII, domainToUnicode } from 'node:url';
import { refused } from './refused.ts';

/** A mailbox that mail goes to. */
export interface Mailbox {
  /** `local@domain` in ASCII, as the server is told. */
  address: string;
  /** In ASCII. */
  domain: string;
}

// Without % and !, by which old servers pass mail on to somebody else.
const local = /^[A-Za-z0-9#$&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9#$&'*+/=?^_`{|}~-]+)*$/;

/**
 * Reads one plain address (RFC 5321 without quotes and comments). A name beside it, several addresses in one text, anything
 * that ends a line or that only some servers read is refused, because each of them has let mail out to somebody else.
 * @throws GatehouseError `GH-TOOLS-070`
 */
export function mailboxOf(text: unknown): Mailbox {
  const [, name = '', host = ''] =
    /^([^@]{1,64})@([^@]{1,253})$/.exec(typeof text === 'string' ? text : '') ?? [];
  if (!local.test(name)) throw bad(text);
  // What the URL standard takes for a host is more than a domain: it drops characters and reads numbers as addresses.
  if (!/^[\p{L}\p{M}\p{Nd}.-]+$/u.test(host) || host.normalize('NFC') !== host) throw bad(text);
  const domain = domainToASCII(host);
  if (
    !/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[a-z0-9-]*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(
      domain,
    )
  )
    throw bad(text);
  return { address: `${name}@${domain}`, domain };
}

/**
 * A domain as a person should see it: letters beyond ASCII stand beside the name that is really asked for, and those of
 * several scripts, as in a Latin name with one Cyrillic letter, are called so.
 */
export function shownDomain(ascii: string): string {
  const unicode = domainToUnicode(ascii);
  if (unicode === ascii) return ascii;
  const scripts = scriptsOf(unicode);
  const mixed =
    scripts.length > 1 ? `, letters of ${scripts.join(' and ')}` : `, ${scripts.join('')} letters`;
  return `${unicode} (${ascii}${mixed})`;
}

const known = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Hebrew',
  'Arabic',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Cherokee',
];
const patterns = known.map((script) => [script, new RegExp(`\\p{Script=${script}}`, 'u')] as const);

function scriptsOf(text: string): string[] {
  // The name of the country or kind says nothing of who it belongs to.
  const owned = text.slice(0, text.lastIndexOf('.'));
  const found = patterns.filter(([, pattern]) => pattern.test(owned)).map(([script]) => script);
  return found.length > 0 ? found : ['other'];
}

/** Shows what was given, with everything that cannot be seen written out. */
function bad(text: unknown): Error {
  const shown = JSON.stringify(text ?? null)
    .slice(0, 80)
    .replace(/[^\x20-\x7e]/gu, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
  return refused(
    'address',
    `${shown} is not one plain address.`,
    'Write each recipient as name@example.com, without a name.',
  );
}
