import type { FoundFault } from './faults.ts';
import type { Api, RestConnector, RestRequest } from './rest.ts';
import type { ToolFile } from './schema.ts';
import { unbound } from './shared-hosts.ts';
import { bodyTexts, slotsOf, wholeSlot } from './template.ts';

/** The place of a template in its file, and what it may hold. */
interface Place {
  where: string[];
  text: string;
  kind: 'path' | 'text' | 'body';
}

/** What is wrong with a system's description. */
export function apiFaults(api: Api): FoundFault[] {
  const { auth } = api;
  const url = new URL(api.url);
  const faults: FoundFault[] = [];
  const header =
    auth === undefined || auth.kind === 'hmac' || auth.kind === 'standard-webhooks'
      ? null
      : auth.kind === 'header'
        ? auth.header
        : 'authorization';
  const open = unbound({ host: url.host, paths: api.paths ?? basePath(url) }, header, api.reads);
  if (open) faults.push({ where: ['paths'], ...open });
  if (api.privateNetworks.length > 0 && !/:\d+$/.test(url.host)) {
    faults.push({
      where: ['privateNetworks'],
      fault: 'opens private addresses for no port in particular',
      remedy: 'Write the port into url, such as https://hooks.internal:8443.',
    });
  }
  if (url.protocol === 'http:' && auth && !api.plainHttp) {
    faults.push({
      where: ['url'],
      fault: 'would carry the secret over http, readable on its way',
      remedy: 'Write https, or plainHttp: true for a network of your own.',
    });
  }
  for (const [name, text] of Object.entries(api.headers)) {
    if (slotsOf(text).length > 0 || name === header)
      faults.push({
        where: ['headers', name],
        fault: 'is the same for every call, so it holds no argument and no secret',
        remedy: 'Write it in the tool, or under auth.',
      });
  }
  return faults;
}

const basePath = (url: URL): string[] | undefined => (url.pathname === '/' ? undefined : [url.pathname]);

/** What is wrong with a tool that is described as an HTTP request. */
export function restFaults(
  tool: ToolFile,
  connector: RestConnector,
  { api, known }: { api: Api | null; known: readonly string[] },
): FoundFault[] {
  const at = ['connector'];
  const faults: FoundFault[] = [];
  if (!api) {
    faults.push({
      where: [...at, 'api'],
      fault: `there is no policies/apis/${typeof connector.api === 'string' ? connector.api : 'it'}.yaml`,
      remedy: `Write that file, or name one of ${known.join(', ') || 'them, of which there are none yet'}.`,
    });
  } else if (typeof connector.api !== 'string') {
    faults.push(...apiFaults(api).map((found) => ({ ...found, where: [...at, 'api', ...found.where] })));
  }
  if (tool.secret !== undefined || tool.egress) {
    faults.push({
      where: [tool.egress ? 'egress' : 'secret'],
      fault: 'a rest tool has the secret and the hosts of its API',
      remedy: 'Leave it out; write auth, url and paths where the API is described.',
    });
  }
  const places = allPlaces(connector);
  faults.push(...places.flatMap((place) => placeFaults(tool, place)));
  for (const { request, where } of requestsOf(connector)) {
    if (request.body !== undefined && ['GET', 'HEAD'].includes(request.method))
      faults.push({
        where: [...where, 'body'],
        fault: `${request.method} has no body`,
        remedy: 'Write it under query.',
      });
  }
  return [...faults, ...unusedFaults(tool, argumentsSent(connector)), ...repeatFaults(tool, connector)];
}

/** Every request that a tool can make. */
function requestsOf(connector: RestConnector): { request: RestRequest; where: string[] }[] {
  const { check, probe } = connector;
  return [
    { request: connector, where: ['connector'] },
    ...(check ? [{ request: check, where: ['connector', 'check'] }] : []),
    ...(probe ? [{ request: probe, where: ['connector', 'probe'] }] : []),
  ];
}

/** The arguments that the vendor gets to see, or that are compared with what it has. */
export function argumentsSent(connector: RestConnector): Set<string> {
  const { check } = connector;
  const compared = [...(check?.holds ?? '').matchAll(/\bargs\.([A-Za-z0-9]+)/g)];
  const slots = allPlaces(connector).flatMap(({ text }) => slotsOf(text).map(({ name }) => name));
  return new Set([...slots, ...compared.map((match) => match[1] ?? '')]);
}

const allPlaces = (connector: RestConnector): Place[] =>
  requestsOf(connector).flatMap(({ request, where }) => placesOf(request, where));

/** The texts of a request in which arguments can stand. */
function placesOf(request: RestRequest, at: string[]): Place[] {
  const texts = (field: 'query' | 'headers'): Place[] =>
    Object.entries(request[field]).map(([name, value]) => ({
      where: [...at, field, name],
      text: String(value),
      kind: 'text',
    }));
  return [
    { where: [...at, 'path'], text: request.path, kind: 'path' },
    ...texts('query'),
    ...texts('headers'),
    ...bodyTexts(request.body ?? null, [...at, 'body']).map(([where, text]): Place => ({
      where,
      text,
      kind: 'body',
    })),
  ];
}

function placeFaults({ args }: ToolFile, { where, text, kind }: Place): FoundFault[] {
  const faults: FoundFault[] = [];
  const say = (fault: string, remedy: string): void => void faults.push({ where, fault, remedy });
  const names = Object.keys(args.properties);
  const whole = wholeSlot(text);
  for (const { name, segments } of slotsOf(text)) {
    if (segments && kind !== 'path') say(`{+${name}} is for a path only`, `Write {${name}}.`);
    if (name === 'call.attempt') continue;
    if (!names.includes(name)) {
      say(
        `there is no argument \`${name}\``,
        `Name one of ${names.join(', ') || 'its arguments, of which it has none'}.`,
      );
      continue;
    }
    const free = whole !== null && kind !== 'path';
    if (!free && !args.required.includes(name))
      say(
        `\`${name}\` may be missing, and would leave a gap in the text`,
        'Require it, or let it be the whole value.',
      );
    if (!(whole && kind === 'body') && !isScalar(args.properties[name] ?? {}))
      say(
        `\`${name}\` is not one value that can be written as text`,
        'Give it the type string, integer, number or boolean.',
      );
  }
  if (kind === 'path' && /[{}]/.test(text.replace(/\{\+?([a-z][A-Za-z0-9]*|call\.attempt)\}/g, '')))
    say('has a brace that is no argument', 'Write arguments as {name}, or {+name} for several segments.');
  return faults;
}

function isScalar({ type, enum: choices, const: only }: Record<string, unknown>): boolean {
  if (typeof type === 'string') return ['string', 'integer', 'number', 'boolean'].includes(type);
  const values = Array.isArray(choices) ? (choices as unknown[]) : only === undefined ? [] : [only];
  return values.length > 0 && values.every((value) => typeof value !== 'object');
}

/** An argument that is decided and approved, and then goes nowhere, is a promise that nobody keeps. */
function unusedFaults({ args }: ToolFile, sent: ReadonlySet<string>): FoundFault[] {
  return Object.keys(args.properties)
    .filter((name) => !sent.has(name))
    .map((name) => ({
      where: ['args', 'properties', name],
      field: `args.${name}`,
      fault: 'stands nowhere in the request',
      remedy: `Write {${name}} where it belongs, or leave the argument out.`,
    }));
}

/** A tool that says that doing it twice has one effect also says what sees to that. */
function repeatFaults(tool: ToolFile, { method, repeat }: RestConnector): FoundFault[] {
  const safe = ['GET', 'HEAD'].includes(method) || tool.risk === 'read';
  if ((tool.idempotencyKey === 'attempt') === (repeat !== undefined || safe)) return [];
  const twice = tool.idempotencyKey === 'attempt';
  return [
    {
      where: ['idempotencyKey'],
      fault: twice
        ? 'nothing sees to it that doing it twice has one effect'
        : 'doing it twice has one effect, so say so',
      remedy: twice
        ? 'Write repeat: { header: … } or { natural: … } under connector, else idempotencyKey: none.'
        : 'Write idempotencyKey: attempt.',
    },
  ];
}
