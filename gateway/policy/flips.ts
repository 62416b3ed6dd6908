import type { ApprovalClass } from './approval-classes.ts';
import { fromCents, toCents } from './money.ts';
import type { PolicyInput, TracedLeaf } from './types.ts';

/** One fact of an input set to something else. */
export interface Flip {
  fact: string;
  from: string;
  to: string;
  input: PolicyInput;
}

const roles = ['owner', 'member', 'approver', 'viewer', 'guest', 'automation'];
const standings = ['owner', 'member', 'paired', 'guest', 'unknown'];
const visibilities = ['dm', 'private', 'public', 'external'];
const environments = ['production', 'development'];

/**
 * The single facts that an explanation tries: the declared list. Each differs from the input in one thing only.
 * @param limits the approval class of the tool's risk, whose amounts are tried from both sides
 */
export function flipsOf(input: PolicyInput, limits: ApprovalClass | undefined): Flip[] {
  const flips: Flip[] = [];
  const set = (path: string, to: unknown): void => {
    const changed = structuredClone(input) as unknown as Record<string, unknown>;
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    const owner = keys.reduce<Record<string, unknown> | undefined>(
      (value, key) => value?.[key] as Record<string, unknown> | undefined,
      changed,
    );
    // A fact that this input does not have is none that could be another.
    if (!owner || !Object.hasOwn(owner, last) || JSON.stringify(owner[last]) === JSON.stringify(to)) return;
    flips.push({
      fact: path,
      from: words(owner[last]),
      to: words(to),
      input: changed as unknown as PolicyInput,
    });
    owner[last] = to;
  };
  for (const role of roles) set('actor.roles', [role]);
  for (const standing of standings) set('actor.standing', standing);
  set('actor.principal', null);
  set('ingress', 'none');
  for (const visibility of visibilities) set('channel.visibility', visibility);
  for (const environment of environments) set('environment', environment);
  set('session.tainted', !input.session.tainted);
  set('session.outside', !input.session.outside);
  set('session.pendingAsks', 0);
  for (const read of [[], ['confidential'], ['personal']]) set('session.classesRead', read);
  set('recipients.firstTime', []);
  set('recipients.nobody', !input.recipients.nobody);
  set('rejectedBefore', false);
  set('uncovered', false);
  set('anchored', !input.anchored);
  set('ordered', !input.ordered);
  set('undoable', !input.undoable);
  set('advisory', !input.advisory);
  set('standing', !input.standing);
  set('carried.hosts', []);
  set('carried.secret', !input.carried.secret);
  for (const [index, { at, origin }] of input.leaves.entries()) {
    const changed = structuredClone(input);
    const to = origin === 'user' ? 'unknown' : 'user';
    changed.leaves[index] = { ...changed.leaves[index], origin: to } as TracedLeaf;
    flips.push({ fact: `origin of ${at}`, from: origin, to, input: changed });
  }
  for (const [index, { name, left, needed }] of input.budgets.entries()) {
    const changed = structuredClone(input);
    changed.budgets[index] = { ...changed.budgets[index], left: needed } as PolicyInput['budgets'][number];
    const [from, to] = [left, needed].map(String) as [string, string];
    if (left < needed) flips.push({ fact: `left of the budget ${name}`, from, to, input: changed });
  }
  for (const minute of [3 * 60, 12 * 60]) set('localTime.minute', minute);
  for (const day of ['wed', 'sat']) set('localTime.day', day);
  const [day] = input.now.split('T');
  for (const hour of ['03', '12']) set('now', `${day}T${hour}:00:00Z`);
  set('now', `${saturdayAfter(input.now)}T12:00:00Z`);
  return [...flips, ...amounts(input, limits)];
}

function amounts(input: PolicyInput, limits: ApprovalClass | undefined): Flip[] {
  const { money } = input;
  if (!money) return [];
  const steps = (limits?.from ?? []).filter((step) => step.currency === money.currency);
  return steps
    .flatMap((step) => [step.amount, step.amount - 1])
    .filter((cents) => cents > 0 && cents !== money.cents)
    .map((cents) => {
      const changed = structuredClone(input);
      changed.money = { ...money, cents };
      const sizes = new Set(input.leaves.flatMap((leaf) => (leaf.kind === 'sizes' ? [leaf.arg] : [])));
      for (const [name, value] of Object.entries(input.args))
        if (sizes.has(name) && toCents(value) === money.cents) changed.args[name] = fromCents(cents);
      const text = (value: number): string => `${fromCents(value)} ${money.currency}`;
      return { fact: 'money', from: text(money.cents), to: text(cents), input: changed };
    });
}

function saturdayAfter(now: string): string {
  const day = new Date(now);
  day.setUTCDate(day.getUTCDate() + ((6 - day.getUTCDay() + 7) % 7 || 7));
  return day.toISOString().slice(0, 10);
}

function words(value: unknown): string {
  if (value === null) return 'none';
  if (Array.isArray(value)) return value.join(', ') || 'none';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
