import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { opaPolicy, wasmPolicyClient, type PolicyClient } from '@ai-sdk/policy-opa';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type * as Toolkit from '@microsoft/agent-governance-sdk';
import { compile } from '../../../../gateway/policy/build.ts';
import { supportedCapabilities } from '../../../../gateway/policy/capabilities.ts';
import { opaProgram } from '../opa.ts';
import {
  argumentsOf,
  currencyName,
  handWritten,
  smallCents,
  toolCount,
  toolName,
  type HandWritten,
  type Outcome,
  type RuleSet,
} from './cases.ts';
import type { Loaded } from './engines.ts';

const { PolicyEngine, ConflictResolutionStrategy } = createRequire(import.meta.url)(
  '@microsoft/agent-governance-sdk',
) as typeof Toolkit;

const kindOf = (tool: string): string => (tool.endsWith('.pay') ? 'payment' : 'read');
const toolsOf = (set: RuleSet): string[] =>
  Array.from({ length: toolCount(set) }, (_tool, index) => toolName(index));

/** Rego as its adapter's documentation writes it, compiled by OPA; tools and limits are data. */
export async function aiSdk(set: RuleSet): Promise<Loaded> {
  const data = {
    tools: Object.fromEntries(toolsOf(set).map((name) => [name, kindOf(name)])),
    unasked: Object.fromEntries(
      Array.from({ length: set.kind === 'data' ? set.count : 1 }, (_limit, index) => [
        currencyName(index),
        index === 0 ? smallCents : 0,
      ]),
    ),
  };
  const client = await wasmPolicyClient({ wasm: await compileRego(agentRego(set)), data });
  const decide = approvalBy(client);
  return {
    async prepare(example, bytes) {
      const { tool, group, money } = example;
      const call = { toolName: tool, toolCallId: 'call_1', input: argumentsOf(example, bytes) };
      const runtimeContext = { group, cents: money?.cents };
      return async () => outcomes[await decide(call, runtimeContext)] ?? 'allow';
    },
  };
}

/** What the SDK does on each status of its adapter; where it does not apply, the tool runs. */
const outcomes: Record<string, Outcome> = {
  approved: 'allow',
  'not-applicable': 'allow',
  'user-approval': 'ask',
  denied: 'deny',
};

/** @returns a function that gives the status which the SDK would act on */
export function approvalBy(
  client: PolicyClient,
): (
  toolCall: { toolName: string; toolCallId: string; input: unknown },
  runtimeContext: object,
) => Promise<string> {
  // Its types are those of the package `ai`, which only a caller of models needs.
  const approve = opaPolicy({ client, path: 'agent/call/decision' }) as unknown as (call: object) => Promise<{
    type: string;
  }>;
  return async (toolCall, runtimeContext) =>
    (await approve({ toolCall, runtimeContext, tools: undefined, toolsContext: {}, messages: [] })).type;
}

function agentRego(set: RuleSet): string {
  const rules = handWritten(set).map((rule) => {
    const into = rule.does === 'deny' ? 'denials' : 'questions';
    return `${into} contains "${rule.name}" if {\n\t${conditions(rule).join('\n\t')}\n}`;
  });
  return [
    'package agent.call',
    'default decision := {"decision": "deny"}',
    `decision := {"decision": "deny", "reason": concat(", ", denials)} if {
	count(denials) > 0
} else := {"decision": "requires-approval", "reason": concat(", ", questions)} if {
	count(questions) > 0
} else := {"decision": "allow"} if {
	data.tools[input.tool.name]
}`,
    `denials contains "not_positive" if input.runtimeContext.cents <= 0
denials contains "unknown_tool" if not data.tools[input.tool.name]`,
    `questions contains "payment" if {
	data.tools[input.tool.name] == "payment"
	not small
}`,
    'small if input.runtimeContext.cents <= data.unasked[input.args.currency]',
    ...rules,
    '',
  ].join('\n\n');

  function conditions(rule: HandWritten): string[] {
    if ('payee' in rule) return [`input.tool.name == "${rule.tool}"`, `input.args.payee == "${rule.payee}"`];
    if ('group' in rule) {
      return [
        'data.tools[input.tool.name] == "payment"',
        `input.runtimeContext.cents > ${rule.aboveCents}`,
        `input.runtimeContext.group == "${rule.group}"`,
      ];
    }
    return [
      `input.tool.name == "${rule.tool}"`,
      `input.args.currency == "${rule.currency}"`,
      `input.runtimeContext.cents >= ${rule.fromCents}`,
    ];
  }
}

/** @param rego one module; `agent/call/decision` is its entrypoint unless another is given */
export async function compileRego(rego: string, entrypoints = ['agent/call/decision']): Promise<Buffer> {
  const work = await mkdtemp(join(tmpdir(), 'gatehouse-bench-rego-'));
  try {
    const program = await opaProgram();
    const capabilities = join(work, 'capabilities.json');
    await writeFile(capabilities, JSON.stringify(await supportedCapabilities(program)));
    await writeFile(join(work, 'policy.rego'), rego);
    return await compile(program, work, { files: ['policy.rego'], entrypoints, capabilities, work });
  } finally {
    await rm(work, { recursive: true });
  }
}

/** A policy document with a rule for each; the strictest has the highest priority. It has no data beside its rules. */
export async function agentGovernance(set: RuleSet): Promise<Loaded> {
  const engine = new PolicyEngine([], ConflictResolutionStrategy.PriorityFirstMatch);
  const pays = `kind == 'payment'`;
  const rules: [name: string, action: Toolkit.PolicyAction, condition: string][] = [
    ['reads', 'allow', `kind == 'read'`],
    ['small', 'allow', `${pays} and currency == 'EUR' and cents <= ${smallCents}`],
    ['large', 'require_approval', `${pays} and cents > ${smallCents}`],
    ['foreign', 'require_approval', `${pays} and currency != 'EUR'`],
    ['not_positive', 'deny', `${pays} and cents < 1`],
    ...handWritten(set).map((rule): [string, Toolkit.PolicyAction, string] => [
      rule.name,
      rule.does === 'deny' ? 'deny' : 'require_approval',
      conditions(rule).join(' and '),
    ]),
  ];
  const priority = { deny: 100, require_approval: 50 } as Record<string, number>;
  engine.loadPolicy({
    name: 'bench',
    rules: rules.map(([name, ruleAction, condition]) => ({
      name,
      condition,
      ruleAction,
      priority: priority[ruleAction] ?? 10,
    })),
    default_action: 'deny',
  });
  const known = new Set(toolsOf(set));
  const said: Record<string, Outcome> = { allow: 'allow', require_approval: 'ask' };
  return {
    async prepare(example, bytes) {
      const { tool, money, group } = example;
      const context = {
        ...argumentsOf(example, bytes),
        tool,
        group,
        cents: money?.cents,
        kind: known.has(tool) ? kindOf(tool) : 'unknown',
      };
      return () => said[engine.evaluatePolicy('requester', context).action] ?? 'deny';
    },
  };

  function conditions(rule: HandWritten): string[] {
    if ('payee' in rule) return [`tool == '${rule.tool}'`, `payee == '${rule.payee}'`];
    if ('group' in rule) return [pays, `cents > ${rule.aboveCents}`, `group == '${rule.group}'`];
    return [`tool == '${rule.tool}'`, `currency == '${rule.currency}'`, `cents >= ${rule.fromCents}`];
  }
}

/**
 * Permits and forbids, parsed once. Cedar knows no question: what only a human may permit is a permit whose id says so. Its
 * data are entities, which the caller picks for each call, so that their number is nothing that it sees.
 */
export async function cedarPolicies(set: RuleSet): Promise<Loaded> {
  const policies: Record<string, string> = {
    'allow-read': permit('resource.kind == "read"'),
    'allow-small': permit(
      `resource.kind == "payment" && context.currency == "EUR" && context.cents <= ${smallCents}`,
    ),
    'ask-payment': permit(
      `resource.kind == "payment" && (context.currency != "EUR" || context.cents > ${smallCents})`,
    ),
    'deny-not-positive': forbid('resource.kind == "payment" && context.cents <= 0'),
    ...Object.fromEntries(
      handWritten(set).map((rule) =>
        rule.does === 'deny'
          ? [`deny-${rule.name}`, forbid(condition(rule))]
          : [`ask-${rule.name}`, permit(condition(rule))],
      ),
    ),
  };
  const id = `bench-${set.kind}-${set.count}`;
  const parsed = cedar.preparsePolicySet(id, { staticPolicies: policies });
  if (parsed.type === 'failure')
    throw new Error(`Cedar refuses the policies: ${JSON.stringify(parsed.errors)}`);
  const known = new Set(toolsOf(set));
  return {
    async prepare(example, bytes) {
      const { tool, money, group } = example;
      const resource = { type: 'Tool', id: tool };
      const call: cedar.StatefulAuthorizationCall = {
        principal: { type: 'Person', id: 'requester' },
        action: { type: 'Action', id: 'call' },
        resource,
        context: {
          ...(argumentsOf(example, bytes) as cedar.Context),
          group,
          ...(money ? { cents: money.cents } : {}),
        },
        entities: known.has(tool) ? [{ uid: resource, attrs: { kind: kindOf(tool) }, parents: [] }] : [],
        preparsedPolicySetId: id,
      };
      return () => cedarOutcome(cedar.statefulIsAuthorized(call)) ?? 'deny';
    },
  };

  function condition(rule: HandWritten): string {
    if ('payee' in rule) return `resource == Tool::"${rule.tool}" && context.payee == "${rule.payee}"`;
    if ('group' in rule) {
      return `resource.kind == "payment" && context.cents > ${rule.aboveCents} && context.group == "${rule.group}"`;
    }
    return `resource == Tool::"${rule.tool}" && context.currency == "${rule.currency}" && context.cents >= ${rule.fromCents}`;
  }
}

const permit = (condition: string): string =>
  `permit(principal, action == Action::"call", resource) when { ${condition} };`;
const forbid = (condition: string): string =>
  `forbid(principal, action == Action::"call", resource) when { ${condition} };`;

/** @returns undefined where Cedar gave no decision */
export function cedarOutcome(answer: cedar.AuthorizationAnswer): Outcome | undefined {
  if (answer.type === 'failure') return undefined;
  const { decision, diagnostics } = answer.response;
  if (decision === 'deny') return 'deny';
  return diagnostics.reason.some((id) => id.startsWith('ask-')) ? 'ask' : 'allow';
}
