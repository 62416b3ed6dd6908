import type { Outgoing } from '../channels/index.ts';
import { GatehouseError } from '../config/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { uuidv7 } from '../envelope/index.ts';
import type { FactorNews } from '../factors/index.ts';
import { identityKey, type Identity, type NewLink, type PendingPairing } from '../sessions/index.ts';
import { Loop } from './loop.ts';
import { texts } from './texts.ts';
import type { Click, DeliveryDeps, Notice } from './types.ts';

const pattern = /^link:(yes|no):([0-9A-Z]{4,16})$/;

type Tell = (tx: Transaction, notice: Notice) => Promise<number>;
type LinkingDeps = Pick<DeliveryDeps, 'pool' | 'pairing' | 'factors' | 'log' | 'settings'>;

/**
 * Speaks with people about their identities: asks before a further one is linked to them, and tells all the others
 * once it is. Tells all of them when a second factor is added or taken away. What is said and that it was said are one commit, so that of several gateways one says it.
 */
export class Linking {
  readonly loop: Loop;
  readonly #deps: LinkingDeps;
  readonly #tell: Tell;

  constructor(deps: LinkingDeps, tell: Tell) {
    this.#deps = deps;
    this.#tell = tell;
    this.loop = new Loop(() => this.#pass(), 5000, deps.log);
  }

  /** @returns what the clicker is shown, or null for a click on another button */
  async click(click: Click): Promise<Outgoing | null> {
    const match = pattern.exec(click.value);
    if (!match || !click.identity) return null;
    try {
      const link = await this.answer(match[2] ?? '', click.identity, match[1] === 'yes');
      return texts.linkAnswered(link !== null);
    } catch (error) {
      if (!(error instanceof GatehouseError) || error.status >= 500) throw error;
      return { text: [error.message, error.next].filter(Boolean).join(' '), tone: 'refused' };
    }
  }

  /** @throws GatehouseError as `Pairing.answer` */
  async answer(code: string, by: Identity, yes: boolean): Promise<NewLink | null> {
    const link = await transaction(this.#deps.pool, (tx) => this.#deps.pairing.answer(tx, code, by, yes));
    this.loop.wake();
    return link;
  }

  async #pass(): Promise<void> {
    await transaction(this.#deps.pool, async (tx) => {
      for (const question of await this.#deps.pairing.takeUnasked(tx)) await this.#ask(tx, question);
      for (const link of await this.#deps.pairing.takeUntold(tx)) await this.#announce(tx, link);
      for (const news of await this.#deps.factors.takeNews(tx)) await this.#warn(tx, news);
    });
  }

  async #ask(tx: Transaction, { code, principal, ...sender }: PendingPairing): Promise<void> {
    if (principal === null) return;
    const reached = await this.#tell(tx, {
      principal,
      id: `link:${code}:${principal}`,
      card: `link:${code}`,
      body: texts.linkAsked(code, sender, `${this.#deps.settings.publicUrl}/identities/${code}`),
    });
    if (reached === 0) this.#deps.log.error({ principal }, 'nobody could be asked about a new identity');
  }

  /** Also by accounts that may not vote yet: whoever changed the factor can be using any of the others. */
  async #warn(tx: Transaction, news: FactorNews): Promise<void> {
    const id = `factor:${uuidv7()}`;
    const body = texts.factorChanged(news);
    await this.#tell(tx, { principal: news.principal, id, card: id, body, to: () => true });
  }

  async #announce(tx: Transaction, { principal, channel, account, id }: NewLink): Promise<void> {
    const notice = `linked:${uuidv7()}`;
    const fresh = identityKey(channel, account, id);
    await this.#tell(tx, {
      principal,
      id: notice,
      card: notice,
      body: texts.linked(channel),
      to: (other) => identityKey(other.channel, other.account, other.id) !== fresh,
    });
  }
}
