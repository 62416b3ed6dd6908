import type { ArgumentKind, Tool } from '../../catalogue/index.ts';
import type { Origin } from '../types.ts';
import type { Leaf } from './leaves.ts';
import type { OwnWords } from './own-words.ts';
import type { Purpose } from './roles.ts';
import type { Span } from './tokens.ts';

/** What the values of one call are held against. */
export interface Request {
  words: OwnWords;
  tool: Tool;
  /** Whether others may have had a say, so that the sentence around a value counts as well. */
  strict: boolean;
  now: Date;
  /** Where the numbers stand that vouch for a value already: each does for one only. */
  used: Set<number>;
}

/** What a value of a tool that sends or pays is for. */
export const receiving = (tool: Tool): Purpose => (tool.risk === 'payment' ? 'payee' : 'destination');

/**
 * The day that the clock gives to a day without a year. None for a deletion: "everything before 12 March" may mean the last
 * one as well as the next.
 */
export const yearsFrom = (tool: Tool, now: Date): Date | null => (tool.risk === 'delete' ? null : now);

/** Where a value comes from, as far as the request and the catalogue tell. */
export function originOf(request: Request, kind: ArgumentKind, leaf: Leaf): Origin {
  const { words, tool, strict, used } = request;
  const text = String(leaf.value);
  if (tool.constants[leaf.arg] === leaf.value || leaf.schema === 'default')
    return leaf.arg === tool.money?.currency && words.hasOtherCurrency(text) ? 'mentioned' : 'constant';
  if (kind === 'content') return leaf.schema === 'chosen' ? 'constant' : originOfText(words, text);
  if (leaf.arg === tool.money?.amount) return isAmountTyped(request, text) ? 'user' : 'unknown';
  if (kind === 'sizes') return isSizeTyped(request, leaf) ? 'user' : 'unknown';
  const named =
    leaf.schema === 'chosen' ? words.findChoice(text, tool.says[leaf.arg]?.[text]) : words.find(text);
  const spans = named.filter((span) => !words.isQuantity(span) && !isTaken(text, span, used));
  if (spans.length === 0)
    return kind === 'selects' && tool.risk === 'write' && isComposed(words, text) ? 'composed' : 'unknown';
  const purpose =
    kind === 'selects' || tool.risk === 'read'
      ? 'record'
      : leaf.schema === 'chosen'
        ? 'choice'
        : receiving(tool);
  const serving = spans.find((span) => (strict ? words.serves(span, purpose) : !words.forbids(span)));
  if (!serving) return 'mentioned';
  take(text, serving, used);
  return 'user';
}

const originOfText = (words: OwnWords, text: string): Origin =>
  words.holds(text) ? 'user' : words.composesText(text) ? 'composed' : 'unknown';

/** A file with an ending, in a folder: `reports/q4.md`. */
const filed = /^([^\s/\\]+(?:\/[^\s/\\]+)*)\/([^\s/\\]+\.[\p{L}\p{N}]{1,8})$/u;

function isComposed(words: OwnWords, path: string): boolean {
  const [, folder, file] = filed.exec(path.normalize('NFC')) ?? [];
  const climbs = path.split('/').some((step) => /^\.+$/.test(step));
  return folder !== undefined && file !== undefined && !climbs && words.composes(folder, file);
}

const isNumber = (text: string): boolean => /^\d+(\.\d+)?$/.test(text);
const isTaken = (text: string, span: Span, used: Set<number>): boolean =>
  isNumber(text) && used.has(span.from);
function take(text: string, span: Span, used: Set<number>): void {
  if (isNumber(text)) used.add(span.from);
}

function isAmountTyped({ words, strict, used }: Request, text: string): boolean {
  const [number] = words.findAmount(text, strict);
  if (number) used.add(number.from);
  return number !== undefined;
}

function isSizeTyped({ words, tool, now, used }: Request, leaf: Leaf): boolean {
  const text = String(leaf.value);
  if (leaf.schema === 'chosen') return words.findChoice(text, tool.says[leaf.arg]?.[text]).length > 0;
  const size = words.findSize(text, yearsFrom(tool, now)).find((span) => !isTaken(text, span, used));
  if (size) take(text, size, used);
  return size !== undefined || words.hasCurrency(text);
}
