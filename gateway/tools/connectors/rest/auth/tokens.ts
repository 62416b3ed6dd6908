import { createHash } from 'node:crypto';

/** A token and how long it is good for. */
export interface Token {
  value: string;
  /** In milliseconds since 1970. */
  expiresAt: number;
}

/** A token that runs out on its way is worth none. */
const marginMs = 60_000;

/**
 * Tokens that were got for a secret. Its key holds the secret's digest, so that only a call to which the very same secret is
 * lent finds one.
 */
export class TokenCache {
  readonly #tokens = new Map<string, Promise<Token>>();

  /** @returns the token, and whether it was there before this call */
  async get(
    owner: unknown,
    secret: string,
    now: number,
    make: () => Promise<Token>,
  ): Promise<{ value: string; cached: boolean }> {
    const key = keyOf(owner, secret);
    const known = await this.#tokens.get(key)?.catch(() => undefined);
    if (known && known.expiresAt - marginMs > now) return { value: known.value, cached: true };
    const made = make();
    this.#tokens.set(key, made);
    try {
      return { value: (await made).value, cached: false };
    } catch (error) {
      this.#tokens.delete(key);
      throw error;
    }
  }

  /** Forgets a token that its vendor does not take any more. */
  forget(owner: unknown, secret: string): void {
    this.#tokens.delete(keyOf(owner, secret));
  }
}

const keyOf = (owner: unknown, secret: string): string =>
  createHash('sha256')
    .update(JSON.stringify([owner, secret]))
    .digest('base64');
