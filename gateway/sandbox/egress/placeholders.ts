import { randomBytes, type KeyObject } from 'node:crypto';
import { GatehouseError } from '../../config/index.ts';
import type { EgressRule, EgressRules } from './contract.ts';
import { unseal } from './sealed.ts';

/** Anything that looks like a placeholder, of whichever run. */
const form = /gatehouse-secret-[0-9a-f]{32}/i;

/** The secrets of one run. */
export interface Placeholders {
  /** What the code inside sees: a variable for each, `GATEHOUSE_SECRET_` and its name. */
  env: Record<string, string>;
  /** What is lent to this run for a rule. */
  of(rule: EgressRule): Lent | undefined;
}

/** A secret for one rule. */
export interface Lent {
  placeholder: string;
  value: string;
  /** What an answer must not hold. */
  hidden: string[];
}

/** @throws GatehouseError `GH-SANDBOX-016` for a secret that was sealed with another key or cannot be sent */
export async function placeholders(rules: EgressRules, key: KeyObject): Promise<Placeholders> {
  const env: Record<string, string> = {};
  const lent = new Map<EgressRule, Lent>();
  for (const rule of rules) {
    if (!rule.secret) continue;
    const variable = `GATEHOUSE_SECRET_${rule.secret.name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
    const placeholder = (env[variable] ??= `gatehouse-secret-${randomBytes(16).toString('hex')}`);
    const value = await unseal(key, rule.secret.sealed).catch(() => '');
    if (!/^[\x20-\x7e]+$/.test(value)) {
      throw new GatehouseError('GH-SANDBOX-016', 'A secret of the order cannot be used.', {
        status: 403,
        next: 'Give gateway and runner the same token, and store a secret of plain ASCII.',
      });
    }
    lent.set(rule, { placeholder, value, hidden: hiddenBy(rule.secret.prefix + value, value) });
  }
  return { env, of: (rule) => lent.get(rule) };
}

/**
 * A secret, and for Basic (RFC 7617) also the user with the password and the password alone, which its host knows: as text, as
 * its bytes one letter each, and as JSON of ASCII.
 */
function hiddenBy(sent: string, value: string): string[] {
  const basic = /^basic +([\w+/=-]+)$/i.exec(sent)?.[1];
  const pair = Buffer.from(basic ?? '', 'base64');
  const password = pair.subarray(pair.indexOf(':') + 1);
  const texts = [pair, password].flatMap((bytes) => [bytes.toString('utf8'), bytes.toString('latin1')]);
  const escaped = texts.map((text) =>
    text.replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
  return [...new Set([value, ...texts, ...escaped])].filter((text) => text !== '');
}

/** Whether a text holds a placeholder. */
export const holdsPlaceholder = (text: string): boolean => form.test(text);
