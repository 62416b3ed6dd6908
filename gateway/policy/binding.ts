import { digest } from '../envelope/index.ts';

/** One thing that a dry run found, as people are shown it. */
export interface PreviewFact {
  column: string;
  label: string;
  value: string;
  /** Whether the approval holds only while it stays the same. */
  bound: boolean;
}

/** What a dry run of a call found, or in words why nothing is shown. */
export interface Preview {
  /** `none`: the tool has no dry run. `missing`: there is no such record. `unavailable`: it could not be run. */
  state: 'shown' | 'missing' | 'unavailable' | 'none';
  text: string | null;
  facts: PreviewFact[];
  /** When it was looked up, RFC 3339. */
  at: string;
}

/** A call whose dry run is wanted. */
export interface PreviewCall {
  decisionId: string;
  messageId: string;
  principal: string | null;
  tool: string;
  args: Record<string, unknown>;
}

/** Runs the dry run of a call; what a system of record cannot answer becomes a preview that says so. */
export type TakePreview = (call: PreviewCall) => Promise<Preview>;

/** Everything that an approval is given for. */
export interface Bound {
  /** Of the tool and its canonical arguments. */
  call: string;
  actor: string | null;
  session: string;
  policy: string;
  epoch: number;
  preview: Preview | null;
  deadline: Date;
}

/** The digest that buttons and votes carry, and that has to be the same when the call runs. */
export function bindingDigest({ deadline, ...bound }: Bound): string {
  return digest({ ...bound, deadline: deadline.toISOString() });
}

/** What people have to know before they approve it again: one sentence for each bound fact that differs. */
export function previewChanges(approved: Preview, now: Preview): string[] {
  if (now.state !== 'shown') return [now.text ?? 'What it would do cannot be looked up any more.'];
  const before = approved.facts.filter((fact) => fact.bound);
  const after = new Map(now.facts.map((fact) => [fact.column, fact]));
  return before.flatMap((fact) => {
    const found = after.get(fact.column);
    if (found?.value === fact.value) return [];
    return [`${fact.label} was ${fact.value} and is ${found?.value ?? 'not known'} now.`];
  });
}
