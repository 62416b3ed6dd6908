import { evaluate, type ErrorRule } from '../../../catalogue/index.ts';
import type { Reason } from '../../../policy/index.ts';
import type { Plan } from './plan.ts';
import type { Reply } from './reply.ts';

/** What an answer that is no success says. */
export interface Verdict {
  outcome: ErrorRule['outcome'];
  reason: Reason;
}

/** What statuses mean where no file says otherwise (RFC 9110, 15.5). */
const usual: (ErrorRule & { status: number })[] = [
  rule(400, 'request_refused', '{title} does not accept the call as it is. Check its values.'),
  rule(401, 'credentials_refused', '{title} does not accept the secret{secret}.'),
  rule(403, 'not_permitted', '{title} does not permit this to the account behind the secret{secret}.'),
  rule(404, 'record_missing', '{title} has no such record, or does not show it to this account.'),
  rule(405, 'not_permitted', '{title} does not permit this here.'),
  rule(409, 'conflict', '{title} says that this conflicts with how things are now.'),
  rule(410, 'record_missing', 'The record is gone from {title}.'),
  rule(
    412,
    'reference_changed',
    'What the call refers to has changed since it was decided, so nothing was done.',
  ),
  rule(422, 'request_refused', '{title} does not accept the call as it is. Check its values.'),
];

function rule(status: number, code: string, text: string): ErrorRule & { status: number } {
  return { status, code, text, outcome: 'failed' };
}

/**
 * Finds what an answer means: by the tool's file, by its API's, by what the status usually means.
 * A status of which nobody knows whether something was done is `unknown`, except for a read.
 */
export function verdictOf({ api, connector, safe, secret }: Plan, reply: Reply): Verdict {
  const rules = [...connector.errors, ...api.errors, ...usual];
  const found = rules.find(({ status, when }) => {
    const fits = Array.isArray(status) ? status.includes(reply.status) : status === reply.status;
    return fits && (when === undefined || evaluate(when, reply.json ?? null) === true);
  });
  const { code, text, outcome } = found ?? unnamed(reply.status, safe);
  const named =
    secret === undefined ? '' : ` ${secret.name}; set another with gatehouse secret set ${secret.name}`;
  const sentence = text.replaceAll('{title}', api.title).replaceAll('{secret}', named);
  return { outcome, reason: { code, text: `${sentence}${detailOf(api, reply)}` } };
}

function unnamed(status: number, safe: boolean): Pick<ErrorRule, 'code' | 'text' | 'outcome'> {
  if (status < 400 && status !== 303) {
    const text = '{title} answered with a redirect, which is not followed.';
    return { code: 'redirect_refused', text, outcome: 'failed' };
  }
  const clear = status !== 303 && status !== 408 && status < 500;
  const text = `{title} answered with the status ${status}.`;
  return {
    code: clear ? 'request_refused' : 'vendor_error',
    text,
    outcome: clear || safe ? 'failed' : 'unknown',
  };
}

/** The vendor's own words, as a quote on one line. */
function detailOf(api: Plan['api'], { json }: Reply): string {
  const said = api.detail === undefined || json === undefined ? null : evaluate(api.detail, json);
  if (typeof said !== 'string' || said.trim() === '') return '';
  const line = said
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .replaceAll('"', '’')
    .trim();
  return ` It says: "${line.length > 200 ? `${line.slice(0, 200)}…` : line}"`;
}
