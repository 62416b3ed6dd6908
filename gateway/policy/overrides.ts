import { join } from 'node:path';
import { z } from 'zod';
import type { NextCatalogue } from '../catalogue/index.ts';
import { GatehouseError, readYamlFile } from '../config/index.ts';
import type { Members } from './approval-classes.ts';
import { liftableCodes } from './rule-notes.ts';

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
  /**
   * Holds those in force against the people: somebody has to answer for each.
   * @throws GatehouseError `GH-POLICY-017` that names file, line and fault
   */
  check(people: Pick<Members, 'get'>): void;
}

/**
 * Reads what is lifted. Without the file nothing is. One that names what is not there would lift nothing, and whoever
 * wrote it would not know; once it has expired, it does no harm, and the doctor shows it.
 * @param now an override may last a year from here, no longer
 * @param catalogue whose tools may be named; without it, nobody looks whether rules and tools are there
 * @throws GatehouseError `GH-POLICY-017` that names file, line and fault
 */
export async function readOverrides(
  policiesDir: string,
  now: Date,
  catalogue?: Pick<NextCatalogue, 'data'>,
): Promise<Overrides> {
  const path = join(policiesDir, 'overrides.yaml');
  const file = await readYamlFile(path, OverridesFile);
  if (file === null) return { list: [], data: {}, check: () => undefined };
  if (file.faults) throw unusable(file.faults);
  const list = file.value.overrides.map(({ rule, tools, owner, expires, reason }) => ({
    rule,
    tools: tools ?? null,
    owner,
    reason,
    until: new Date(Date.parse(expires) + day).toISOString().replace('.000Z', 'Z'),
  }));
  const inForce = ({ until }: Override): boolean => Date.parse(until) > now.getTime();
  const refuse = (faultsOf: (one: Override) => Fault[]): void => {
    const faults = list.flatMap((one, index) =>
      faultsOf(one).map(({ at, text }) => ({ at: ['overrides', index, ...at], text })),
    );
    if (faults.length === 0) return;
    throw unusable(faults.map(({ at, text }) => `${path}:${file.lineOf(at)}: ${at.join('.')}: ${text}`));
  };
  const known = catalogue && {
    rules: await liftableCodes(policiesDir),
    tools: new Set(Object.keys(catalogue.data)),
  };
  refuse((one) => [...tooLong(one, now), ...(known && inForce(one) ? strangers(one, known) : [])]);
  return {
    list,
    data: dataOf(list),
    check: (people) => refuse((one) => (inForce(one) && !people.get(one.owner) ? [nobody(one)] : [])),
  };
}

interface Fault {
  at: (string | number)[];
  text: string;
}

const tooLong = ({ until }: Override, now: Date): Fault[] =>
  Date.parse(until) > now.getTime() + longestDays * day
    ? [{ at: ['expires'], text: 'at most a year from now; renew it then' }]
    : [];

/** What an override can name. */
interface Known {
  /** Codes. */
  rules: ReadonlySet<string>;
  tools: ReadonlySet<string>;
}

const strangers = ({ rule, tools }: Override, known: Known): Fault[] => [
  ...(known.rules.has(rule)
    ? []
    : [
        {
          at: ['rule'],
          text: 'no shipped rule that asks or denies has this code; docs/policy.md lists them',
        },
      ]),
  ...(tools ?? []).flatMap((tool, index) =>
    known.tools.has(tool)
      ? []
      : [{ at: ['tools', index], text: `there is no tool ${tool}; npx gatehouse tools list names them` }],
  ),
];

const nobody = ({ owner }: Override): Fault => ({
  at: ['owner'],
  text: `there is no ${owner} in people.yaml; name the principal of somebody who answers for it`,
});

function dataOf(list: readonly Override[]): Overrides['data'] {
  const data: Record<string, { tools: string[] | null; owner: string; until: string }[]> = {};
  for (const { rule, tools, owner, until } of list) (data[rule] ??= []).push({ tools, owner, until });
  return data;
}

function unusable(faults: string[]): GatehouseError {
  return new GatehouseError('GH-POLICY-017', `The overrides are not usable:\n  ${faults.join('\n  ')}`, {
    status: 500,
    next: 'Correct the lines named above.',
  });
}
