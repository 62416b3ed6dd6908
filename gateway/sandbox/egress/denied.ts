import { EgressRefused } from '../../egress/index.ts';

/** What the proxy refuses, and what to do instead. */
const hows = {
  token: 'Use the proxy as the environment names it: HTTPS_PROXY holds this run’s own token.',
  ip_literal: 'Name the host; addresses are never reached.',
  host: 'Ask for this host in the egress of the call.',
  port: 'Ask for this port of the host in the egress of the call.',
  scheme: 'Use https.',
  protocol: 'Speak TLS to the host.',
  sni: 'Name in the TLS handshake the host that was asked for, without encrypting the name.',
  host_header: 'Send the host that was asked for in the Host header.',
  method: 'Ask for this method in the egress of the call.',
  path: 'Ask for this path in the egress of the call.',
  network: 'The name leads to a private address; the file of the tool has to open that range.',
  upgrade: 'Use plain requests; WebSocket and other upgrades are closed.',
  header: 'Send headers of plain ASCII.',
  address: 'Send a plain https address.',
  placeholder: 'Send a placeholder only to its own host, in its own header, as it was given.',
  credential: 'Leave credentials out of the address; the proxy adds those that the call was granted.',
  size: 'Send less at once.',
  too_many: 'Make fewer requests in one run.',
} as const;
export type EgressDenial = keyof typeof hows;

/** A use that was refused; nothing of it reached the host. */
export class EgressDenied extends Error {
  readonly rule: EgressDenial;

  constructor(rule: EgressDenial) {
    super(`egress_denied: ${rule}`);
    this.name = 'EgressDenied';
    this.rule = rule;
  }
}

/** What the code inside reads. */
export const denial = (rule: EgressDenial): string =>
  JSON.stringify({ code: 'egress_denied', rule, how: hows[rule] });

/** @returns the rule that an error stands for; null for one that is no refusal */
export function ruleOf(error: unknown): EgressDenial | null {
  if (error instanceof EgressDenied) return error.rule;
  return error instanceof EgressRefused && Object.hasOwn(hows, error.rule)
    ? (error.rule as EgressDenial)
    : null;
}
