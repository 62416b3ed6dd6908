import type { Builtin } from './builtin.ts';
import { net } from './net.ts';
import { regex } from './regex.ts';
import { semver } from './semver.ts';
import { strings } from './strings.ts';
import { time } from './time.ts';

/** Built-ins that the SDK lacks. Each answers as OPA itself does; a test compares them on random arguments. */
export const builtins: Readonly<Record<string, Builtin>> = {
  ...net,
  ...regex,
  ...semver,
  ...strings,
  ...time,
};

/**
 * Built-ins that rules could use and that answer otherwise in wasm than in OPA, at least at the edges: `to_number("08")` is a
 * number in one and undefined in the other, and `replace` of nothing never ends. Rules cannot use them.
 */
export const unlike: readonly string[] = [
  'base64.decode',
  'base64url.decode',
  'indexof',
  'json.is_valid',
  'json.marshal',
  'json.unmarshal',
  'rand.intn',
  'regex.is_valid',
  'replace',
  'sprintf',
  'to_number',
  'yaml.is_valid',
  'yaml.marshal',
  'yaml.unmarshal',
];

const hints: readonly [prefix: string, hint: string][] = [
  ['time.now_ns', 'Rules read no clock: use time.parse_rfc3339_ns(input.now).'],
  ['time.', 'There are parse_rfc3339_ns, parse_duration_ns, date, clock, weekday, add_date and diff.'],
  ['http.send', 'Rules call nothing: what they need is passed in with the input.'],
  ['net.lookup_ip_addr', 'Rules call nothing: what they need is passed in with the input.'],
  ['net.', 'There are cidr_contains, cidr_intersects and cidr_is_valid.'],
  ['sprintf', 'Use concat, and format_int for numbers.'],
  ['json.', 'Values are compared as they are; arguments arrive as JSON.'],
  ['indexof', 'Use contains, startswith or regex.match.'],
  ['replace', 'Use strings.replace_n({"old": "new"}, text).'],
  ['to_number', 'Amounts are whole cents in input.money; times have time.clock and time.date.'],
  ['rand.', 'The same call gets the same decision: rules use no chance.'],
  ['uuid.', 'The same call gets the same decision: rules use no chance.'],
  ['regex.', 'There are match, find_all_string_submatch_n and replace.'],
  ['io.jwt.', 'Who sent a message was verified before; see input.actor.'],
  ['opa.runtime', 'Rules see the input and the data, and nothing of the machine.'],
];

/** What to use instead of a built-in that rules do not have. */
export const hintFor = (name: string): string =>
  hints.find(([prefix]) => name.startsWith(prefix))?.[1] ?? 'docs/policy.md lists what there is.';
