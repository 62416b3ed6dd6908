import { parse } from 'tldts';
import type { OwnWords } from './own-words.ts';

/** What may not leave with a text unless the person who asks typed it. */
export interface Carried {
  /** Hosts that the text names, as addresses or by name. */
  hosts: string[];
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
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}/,
  /\b(?:ghp|gho|ghu|ghs|github_pat|glpat|xox[abprs]|AKIA|ASIA|AIza|hvs)[-_]?[A-Za-z0-9_-]{12,}/,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/,
  /\b(?:pass(?:word|phrase|code)?|secret|api[ _-]?key|access[ _-]?token|pin|otp|security code|verification code)\b\s*(?:is|are|:|=)\s*\S{4,}/i,
];
const cardLike = /(?<![\d.])(?:\d[ -]?){13,19}(?![\d.])/g;
const ibanLike = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g;

/** Reads what a text would carry out, besides what the actor typed themselves. */
export function carriedBy(text: string, words: OwnWords): Carried {
  const typed = (value: string): boolean => words.find(value).length > 0;
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
  return { hosts: [...hosts].slice(0, 20), secret: holdsSecret(text, typed) };
}

/** Whether the name ends in a suffix of the Public Suffix List (publicsuffix.org). */
function isPublic(host: string): boolean {
  const { domain, isIcann, isPrivate } = parse(host, { allowPrivateDomains: true });
  return domain !== null && (isIcann === true || isPrivate === true);
}

function holdsSecret(text: string, typed: (value: string) => boolean): boolean {
  if (secrets.some((form) => form.test(text))) return true;
  const numbers = [...text.matchAll(cardLike), ...text.matchAll(ibanLike)].map(([found]) => found.trim());
  return numbers.some((number) => !typed(number) && (/^[A-Z]/.test(number) || luhn(number)));
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
