const placeholder = /\{(\+?)([a-z][A-Za-z0-9]*|call\.attempt)\}/g;

/** A place in a template that a value fills. */
export interface Slot {
  /** Name of an argument, or `call.attempt` for the id of the attempt. */
  name: string;
  /** `{+name}`: each segment of it is one of the path (RFC 6570, 3.2.3). */
  segments: boolean;
}

/** Text and slots in turn. */
export type Template = (string | Slot)[];

/** A value of a body: text with slots, a constant, or a structure of them. */
export type BodyTemplate =
  string | number | boolean | null | BodyTemplate[] | { [key: string]: BodyTemplate };

/**
 * Reads `text {name} text`. There is nothing to evaluate in it: a slot is filled with one value and encoded for its place.
 * @returns its parts, without empty texts
 */
export function parseTemplate(text: string): Template {
  const parts: Template = [];
  let end = 0;
  for (const match of text.matchAll(placeholder)) {
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push({ name: match[2] ?? '', segments: match[1] === '+' });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

/** The slots of a template. */
export const slotsOf = (text: string): Slot[] =>
  parseTemplate(text).filter((part): part is Slot => typeof part !== 'string');

/** The slot that a template is as a whole, so that its value keeps its type, or is left out where there is none. */
export function wholeSlot(text: string): Slot | null {
  const [only, more] = parseTemplate(text);
  return typeof only === 'object' && more === undefined ? only : null;
}

/** Every text of a body, with where it stands. */
export function bodyTexts(body: BodyTemplate, where: readonly string[] = []): [string[], string][] {
  if (typeof body === 'string') return [[[...where], body]];
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([key, value]) => bodyTexts(value, [...where, key]));
}
