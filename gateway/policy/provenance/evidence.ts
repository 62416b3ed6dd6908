import type { Catalogue, Tool } from '../../catalogue/index.ts';
import { isDayForm } from './dates.ts';
import { leavesOf, type Leaf } from './leaves.ts';
import { yearsFrom } from './origin.ts';
import type { OwnWords } from './own-words.ts';
import type { Purpose } from './roles.ts';
import type { TracedLeaf } from '../types.ts';

/** What a tool returned earlier in the session of a call. */
export interface ToolResult {
  attempt: string;
  tool: string;
  args: Record<string, unknown> | null;
  result: unknown;
  /** When it was called, and when it returned. */
  since: Date;
  at: Date;
  /** Whether it was for the request that is being served. */
  ofThisRequest: boolean;
}

/** Where a value was found that its actor did not type. */
export interface Found {
  origin: 'resolved' | 'found' | 'tool';
  source: NonNullable<TracedLeaf['source']>;
}

/** Who asked, in which words, and when. */
export interface Asking {
  catalogue: Pick<Catalogue, 'get'>;
  words: OwnWords;
  now: Date;
}

/** A value that names one record for good, such as `id` or `customerNumber`; never one that its author chooses. */
const naming = /^(?:id|key|number|uuid|iban)$|_(?:id|key|number|uuid)$|[a-z](?:Id|Key|Number|Uuid)$/;

/**
 * Finds a value among what tools returned.
 *
 * `resolved` asks most: a tool that the catalogue calls a directory was asked, in this request, with nothing but the
 * actor's own words, it returned one record, and the value is a field that the directory answers for. `found` is the id of
 * the one record that such a question of any reading tool returned. Everything else is `tool`, also when it is
 * contained, in other case or in a decoded form: that explains a value, and vouches for nothing.
 * @param purpose what the words that were asked for also have to serve for in their sentence; null where that does not count
 */
export function findIn(
  results: readonly ToolResult[],
  asking: Asking,
  value: Leaf['value'],
  purpose: Purpose | null,
): Found | null {
  const { catalogue } = asking;
  let seen: Found | null = null;
  for (const result of results) {
    const tool = catalogue.get(result.tool);
    const record =
      tool && result.ofThisRequest && result.args && isAsked(tool, result.args, asking, purpose)
        ? oneRecord(result.result)
        : null;
    const fields = record
      ? Object.entries(record)
          .filter(([, held]) => held === value)
          .map(([name]) => name)
      : [];
    if (
      tool?.directory &&
      fields.some((name) => tool.directory?.returns.includes(name)) &&
      !writtenBefore(result, results, catalogue, value)
    )
      return { origin: 'resolved', source: sourceOf(result) };
    if (tool?.risk === 'read' && fields.some((name) => naming.test(name)))
      seen = { origin: 'found', source: sourceOf(result) };
    else if (seen?.origin !== 'found' && contains(result.result, value))
      seen ??= { origin: 'tool', source: sourceOf(result) };
  }
  return seen;
}

const sourceOf = ({ attempt, tool, at }: ToolResult): Found['source'] => ({
  attempt,
  tool,
  at: at.toISOString(),
});

/**
 * Whether a call of this session put the value into some record before a directory answered, or while it did: then the
 * directory may only repeat what the call was told.
 */
function writtenBefore(
  answer: ToolResult,
  results: readonly ToolResult[],
  catalogue: Pick<Catalogue, 'get'>,
  value: Leaf['value'],
): boolean {
  return results.some(({ tool: name, args, since }) => {
    if (since > answer.at) return false;
    const tool = catalogue.get(name);
    const changes = !tool || ['write', 'prod_write', 'access', 'unclassified'].includes(tool.risk);
    return changes && (!tool || !args || leavesOf(tool, args).some((leaf) => leaf.value === value));
  });
}

/** Whether a question was worded by the actor: at least one value, and none that they did not type. */
function isAsked(
  tool: Tool,
  args: Record<string, unknown>,
  { words, now }: Asking,
  purpose: Purpose | null,
): boolean {
  const leaves = leavesOf(tool, args).filter((leaf) => leaf.schema === 'free');
  const isTyped = ({ arg, value }: Leaf): boolean =>
    tool.kinds[arg] === 'sizes'
      ? words.findSize(String(value), yearsFrom(tool, now)).length > 0
      : words
          .find(String(value))
          .some((span) => (purpose ? words.serves(span, purpose) : !words.forbids(span)));
  // "The last one" alone asks for whatever came last.
  const isWorded = ({ arg, value }: Leaf): boolean => tool.kinds[arg] !== 'sizes' || isDayForm(String(value));
  return leaves.some(isWorded) && leaves.every(isTyped);
}

/** The record of a result that holds exactly one. */
function oneRecord(result: unknown): Record<string, unknown> | null {
  if (Array.isArray(result)) return result.length === 1 ? asRecord(result[0]) : null;
  const record = asRecord(result);
  const lists = Object.values(record ?? {}).filter(Array.isArray);
  if (lists.length === 0) return record;
  return lists.length === 1 && lists[0]?.length === 1 ? asRecord(lists[0][0]) : null;
}

const asRecord = (value: unknown): Record<string, unknown> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;

function contains(result: unknown, value: Leaf['value']): boolean {
  const wanted = fold(String(value));
  if (wanted.length < 3) return false;
  const text = typeof result === 'string' ? result : JSON.stringify(result ?? null);
  const folded = fold(text);
  return folded.includes(wanted) || decoded(text).some((plain) => fold(plain).includes(wanted));
}

const fold = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Cf}]+/gu, '');

function decoded(text: string): string[] {
  return [...text.matchAll(/[A-Za-z0-9+/_-]{16,}={0,2}/g)]
    .slice(0, 50)
    .map(([word]) => Buffer.from(word, 'base64').toString('utf8'));
}
