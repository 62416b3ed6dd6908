import type { ArgumentKind, Catalogue, Tool } from '../../catalogue/index.ts';
import type { Origin, PolicyInput, RunContext, TracedLeaf } from '../types.ts';
import { carriedBy } from './content.ts';
import { findIn, type ToolResult } from './evidence.ts';
import { leavesOf, type Leaf } from './leaves.ts';
import { noWords, wordsOfCommand, wordsOfText, type OwnWords, type Purpose, type Span } from './own-words.ts';
import { ordersOf } from './words.ts';

export type { ToolResult } from './evidence.ts';

/** Where everything in a call came from. */
export interface Provenance {
  leaves: TracedLeaf[];
  /** Whether the actor's message also held what somebody else wrote. */
  foreign: boolean;
  /** Whether at least one value that the call is about is the actor's own or was looked up for their own words. */
  anchored: boolean;
  /** Whether an order of the request names, in the actor's words, an effect of the tool's class and what it is about. */
  ordered: boolean;
  /** What texts that leave would carry and the actor did not type; empty where nothing leaves. */
  carried: PolicyInput['carried'];
}

/** What tracing needs besides the call. */
export interface Sources {
  catalogue: Pick<Catalogue, 'get'>;
  /** Whether untrusted text entered the session. Then a value also has to stand in the right role. */
  tainted: boolean;
  /** What tools returned earlier in the session, newest first. It is read only where a value is not the actor's own. */
  results: () => Promise<readonly ToolResult[]>;
}

const known = new Set(['owner', 'member', 'paired']);
const vouching = new Set<Origin>(['user', 'constant', 'resolved', 'found', 'composed']);
const leavingRisks = new Set(['outbound', 'payment', 'access', 'unclassified']);

/**
 * Finds where each value of a call came from. Nothing in a call can claim an origin: `user` is a whole word, or several, of
 * what this call's actor typed in the request that is being served, compared after NFC and in the standard forms of hosts,
 * numbers and account numbers. Untrusted text in the session only ever takes away: it makes the sentence count as well, so
 * that somebody whom the request mentions does not become its recipient.
 * @param tool its catalogue entry, whose constants and defaults vouch for themselves
 * @param args checked arguments
 */
export async function trace(
  run: RunContext,
  tool: Tool,
  args: Record<string, unknown>,
  sources: Sources,
): Promise<Provenance> {
  const words = wordsOf(run);
  const strict = sources.tainted || words.foreign;
  const used = new Set<number>();
  const traced = leavesOf(tool, args).map((leaf): Traced => {
    const kind = tool.kinds[leaf.arg] ?? 'redirects';
    return { leaf, kind, entry: { at: leaf.at, arg: leaf.arg, kind, origin: 'unknown' } };
  });
  // The amount takes its number first: a number vouches for one value only.
  const amount = tool.money?.amount;
  for (const first of [true, false]) {
    for (const { leaf, kind, entry } of traced) {
      if ((leaf.arg === amount) === first) entry.origin = originOf(words, tool, kind, leaf, strict, used);
    }
  }
  const open = traced.filter(({ entry }) => entry.kind !== 'content' && !vouching.has(entry.origin));
  if (open.length > 0) {
    const results = await sources.results();
    for (const { leaf, entry } of open) {
      const found = findIn(
        results,
        sources.catalogue,
        words,
        leaf.value,
        strict && entry.kind === 'redirects' ? receiving(tool) : null,
      );
      if (found && (entry.origin !== 'mentioned' || found.origin === 'resolved')) Object.assign(entry, found);
    }
  }
  return {
    leaves: traced.map(({ entry }) => entry),
    foreign: words.foreign,
    anchored: isAnchored(traced),
    ordered: isOrdered(words, tool, traced),
    carried: carriedOut(run, tool, traced, words),
  };
}

/** A value with what is told of it. */
interface Traced {
  leaf: Leaf;
  kind: ArgumentKind;
  entry: TracedLeaf;
}

/** A fixed choice of the schema says nothing of what a call is about. */
const isAnchored = (traced: readonly Traced[]): boolean =>
  traced.some(({ leaf, entry }) => leaf.schema === 'free' && vouching.has(entry.origin));

const receiving = (tool: Tool): Purpose => (tool.risk === 'payment' ? 'payee' : 'destination');

/** A value that decides stands where the request orders such an effect; fixed choices are no subject of an order. */
function isOrdered(words: OwnWords, tool: Tool, traced: readonly Traced[]): boolean {
  const verbs = ordersOf[tool.risk];
  if (!verbs) return false;
  return traced.some(({ leaf, entry: { kind, origin } }) => {
    const decides = kind === 'redirects' || kind === 'selects';
    return (
      decides &&
      leaf.schema === 'free' &&
      origin === 'user' &&
      words.find(String(leaf.value)).some((span) => words.orders(span, verbs))
    );
  });
}

function originOf(
  words: OwnWords,
  tool: Tool,
  kind: ArgumentKind,
  leaf: Leaf,
  strict: boolean,
  used: Set<number>,
): Origin {
  const text = String(leaf.value);
  if (tool.constants[leaf.arg] === leaf.value || leaf.schema === 'default')
    return leaf.arg === tool.money?.currency && words.hasOtherCurrency(text) ? 'mentioned' : 'constant';
  if (kind === 'content')
    return leaf.schema === 'chosen' ? 'constant' : words.holds(text) ? 'user' : 'unknown';
  if (leaf.arg === tool.money?.amount) return isAmountTyped(words, text, strict, used) ? 'user' : 'unknown';
  if (kind === 'sizes') return isSizeTyped(words, text, used) ? 'user' : 'unknown';
  const named =
    leaf.schema === 'chosen' ? words.findChoice(text, tool.says[leaf.arg]?.[text]) : words.find(text);
  const spans = named.filter((span) => !words.isQuantity(span) && !taken(text, span, used));
  if (spans.length === 0)
    return kind === 'selects' && tool.risk === 'write' && isComposed(words, text) ? 'composed' : 'unknown';
  const purpose = kind === 'selects' || tool.risk === 'read' ? 'record' : receiving(tool);
  const serving = spans.find((span) => (strict ? words.serves(span, purpose) : !words.forbids(span)));
  if (!serving) return 'mentioned';
  take(text, serving, used);
  return 'user';
}

/** A file with an ending, in a folder: `reports/q4.md`. */
const filed = /^([^\s/\\]+(?:\/[^\s/\\]+)*)\/([^\s/\\]+\.[\p{L}\p{N}]{1,8})$/u;

function isComposed(words: OwnWords, path: string): boolean {
  const [, folder, file] = filed.exec(path.normalize('NFC')) ?? [];
  const climbs = path.split('/').some((step) => /^\.+$/.test(step));
  return folder !== undefined && file !== undefined && !climbs && words.composes(folder, file);
}

const isNumber = (text: string): boolean => /^\d+(\.\d+)?$/.test(text);
const taken = (text: string, span: Span, used: Set<number>): boolean => isNumber(text) && used.has(span.from);
function take(text: string, span: Span, used: Set<number>): void {
  if (isNumber(text)) used.add(span.from);
}

function isAmountTyped(words: OwnWords, text: string, strict: boolean, used: Set<number>): boolean {
  const [number] = words.findAmount(text, strict);
  if (number) used.add(number.from);
  return number !== undefined;
}

function isSizeTyped(words: OwnWords, text: string, used: Set<number>): boolean {
  const number = words.findNumber(text).find((span) => !used.has(span.from));
  if (number) used.add(number.from);
  return number !== undefined || words.find(text).length > 0 || words.hasCurrency(text);
}

function carriedOut(
  run: RunContext,
  tool: Tool,
  traced: readonly Traced[],
  words: OwnWords,
): Provenance['carried'] {
  const spoken =
    tool.connector.kind === 'gatehouse' &&
    (run.channel.visibility === 'public' || run.channel.visibility === 'external');
  if (!leavingRisks.has(tool.risk) && !spoken) return { hosts: [], secret: false, added: false };
  const carried = traced.flatMap(({ leaf: { value }, entry }) =>
    entry.kind === 'content' && typeof value === 'string' ? [carriedBy(value, words)] : [],
  );
  return {
    hosts: [...new Set(carried.flatMap((one) => one.hosts))],
    secret: carried.some((one) => one.secret),
    added: carried.some((one) => one.added),
  };
}

const cached = new Map<string, { text: string; words: OwnWords }>();
const cacheSize = 256;

/** A run makes several calls for one message, whose words are read once. */
function wordsOf(run: RunContext): OwnWords {
  if (run.principal === null || run.ingress === 'none' || !known.has(run.actor.standing)) return noWords;
  const text = run.command ? run.command.words.join(' ') : run.text;
  const before = cached.get(run.messageId);
  if (before?.text === text) return before.words;
  const words = run.command ? wordsOfCommand(run.command.words) : wordsOfText(text);
  if (cached.size >= cacheSize) cached.clear();
  cached.set(run.messageId, { text, words });
  return words;
}
