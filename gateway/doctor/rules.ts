import type { Override } from '../policy/index.ts';
import { counted, note, ok, warn, type Finding } from './finding.ts';

/** Rules that were loaded as a start would load them. */
export interface RulesState {
  /** Rule files of `policies/local`. */
  own: readonly string[];
  /** Digest of all that decides. */
  version: string;
  /** What a running gateway decides by, where it was asked. */
  inUse?: string;
}

/** What decides. That sources and binaries agree is part of loading. */
export function rulesFindings({ own, version, inUse }: RulesState): Finding[] {
  return [
    ok('rules', 'The rules and what was built of them belong together.'),
    own.length === 0
      ? ok('own-rules', 'There are no rules of your own.')
      : ok(
          'own-rules',
          `${counted(own.length, 'file')} of your own rules can only tighten it: ${own.join(', ')}.`,
        ),
    inUse === undefined || inUse === version
      ? ok('version', `The policy version is ${short(version)}.`)
      : warn(
          'version',
          `The gateway decides by version ${short(inUse)}, and the files are version ${short(version)}.`,
          'Wait some seconds, or read why it refuses them under The running gateway.',
        ),
  ];
}

const short = (digest: string): string => digest.replace(/^sha256:/, '').slice(0, 12);

const day = 86_400_000;
const soonDays = 14;

/** Who lifted which shipped rule, for what and until when. */
export function overridesFindings(overrides: readonly Override[], now: Date): Finding[] {
  if (overrides.length === 0) return [ok('overrides', 'No shipped rule is lifted.')];
  return overrides.map(({ rule, tools, owner, until, reason }) => {
    const left = Date.parse(until) - now.getTime();
    const last = new Date(Date.parse(until) - day).toISOString().slice(0, 10);
    const what = `${rule} for ${tools?.join(', ') ?? 'all tools'} by ${owner}`;
    const why = `: ${reason}${/[.!?]$/.test(reason) ? '' : '.'}`;
    const remove = `Remove it from policies/overrides.yaml.`;
    if (left <= 0) return warn('overrides', `${what} expired, its last day was ${last}${why}`, remove);
    const text = `${what} is lifted, its last day is ${last}${why}`;
    if (tools === null)
      return warn('overrides', text, 'Name the tools that need it in policies/overrides.yaml.');
    if (left > soonDays * day) return note('overrides', text);
    return warn('overrides', text, `It ends soon: change the rule's cause, or renew it. ${remove}`);
  });
}
