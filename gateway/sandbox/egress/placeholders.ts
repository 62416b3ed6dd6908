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
  /** Values that are lent to this run. */
  of(rule: EgressRule): { placeholder: string; value: string } | undefined;
}

/** @throws GatehouseError `GH-SANDBOX-016` for a secret that was sealed with another key or cannot be sent */
export async function placeholders(rules: EgressRules, key: KeyObject): Promise<Placeholders> {
  const env: Record<string, string> = {};
  const lent = new Map<EgressRule, { placeholder: string; value: string }>();
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
    lent.set(rule, { placeholder, value });
  }
  return { env, of: (rule) => lent.get(rule) };
}

/** Whether a text holds a placeholder. */
export const holdsPlaceholder = (text: string): boolean => form.test(text);
