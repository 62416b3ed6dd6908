import { EgressDenied } from './denied.ts';
import type { EgressRule, EgressUse } from './contract.ts';

const mostUses = 256;

/** What one run did with the proxy. */
export class Uses {
  readonly list: EgressUse[] = [];

  /**
   * Begins a line; its bytes and its end are filled in as they are known.
   * @throws EgressDenied where a run has too many
   */
  begin(to: Pick<EgressRule, 'host' | 'port'>, method: string | null = null): EgressUse {
    if (this.list.length >= mostUses) throw new EgressDenied('too_many');
    const use: EgressUse = {
      host: to.host.slice(0, 253),
      port: to.port,
      method: method === null ? null : method.slice(0, 16),
      path: null,
      status: null,
      sentBytes: 0,
      receivedBytes: 0,
      outcome: 'failed',
      rule: null,
    };
    this.list.push(use);
    return use;
  }

  /** Takes a line back that others say better. */
  drop(use: EgressUse): void {
    this.list.splice(this.list.indexOf(use), 1);
  }
}

/** Notes what refused a use. */
export function refuse(use: EgressUse, rule: string): void {
  use.outcome = 'refused';
  use.rule = rule;
}
