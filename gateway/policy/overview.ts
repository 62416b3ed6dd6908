import type { Catalogue, Tool } from '../catalogue/index.ts';
import type { Answering } from './candidate.ts';
import { effectWords } from './effects.ts';
import { noFacts } from './facts.ts';
import { toolFacts } from './judge.ts';
import type { RuleNote } from './rule-notes.ts';
import type { PolicyInput, RunContext, Verdict } from './types.ts';

/** The policy in force, for people to read. */
export interface PolicyOverview {
  version: string;
  rules: RuleNote[];
  roles: string[];
  /** For each tool what the rules say to each role, in the order of `roles`. */
  tools: { name: string; title: string; risk: string; effects: string[] }[];
}

/**
 * Asks the rules in force who may do what: for each role and tool the plainest call there is. It comes from a person whom
 * Gatehouse knows, in a direct message, with values that they typed, for the smallest amount.
 */
export async function whoMayWhat(
  rules: Pick<Answering, 'approvalClass'> & { ask(input: PolicyInput): Promise<Verdict> },
  catalogue: Pick<Catalogue, 'list'>,
  roles: readonly string[],
  now: string,
): Promise<PolicyOverview['tools']> {
  return Promise.all(
    catalogue.list().map(async (tool) => ({
      name: tool.name,
      title: tool.title,
      risk: tool.risk,
      effects: await Promise.all(
        roles.map(async (role) => effectWords(await rules.ask(plainest(tool, somebody(role), rules, now)))),
      ),
    })),
  );
}

/**
 * The tools whose plainest call the rules would let this actor make, at once or after asking: what they do not name is never
 * allowed them.
 */
export async function couldBeAllowed(
  rules: Pick<Answering, 'approvalClass'> & { ask(input: PolicyInput): Promise<Verdict> },
  catalogue: Pick<Catalogue, 'list'>,
  { actor, channel, ingress }: Pick<RunContext, 'actor' | 'channel' | 'ingress'>,
  surroundings: Pick<PolicyInput, 'environment' | 'now'>,
): Promise<Tool[]> {
  const given = { ingress, channel: { kind: channel.kind, visibility: 'dm' }, ...surroundings };
  const asked = catalogue.list().map(async (tool) => {
    const { effect } = await rules.ask({ ...plainest(tool, actor, rules, surroundings.now), ...given });
    return effect === 'deny' ? [] : [tool];
  });
  return (await Promise.all(asked)).flat();
}

function somebody(role: string): PolicyInput['actor'] {
  const standing = role === 'guest' || role === 'owner' ? role : 'member';
  return { principal: 'somebody', display: 'Somebody', roles: [role], groups: [], standing };
}

function plainest(
  tool: Tool,
  actor: PolicyInput['actor'],
  rules: Pick<Answering, 'approvalClass'>,
  now: string,
): PolicyInput {
  const currency = rules.approvalClass(tool.risk)?.from[0]?.currency ?? 'EUR';
  return {
    tool: toolFacts(tool),
    args: {},
    money: tool.money ? { cents: 1, currency } : null,
    leaves: [],
    anchored: true,
    ordered: false,
    undoable: false,
    carried: { hosts: [], secret: false, added: false },
    actor,
    channel: { kind: 'web', visibility: 'dm' },
    ingress: 'session',
    advisory: false,
    standing: false,
    session: noFacts.session,
    recipients: { count: 1, firstTime: [], nobody: false },
    rejectedBefore: false,
    budgets: [],
    uncovered: false,
    environment: 'production',
    now,
    localTime: null,
  };
}
