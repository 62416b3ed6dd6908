import { parse } from 'tldts';
import type { OwnWords } from './own-words.ts';

/** What may not leave with a text unless the person who asks typed it. */
export interface Carried {
  /** Hosts that the text names, as addresses or by name. */
  hosts: string[];
  /** Whether it adds figures to what the request says to write. */
  added: boolean;
  /** Whether it holds what looks like a key, a password or the number of a card or an account. */
  secret: boolean;
}

const address = /\b(?:[a-z][a-z0-9+.-]{1,20}:\/\/|www\.)[^\s<>"'`)\]}]+/giu;
const named =
  /(?<![\p{L}\p{N}@._-])(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+\p{L}{2,24}(?::\d+)?(?:\/[^\s<>"'`)\]}]*)?(?![\p{L}\p{N}@-])/giu;
/** They end the names of files as well as of hosts; without a path they are taken for files. */
const fileEndings =
  /\.(?:md|py|sh|rs|zip|mov|pl|ps|ai|app|so|cc|tf|ml|ipynb|docx|java|swift|mk|bz|st|la|vi|pub)$/i;

const secrets = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^]{0,8000}?-----END [A-Z ]*PRIVATE KEY-----)?/,
  /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}/,
  /\b(?:ghp|gho|ghu|ghs|github_pat|glpat|xox[abprs]|AKIA|ASIA|AIza|hvs)[-_]?[A-Za-z0-9_-]{12,}/,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
];
const everySecret = secrets.map((form) => new RegExp(form, 'g'));

/** A text without what has the form of a key; what may be a word, a figure or an account stays. */
export const withoutKeys = (text: string): string =>
  everySecret.reduce((rest, form) => rest.replace(form, '[redacted]'), text);

/** What follows one of these, up to the end of its sentence, may be the credential itself. */
const credentials =
  /\b(?:pass(?:word|phrase|code)?|secret|token|credential|log-?in|pin|otp|(?:api|access|private|signing)[ _-]?key|(?:alarm|door|gate|entry|access|security|verification|authentication|recovery|one-time|login|2fa)[ -]codes?)\b[^\n]{0,60}/gi;
/** No card, account or key is shorter. */
const shortestNumber = 13;
const cardLike = /(?<![\d.])(?:\d[ -]?){13,19}(?![\d.])/g;
const ibanLike = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g;

/** Reads what a text would carry out, besides what the actor typed themselves. */
export function carriedBy(text: string, words: OwnWords): Carried {
  const typed = (value: string): boolean => words.find(value).length > 0;
  return {
    // Neither an address nor a name is written without one of these.
    hosts: /[.:]/.test(text) ? hostsIn(text, typed) : [],
    secret: holdsSecret(text, typed),
    added: words.dictates && addsFigures(text, words),
  };
}

function hostsIn(text: string, typed: (value: string) => boolean): string[] {
  const hosts = new Set<string>();
  for (const [found] of text.matchAll(address)) {
    const link = found.replace(/[.,;:!?]+$/, '');
    if (!typed(link)) hosts.add(URL.parse(/^www\./i.test(link) ? `https://${link}` : link)?.hostname ?? link);
  }
  for (const [found] of text.matchAll(named)) {
    const link = found.replace(/[.,;:!?]+$/, '');
    const host = link.split(/[/:]/)[0] ?? link;
    const file = fileEndings.test(host) && !link.includes('/');
    if (!file && isPublic(host) && !typed(link)) hosts.add(host.toLowerCase());
  }
  return [...hosts].slice(0, 20);
}

/** Names for private use and for examples (RFC 6761, RFC 6762, RFC 7686): they lead somewhere where they are used. */
const reserved = /\.(?:example|test|invalid|local|localhost|internal|onion|home|lan|corp)$/i;

/** Whether the name ends in a suffix of the Public Suffix List (publicsuffix.org). */
function isPublic(host: string): boolean {
  const { domain, isIcann, isPrivate } = parse(host, { allowPrivateDomains: true });
  return domain !== null && (isIcann === true || isPrivate === true || reserved.test(host));
}

function holdsSecret(text: string, typed: (value: string) => boolean): boolean {
  const long = text.length >= shortestNumber;
  // What is told of a credential stands after a word for it.
  if (!long && !/\s/.test(text)) return false;
  if (long && secrets.some((form) => form.test(text))) return true;
  for (const [near] of text.matchAll(credentials)) {
    // A code of digits, or letters and digits mixed: a word or a figure with a unit is neither.
    const words = near
      .split(/\s+/)
      .slice(1)
      .map((word) => word.replace(/^[("'“]+|[)"'”.,;:!?]+$/gu, ''));
    if (
      words.some(
        (word) =>
          (/^\d{4,10}[#*]?$/.test(word) || /^(?=.*\d)(?=.*[A-Za-z])\S{6,}$/.test(word)) && !typed(word),
      )
    )
      return true;
  }
  if (!long) return false;
  const numbers = [...text.matchAll(cardLike), ...text.matchAll(ibanLike)].map(([found]) => found.trim());
  return numbers.some((number) => !typed(number) && (/^[A-Z]/.test(number) || luhn(number)));
}

/** A number of two digits or more that the request does not hold, alone or with a unit: 81k, 4,500, 2026-11-01. */
function addsFigures(text: string, words: OwnWords): boolean {
  return [...text.matchAll(/\d[\d.,:/-]*\d/g)].some(
    ([figure]) => words.find(figure).length === 0 && words.findNumber(figure).length === 0,
  );
}

/** The check digit of payment cards (ISO/IEC 7812-1, annex B). */
function luhn(number: string): boolean {
  const digits = number.replace(/\D/g, '');
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    let digit = Number(digits[digits.length - 1 - index]);
    if (index % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return digits.length >= 13 && sum % 10 === 0;
}
