import { GatehouseError } from '../config/index.ts';

/** The rules of what may leave, with the code of each. */
const codes = {
  address: 'GH-EGRESS-001',
  method: 'GH-EGRESS-002',
  host: 'GH-EGRESS-003',
  path: 'GH-EGRESS-004',
  scheme: 'GH-EGRESS-005',
  network: 'GH-EGRESS-006',
  redirect: 'GH-EGRESS-007',
  header: 'GH-EGRESS-008',
} as const;
export type EgressRule = keyof typeof codes;

/** A request that was not sent. `code` and `rule` name what forbids it; nothing reached the host that it was for. */
export class EgressRefused extends GatehouseError {
  readonly rule: EgressRule;

  constructor(rule: EgressRule, message: string, options: { field?: string; next?: string } = {}) {
    super(codes[rule], message, { status: 403, ...options });
    this.name = 'EgressRefused';
    this.rule = rule;
  }
}
