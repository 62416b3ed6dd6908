import {
  parseTemplate,
  wholeSlot,
  type Api,
  type BodyTemplate,
  type RestRequest,
} from '../../../catalogue/index.ts';
import { GatehouseError } from '../../../config/index.ts';

/** What the slots of a request are filled with. */
export interface Values {
  args: Record<string, unknown>;
  attempt: string;
}

/** A request with its values, not signed yet. */
export interface Planned {
  method: string;
  url: URL;
  headers: Record<string, string>;
  /** What the body holds, before it is written. Undefined for none. */
  content: unknown;
  encoding: RestRequest['encoding'];
}

/**
 * Fills a request. Each value is encoded for the place that it stands in and cannot leave it: a path segment stays one
 * segment, a value of a query or of JSON stays one value.
 * @throws GatehouseError `GH-TOOLS-040` for a value that its place cannot hold
 */
export function planRequest(api: Api, request: RestRequest, values: Values): Planned {
  const url = new URL(api.url.replace(/\/$/, '') + pathOf(request.path, values));
  for (const [name, text] of Object.entries(request.query)) {
    const value = textOf(String(text), values);
    if (value !== undefined) url.searchParams.append(name, value);
  }
  const { encoding } = request;
  const content = request.body === undefined ? undefined : fill(request.body, values);
  const headers: Record<string, string> = { accept: 'application/json', ...api.headers };
  if (content !== undefined)
    headers['content-type'] = encoding === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
  for (const [name, text] of Object.entries(request.headers)) {
    const value = textOf(text, values);
    if (value === undefined) continue;
    if (!/^[\x20-\x7e]*$/.test(value)) throw unfit(`a header (${name})`);
    headers[name] = value;
  }
  return { method: request.method, url, headers, content, encoding };
}

/** The body as it is sent; null where there is none. */
export function writtenBody({ content, encoding }: Planned): string | null {
  if (content === undefined) return null;
  if (encoding === 'json') return JSON.stringify(content);
  const pairs = Object.entries(content as Record<string, unknown>).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return new URLSearchParams(pairs).toString();
}

function pathOf(template: string, values: Values): string {
  const path = parseTemplate(template)
    .map((part) => {
      if (typeof part === 'string') return part;
      const text = written(part.name, values) ?? '';
      const segments = part.segments ? text.split('/') : [text];
      return segments.map(segmentOf).join('/');
    })
    .join('');
  // Also what two slots of one segment make together.
  if (path.split('/').some((segment) => segment === '.' || segment === '..')) throw unfit('a path');
  return path;
}

function segmentOf(text: string): string {
  if (text === '' || /[/\\\p{Cc}\p{Cs}]/u.test(text)) throw unfit('a path');
  return encodeURIComponent(text);
}

/** Undefined where the whole of it is an argument that the call does not have. */
function textOf(template: string, values: Values): string | undefined {
  const whole = wholeSlot(template);
  if (whole) return written(whole.name, values);
  return parseTemplate(template)
    .map((part) => (typeof part === 'string' ? part : (written(part.name, values) ?? '')))
    .join('');
}

/** A body keeps the types of its values, and leaves out what the call does not say. */
function fill(body: BodyTemplate, values: Values): unknown {
  if (typeof body === 'string') {
    const whole = wholeSlot(body);
    return whole ? valueOf(whole.name, values) : textOf(body, values);
  }
  if (typeof body !== 'object' || body === null) return body;
  if (Array.isArray(body)) return body.map((item) => fill(item, values)).filter((item) => item !== undefined);
  return Object.fromEntries(
    Object.entries(body)
      .map(([key, value]) => [key, fill(value, values)] as const)
      .filter(([, value]) => value !== undefined),
  );
}

function written(name: string, values: Values): string | undefined {
  const value = valueOf(name, values);
  if (value === undefined) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function valueOf(name: string, { args, attempt }: Values): unknown {
  if (name === 'call.attempt') return attempt;
  return Object.hasOwn(args, name) ? args[name] : undefined;
}

const unfit = (place: string): GatehouseError =>
  new GatehouseError('GH-TOOLS-040', `A value of the call cannot stand in ${place}, so nothing was sent.`, {
    status: 400,
    next: 'Leave out line breaks, slashes and empty parts.',
  });
