import type { ArgumentKind, Catalogue, Tool } from '../../catalogue/index.ts';
import type { Origin, PolicyInput, RunContext, TracedLeaf } from '../types.ts';
import { carriedBy } from './content.ts';
import { findIn, type ToolResult } from './evidence.ts';
import { leavesOf, type Leaf } from './leaves.ts';
import { originOf, receiving, type Request } from './origin.ts';
import { noWords, wordsOfCommand, wordsOfText, type OwnWords } from './own-words.ts';
import { ordersOf } from './words.ts';

export { withoutKeys } from './content.ts';
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
  /** When the call is made. */
  now: Date;
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
  const request: Request = { words, tool, strict, now: sources.now, used: new Set<number>() };
  const traced = leavesOf(tool, args).map((leaf): Traced => {
    const kind = tool.kinds[leaf.arg] ?? 'redirects';
    return { leaf, kind, entry: { at: leaf.at, arg: leaf.arg, kind, origin: 'unknown' } };
  });
  // The amount takes its number first: a number vouches for one value only.
  const amount = tool.money?.amount;
  for (const first of [true, false]) {
    for (const { leaf, kind, entry } of traced) {
      if ((leaf.arg === amount) === first) entry.origin = originOf(request, kind, leaf);
    }
  }
  const open = traced.filter(({ entry }) => entry.kind !== 'content' && !vouching.has(entry.origin));
  if (open.length > 0) {
    const results = await sources.results();
    for (const { leaf, entry } of open) {
      const found = findIn(
        results,
        { catalogue: sources.catalogue, words, now: sources.now },
        leaf.value,
        strict && entry.kind === 'redirects' ? receiving(tool) : null,
      );
      if (found && (entry.origin !== 'mentioned' || found.origin === 'resolved')) Object.assign(entry, found);
    }
  }
  return {
    leaves: traced.map(({ entry }) => entry),
    foreign: words.foreign,
    anchored: isAnchored(request, traced),
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

/**
 * A fixed choice of the schema says nothing of what a call is about. Nor, once others had a say, does a day or a number of
 * a request that only asks: "what is on 12 March?".
 */
const isAnchored = ({ words, strict }: Request, traced: readonly Traced[]): boolean =>
  traced.some(
    ({ leaf, entry: { kind, origin } }) =>
      leaf.schema === 'free' && vouching.has(origin) && (kind !== 'sizes' || !strict || words.demands),
  );

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
