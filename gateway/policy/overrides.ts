import { join } from 'node:path';
import { z } from 'zod';
import { GatehouseError, readYamlFile } from '../config/index.ts';

/**
 * Rules that no override lifts. Without one of them, a gate that people rely on would not be there at all:
 * - who is asked for: a stranger acts (`actor_unknown`), nobody is there to approve (`nobody_to_ask`);
 * - what a question is about: the amount decides who is asked (`amount_missing`, `amount_not_positive`,
 *   `two_approvers_currency`), and how many of them stands in approvals.yaml (`two_approvers`);
 * - whose words a value is (`value_not_from_requester`, `value_in_other_role`), and what a text carries out
 *   (`text_names_host`, `text_holds_secret`): it is what keeps an injected payee or address from being used, and an attacker
 *   would look for the tool that is exempt;
 * - that a call runs where the gateway holds it to the answer (`advisory_strict`).
 * The kill switch, epochs, grants and unknown tools are no rules, so that no override reaches them.
 */
export const fixedRules: readonly RegExp[] = [
  /^(actor_unknown|guest_reads_public|above_clearance)$/,
  /^budget_(exceeded|currency)$/,
  /^(rejected_before|too_many_asks|read_then_send)$/,
  /^nobody_to_ask$/,
  /^amount_(missing|not_positive)$/,
  /^two_approvers(_currency)?$/,
  /^value_(not_from_requester|in_other_role)$/,
  /^text_(names_host|holds_secret|adds_figures)$/,
  /^advisory_strict$/,
];

const longestDays = 366;
const day = 86_400_000;

const Override = z.strictObject({
  rule: z
    .string()
    .regex(/^[a-z][a-z0-9_]*$/, 'write the code of the rule, such as role_reads_only')
    .refine((code) => !fixedRules.some((fixed) => fixed.test(code)), 'this rule cannot be lifted'),
  tools: z.array(z.string().min(1)).min(1, 'name a tool, or leave the line out for all of them').optional(),
  owner: z.string().min(1),
  expires: z.iso.date('write the last day as YYYY-MM-DD'),
  reason: z.string().trim().min(10, 'say why, in at least ten letters').max(300),
});
const OverridesFile = z.strictObject({ overrides: z.array(Override) });

/** A shipped rule that somebody answers for lifting, until a day is over. */
export interface Override {
  rule: string;
  /** Null: for all tools. */
  tools: string[] | null;
  owner: string;
  reason: string;
  /** The first moment it no longer holds, as the rules' `input.now` is written: the two are compared as text. */
  until: string;
}

/** `overrides.yaml`, and the form of it that the rules read. */
export interface Overrides {
  list: readonly Override[];
  data: Record<string, unknown>;
}

/**
 * Reads what is lifted. Without the file nothing is.
 * @param now an override may last a year from here, no longer
 * @throws GatehouseError `GH-POLICY-017` that names file, line and fault
 */
export async function readOverrides(policiesDir: string, now: Date): Promise<Overrides> {
  const path = join(policiesDir, 'overrides.yaml');
  const file = await readYamlFile(path, OverridesFile);
  if (file === null) return overridesOf([]);
  if (file.faults) throw unusable(file.faults);
  const list = file.value.overrides.map(({ rule, tools, owner, expires, reason }) => ({
    rule,
    tools: tools ?? null,
    owner,
    reason,
    until: new Date(Date.parse(expires) + day).toISOString().replace('.000Z', 'Z'),
  }));
  const tooLong = list.flatMap(({ until }, index) =>
    Date.parse(until) > now.getTime() + longestDays * day
      ? [
          `${path}:${file.lineOf(['overrides', index, 'expires'])}: expires: at most a year from now; renew it then`,
        ]
      : [],
  );
  if (tooLong.length > 0) throw unusable(tooLong);
  return overridesOf(list);
}

function overridesOf(list: Override[]): Overrides {
  const data: Record<string, { tools: string[] | null; owner: string; until: string }[]> = {};
  for (const { rule, tools, owner, until } of list) (data[rule] ??= []).push({ tools, owner, until });
  return { list, data };
}

function unusable(faults: string[]): GatehouseError {
  return new GatehouseError('GH-POLICY-017', `The overrides are not usable:\n  ${faults.join('\n  ')}`, {
    status: 500,
    next: 'Correct the lines named above.',
  });
}
