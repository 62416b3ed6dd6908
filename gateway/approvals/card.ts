import { amountOf, renderSentence, type Tool } from '../catalogue/index.ts';
import { readable } from './attached.ts';
import { eligible, mayAsk, mayEdit } from './eligible.ts';
import { endedAs } from './refusals.ts';
import type { TracedLeaf } from '../policy/index.ts';
import { markMixed } from './scripts.ts';
import type { ApprovalRow } from './store.ts';
import type { ApprovalsDeps, Card, CardVote, Outcome } from './types.ts';

/** What a card is built from. */
export type Readers = Pick<ApprovalsDeps, 'people' | 'isStrict'> & {
  catalogue: Pick<ApprovalsDeps['catalogue'], 'get'>;
} & Partial<Pick<ApprovalsDeps, 'policy'>>;

/**
 * Builds what a person is shown of an approval.
 * @param viewer principal who looks; without one nobody may vote by this card
 */
export function buildCard(deps: Readers, row: ApprovalRow, viewer?: string): Card {
  const { people, catalogue } = deps;
  const tool = catalogue.get(row.tool);
  const approvers = eligible(people, row).map(({ principal, display }) => ({ principal, display }));
  const display = displayOf({ people }, row.requester, row.requesterDisplay ?? 'An automation');
  const whyNot = whyNotVote(
    row,
    approvers.map((person) => person.principal),
    viewer,
  );
  const asked = askedFor(tool, row);
  const values = valuesOf(catalogue, tool, row);
  return {
    id: row.id,
    calls: 1,
    state: row.state,
    kind: row.kind,
    sentence: `${display} asks to ${lowerFirst(asked)}`,
    effect: effectOf(tool, row.args) ?? lowerFirst(asked),
    tool: row.tool,
    digest: row.digest,
    requester: { principal: row.requester, display },
    reasons: row.reasons,
    binding: row.binding ?? '',
    ...values,
    facts: [...values.facts, ...previewFacts(row)],
    preview: previewText(row),
    createdAt: row.createdAt.toISOString(),
    deadline: row.deadline.toISOString(),
    decidedAt: row.decidedAt?.toISOString() ?? null,
    quorum: row.quorum,
    strict: deps.isStrict?.(row.tool) ?? false,
    approvers,
    votes: votesOf({ people }, row),
    mayVote: whyNot === null,
    mayApprove: whyNot === null,
    whyNot,
    ...actionsOf(deps, row, viewer),
    editable: row.editable,
    questions: questionsOf(deps, row),
    edited: editedOf(deps, tool, row),
    replacedBy: row.replacedBy,
    reason: row.reason,
    formUrl: null,
  };
}

/** The outcome of a settled approval for the waiting gate. The grant goes along only with an approval. */
export function outcomeOf(deps: Pick<ApprovalsDeps, 'people'>, row: ApprovalRow): Outcome {
  return {
    id: row.root,
    decision: row.id,
    index: row.itemIndex,
    state: row.state as Outcome['state'],
    tool: row.tool,
    args: row.args,
    digest: row.digest,
    grant: row.state === 'approved' ? row.grant : null,
    decidedAt: row.decidedAt?.toISOString() ?? null,
    by: votesOf(deps, row),
    reason: row.reason,
    edited: row.first && {
      from: row.first.digest,
      by: row.editors.map((principal) => ({ principal, display: displayOf(deps, principal) })),
    },
  };
}

/** The name of a person; an unlisted principal keeps its id or `otherwise`. */
export function displayOf(
  { people }: Pick<ApprovalsDeps, 'people'>,
  principal: string | null,
  otherwise = principal ?? 'somebody',
): string {
  return visible((principal === null ? undefined : people.get(principal)?.display) ?? otherwise);
}

/**
 * Makes characters visible that cannot be seen, or that change how the text around them reads: controls, bidirectional
 * marks, what a screen may leave out, every space but the usual one. Two payees that differ do not look alike, and one
 * that ends in a right-to-left override does not turn the amount around. Words that mix scripts are marked.
 */
export function visible(text: string): string {
  return markMixed(text).replace(
    /(?! )[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Z}\u2800]/gu,
    (mark) => `\\u{${mark.codePointAt(0)?.toString(16) ?? ''}}`,
  );
}

function votesOf(deps: Pick<ApprovalsDeps, 'people'>, row: ApprovalRow): CardVote[] {
  return row.votes.map(({ principal, verdict, comment, channel, at, seat, uncounted }) => ({
    principal,
    display: displayOf(deps, principal),
    verdict,
    comment: comment === null ? null : lines(comment),
    channel,
    at,
    standsInFor: seat === null || seat === principal ? null : displayOf(deps, seat),
    counted: !uncounted,
  }));
}

function whyNotVote(row: ApprovalRow, approvers: string[], viewer: string | undefined): string | null {
  if (row.state !== 'pending') return `This request was ${endedAs(row.state)}.`;
  if (row.late) return 'The deadline has passed.';
  if (viewer === undefined) return 'Nobody is signed in.';
  if (row.kind === 'approve' && viewer === row.requester) {
    return 'You asked for this, so your own vote does not count.';
  }
  if (row.proposers.includes(viewer)) return 'You changed this request, so your own vote does not count.';
  return approvers.includes(viewer) ? null : 'You are not among the people who may decide this.';
}

function actionsOf(
  { people, catalogue, policy }: Readers,
  row: ApprovalRow,
  viewer: string | undefined,
): Pick<Card, 'mayEdit' | 'mayAsk' | 'mayAnswer' | 'standing'> {
  const tool = catalogue.get(row.tool);
  if (viewer === undefined || row.state !== 'pending' || row.late || row.stale || !row.args || !tool)
    return { mayEdit: false, mayAsk: false, mayAnswer: false, standing: null };
  const decides = mayAsk(people, row, viewer);
  return {
    mayEdit: row.editable && mayEdit(people, row, viewer),
    mayAsk: decides,
    mayAnswer: viewer === row.requester,
    standing: decides ? (policy?.standing.offer({ tool, args: row.args }, row.quorum) ?? null) : null,
  };
}

function questionsOf(deps: Pick<ApprovalsDeps, 'people'>, row: ApprovalRow): Card['questions'] {
  return row.questions.map(({ id, by, question, at, answer, answeredAt }) => ({
    id,
    by: displayOf(deps, by),
    question: question === null ? 'Deleted after its retention.' : lines(question),
    at,
    answer: answer === null ? (answeredAt === null ? null : 'Deleted after its retention.') : lines(answer),
    answeredAt,
  }));
}

function editedOf(
  deps: Pick<ApprovalsDeps, 'people'>,
  tool: Tool | undefined,
  row: ApprovalRow,
): Card['edited'] {
  if (!row.first) return null;
  const before = readable(row, row.first.args ?? {});
  const after = readable(row, row.args ?? {});
  const names = [...new Set([...Object.keys(tool?.args.properties ?? {}), ...Object.keys(after)])];
  const text = (args: Record<string, unknown>, name: string): string | null => {
    if (!Object.hasOwn(args, name)) return null;
    return visible(typeof args[name] === 'string' ? args[name] : JSON.stringify(args[name]));
  };
  const changes = names
    .map((name) => ({ label: labelOf(name), before: text(before, name), after: text(after, name) }))
    .filter((change) => change.before !== change.after);
  return { by: row.editors.map((editor) => displayOf(deps, editor)).join(' and '), changes };
}

function askedFor(tool: Tool | undefined, row: ApprovalRow): string {
  if (!tool) return `run ${row.tool}`;
  return visible(renderSentence(tool.sentence, readable(row, row.args ?? {})));
}

function effectOf(tool: Tool | undefined, args: Record<string, unknown> | null): string | null {
  if (!tool?.money || !args) return null;
  return visible(`${amountOf(args[tool.money.amount])} ${String(args[tool.money.currency])}`);
}

function valuesOf(
  catalogue: Readers['catalogue'],
  tool: Tool | undefined,
  row: ApprovalRow,
): Pick<Card, 'facts' | 'provenance' | 'quoted'> {
  if (!row.args) {
    const value = 'Deleted after their retention.';
    return { facts: [{ label: 'Values', value }], provenance: [], quoted: null };
  }
  const names = Object.keys(tool?.args.properties ?? row.args).filter((name) =>
    Object.hasOwn(row.args ?? {}, name),
  );
  const facts: Card['facts'] = [];
  const quoted: string[] = [];
  for (const name of names) {
    const label = labelOf(name);
    const value = readable(row, row.args[name]);
    const text =
      (name === tool?.money?.amount ? effectOf(tool, row.args) : null) ??
      (typeof value === 'string' ? value : JSON.stringify(value));
    // What nobody typed in the request was written by a model or came from elsewhere, so it is no fact.
    const written = row.provenance.some(({ arg, origin }) => arg === name && !vouched.has(origin));
    if (tool?.kinds[name] === 'content' && (written || text.length > 80 || text.includes('\n'))) {
      quoted.push(`${label}:\n${lines(text)}`);
    } else if (name !== tool?.money?.currency) {
      // The currency stands with its amount.
      facts.push({ label, value: visible(text) });
    }
  }
  const provenance = row.provenance.flatMap((leaf) => notTyped(catalogue, row, leaf));
  return { facts, provenance, quoted: quoted.length > 0 ? quoted.join('\n\n') : null };
}

const vouched = new Set<TracedLeaf['origin']>(['user', 'constant']);

/** Text of several lines, each made visible. */
const lines = (text: string): string => text.split('\n').map(visible).join('\n');

/** What a look at the system of record found. */
export function previewFacts({ preview }: ApprovalRow): Card['facts'] {
  return (preview?.facts ?? []).map(({ label, value }) => ({ label, value: visible(value) }));
}

/** When that was looked up, or why nothing was. */
export function previewText({ preview, void: outdated, state }: ApprovalRow): string {
  if (outdated) return `It does not hold any more. ${outdated.changes.map(visible).join(' ')}`;
  if (!preview) return state === 'pending' ? 'No preview.' : 'The preview was deleted after its retention.';
  if (preview.state !== 'shown') return visible(preview.text ?? 'No preview.');
  const varies = preview.facts.some((fact) => !fact.bound);
  const looked = `Looked up at ${moment(preview.at)}`;
  if (state !== 'pending') return `${looked}.`;
  const differs = `if ${varies ? 'what counts of it' : 'it'} differs, nothing is done and it has to be approved again`;
  return `${looked}, and again before it is done: ${differs}.`;
}

/** A value of a call that its requester did not type, with its source in words. Texts are written for them anyway. */
function notTyped(catalogue: Readers['catalogue'], row: ApprovalRow, leaf: TracedLeaf): Card['provenance'] {
  if (leaf.kind === 'content' || leaf.origin === 'user' || leaf.origin === 'constant') return [];
  const [, ...steps] = leaf.at.split('/');
  const value = steps.reduce<unknown>(
    (held, step) => (held as Record<string, unknown> | undefined)?.[step],
    readable(row, row.args),
  );
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return [{ label: labelOf(leaf.arg), value: visible(text ?? leaf.at), source: sourceOf(catalogue, leaf) }];
}

function sourceOf(catalogue: Readers['catalogue'], { origin, source }: TracedLeaf): string {
  if (origin === 'mentioned') return 'a part of the request that says something else';
  if (!source) return 'somewhere else than the request';
  const title = visible(catalogue.get(source.tool)?.title ?? source.tool);
  const result = `the result of “${title}” at ${moment(source.at)}`;
  return origin === 'tool' ? result : `${result}, asked with words of the request`;
}

/** An instant as texts have it; pages write it in their reader's zone. */
export function moment(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

/** An argument's name in words. */
export function labelOf(name: string): string {
  const words = name.replace(/([A-Z])/g, ' $1').toLowerCase();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
