import { GatehouseError } from '../../config/index.ts';
import type { Leases } from '../../vault/index.ts';
import type { Model } from './file.ts';

/** Why the key of a model cannot be had, and what an administrator does about it. What needs it waits, and goes on by itself. */
export interface Lack {
  code: 'model_key_missing' | 'model_key_unavailable';
  text: string;
  next: string;
}

/** @param error of lending a key @returns null for what is no matter of the key */
export function lackOf(error: unknown): Lack | null {
  if (!(error instanceof GatehouseError)) return null;
  const code = error.code === 'GH-VAULT-008' ? 'model_key_missing' : 'model_key_unavailable';
  return { code, text: error.message, next: error.next ?? 'Run gatehouse doctor.' };
}

/** Looks whether a key that was lacking can be had by now. @returns why not, or null where it can, or none is needed */
export async function stillLacks(leases: Pick<Leases, 'check'>, { at }: Model): Promise<Lack | null> {
  if (at.secret === undefined) return null;
  try {
    await leases.check(at.secret);
    return null;
  } catch (error) {
    const lack = lackOf(error);
    if (lack === null) throw error;
    return lack;
  }
}

/** One sentence for people, and what is to be done. */
export const lackInWords = ({ text, next }: Lack): string =>
  `No model can be asked, because its key cannot be had. ${text} For an administrator: ${next}`;
