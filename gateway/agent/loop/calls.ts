import { GatehouseError } from '../../config/index.ts';
import type { Outcome } from '../../approvals/index.ts';
import type { Execution } from '../../tools/index.ts';
import { exceededBudget, reserve } from '../../policy/index.ts';
import { chargesFor, shortInWords } from '../budgets.ts';
import { storable } from '../text.ts';
import type { NewStep } from '../types.ts';
import { argsOf, beginning } from './begin.ts';
import { nextNumber, write, type Held } from './held.ts';
import { tellExecution, tellOutcome, tellRefusal, type Told } from './told.ts';
import type { OpenCall } from './view.ts';

/** What is left of the calls of an answer. */
export type Called =
  | { kind: 'settled' }
  /** Some wait for people, or for their system. */
  | { kind: 'waits'; waitsFor: string[]; wakeSeconds: number | null }
  | { kind: 'spent'; text: string };

/** How long a call that its system keeps waiting is left alone. */
const wakeSeconds = 3;

/**
 * Carries out the open calls of an answer, each decided by itself, at once where they do not wait.
 * @throws MovedOn
 */
export async function carryOut(held: Held, open: readonly OpenCall[]): Promise<Called> {
  const spent = await begin(
    held,
    open.filter(({ begun }) => !begun),
  );
  if (spent !== null) return { kind: 'spent', text: spent };
  const asked = open.flatMap(({ waitsFor }) => waitsFor ?? []);
  const outcomes =
    asked.length === 0 ? new Map<string, Outcome>() : await held.deps.approvals.outcomes(asked);
  const ends = await Promise.all(
    open.map(async (call) => ({
      call,
      end: await endOf(held, call, call.waitsFor === null ? null : outcomes.get(call.waitsFor)),
    })),
  );
  const toAsk = ends.flatMap(({ call, end }) => ('ask' in end ? [{ call, decision: end.ask }] : []));
  if (toAsk.length > 0) await askPeople(held, toAsk);
  const waitsFor = [
    ...toAsk.map(({ decision }) => decision),
    ...ends.flatMap(({ call, end }) => ('open' in end ? (call.waitsFor ?? []) : [])),
  ];
  const later = ends.some(({ end }) => 'later' in end);
  return waitsFor.length === 0 && !later
    ? { kind: 'settled' }
    : { kind: 'waits', waitsFor, wakeSeconds: later ? wakeSeconds : null };
}

/** Journals that calls begin that could not begin with their answer. @returns why they may not, or null */
async function begin(held: Held, calls: readonly OpenCall[]): Promise<string | null> {
  if (calls.length === 0) return null;
  const { deps, run, file, offer } = held;
  const charges = chargesFor(file, run, { calls: calls.length });
  const number = nextNumber(held);
  try {
    await write(held, beginning(offer, calls), {
      live: true,
      use: { calls: calls.length },
      with: (tx) => reserve(tx, `agent:${run.id}:${number}`, charges),
    });
    return null;
  } catch (error) {
    if (!exceededBudget(error)) throw error;
    return (
      (await shortInWords(deps.pool, charges, file.currency)) ?? 'A budget of the agent has not enough left.'
    );
  }
}

/** How one call goes on: it has its result, people have to be asked, it waits for them, or for its system. */
type End = { told: true } | { ask: string } | { open: true } | { later: true };

async function endOf(held: Held, call: OpenCall, outcome: Outcome | null | undefined): Promise<End> {
  if (outcome === undefined) return { open: true };
  if (outcome && outcome.state !== 'approved') return tell(held, call, tellOutcome(outcome));
  const wanted = outcome ?? wantedOf(held, call);
  if ('code' in wanted) return tell(held, call, tellRefusal(wanted.code, wanted.text));
  const execution = await executed(held, call, wanted);
  if (execution.status === 'needs_approval' && execution.decision !== undefined)
    return { ask: execution.decision };
  if (execution.status === 'planned' || isUnderWay(execution)) return { later: true };
  const edited = outcome?.edited !== null && outcome?.edited !== undefined;
  return tell(held, call, tellExecution(held.fence, wanted.tool, execution, edited), execution);
}

/** The call in the catalogue's words, or why it is none. */
function wantedOf(
  { offer }: Held,
  { name, args }: OpenCall,
): { tool: string; args: unknown; grant: null } | { code: string; text: string } {
  const tool = offer.toolOf(name);
  if (!tool)
    return { code: 'tool_not_offered', text: 'There is no tool of this name on offer. Use one that is.' };
  const parsed = argsOf(args);
  if (parsed === null)
    return { code: 'args_invalid', text: 'The arguments are not a JSON object. Write them as one.' };
  return { tool: tool.name, args: parsed, grant: null };
}

/** The router decides and carries it out, once for this run and call. */
async function executed(
  { deps, run, context, over }: Held,
  { id }: OpenCall,
  { tool, args, grant }: { tool: string; args: unknown; grant: string | null },
): Promise<Execution> {
  try {
    return await deps.tools.execute(context, {
      tool,
      args,
      grant,
      step: `agent:${run.id}:${id}`,
      unwanted: over,
    });
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.status >= 500) throw error;
    return { status: 'denied', reasons: [{ code: error.code, text: storable(error.message) }] };
  }
}

const isUnderWay = ({ status, reasons = [] }: Execution): boolean =>
  status === 'unknown' && reasons.some(({ code }) => code === 'in_progress');

function tell(held: Held, call: OpenCall, told: Told, execution?: Execution): End {
  const tool = held.offer.toolOf(call.name)?.name ?? null;
  const { status, outcome, text } = told;
  const decision = execution?.decision ?? null;
  if (tool !== null && execution?.attempt !== undefined) held.heard.add(tool);
  const ids = {
    call: call.id,
    tool,
    attempt: execution?.attempt ?? null,
    receipt: execution?.receipt ?? null,
  };
  if (decision !== null) held.results.push({ kind: 'decision', facts: { call: call.id, decision, status } });
  const facts = { ...ids, status, outcome };
  held.results.push({ kind: 'result', digest: outcome, content: { text }, facts });
  return { told: true };
}

/** Asks people about these calls, together, and journals that the run waits for them. */
async function askPeople(held: Held, asks: readonly { call: OpenCall; decision: string }[]): Promise<void> {
  const { deps, run, context } = held;
  await deps.progress?.quiet(run.id);
  await deps.approvals.register(context, {
    executionId: `agent:${run.id}`,
    // Another set of calls is another wait: it takes nothing from one that is open.
    nodeId: asks[0]?.decision ?? '',
    edits: true,
    items: asks.map(({ decision }) => ({ decision, resumePath: null })),
  });
  await write(
    held,
    asks.flatMap(({ call, decision }): NewStep[] => [
      { kind: 'decision', facts: { call: call.id, decision, status: 'needs_approval' } },
      { kind: 'wait', facts: { call: call.id, decision } },
    ]),
  );
}
