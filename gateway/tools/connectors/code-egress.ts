import { unbound, type Tool } from '../../catalogue/index.ts';
import { GatehouseError } from '../../config/index.ts';
import type { RunRequest } from '../../sandbox/index.ts';

type Rule = NonNullable<RunRequest['egress']>[number];
type Method = NonNullable<Rule['methods']>[number];

/** What a call asks to reach, as its tool's schema has checked it. */
interface Asked {
  host: string;
  methods?: Method[];
  paths?: string[];
}

/**
 * What the code of a call may reach: what it asked for and was decided, within what its tool's file opens. A host that many
 * customers share names whose part of it is meant.
 * @param secret the value that was lent for the call
 * @returns undefined where nothing was asked for
 * @throws GatehouseError `GH-TOOLS-020` for a host, method or path that the file does not open, `-021` for a shared host
 * without an owner, `-013` for a secret that goes to none of the hosts
 */
export function egressOf(
  tool: Tool,
  args: Record<string, unknown>,
  secret: string | undefined,
): Rule[] | undefined {
  const asked = (args.egress ?? []) as Asked[];
  const lent = secretOf(tool, args);
  if (asked.length === 0) return undefined;
  const rules = asked.map((one): Rule => {
    const [, host = '', port = '443'] = /^(.*?)(?::(\d+))?$/.exec(one.host) ?? [];
    const bound = lent?.hosts.find((entry) => entry.host === one.host);
    const listed = bound ?? tool.egress?.hosts.find((entry) => entry.host === one.host);
    if (tool.egress && !listed) throw outside('host');
    const within = (path: string): boolean =>
      !listed?.paths ||
      listed.paths.some((whole) => path === whole || path.startsWith(whole.replace(/\/?$/, '/')));
    if (one.paths?.some((path) => !within(path))) throw outside('path');
    const opened = tool.egress?.methods;
    if (opened && one.methods?.some((method) => !opened.includes(method))) throw outside('method');
    const paths = one.paths ?? listed?.paths;
    const shared = unbound({ host: one.host, paths }, bound ? (lent?.header ?? null) : null);
    if (shared) {
      throw new GatehouseError('GH-TOOLS-021', `The code may not reach that host: ${shared.fault}.`, {
        status: 403,
        field: 'egress',
        next: shared.remedy,
      });
    }
    return {
      host,
      port: Number(port),
      intercept: tool.connector.kind === 'code' && tool.connector.intercept,
      methods: one.methods ?? opened,
      paths,
      privateNetworks: tool.egress?.privateNetworks ?? [],
      secret:
        bound && lent && secret !== undefined
          ? { name: lent.name, header: lent.header, prefix: lent.prefix, value: secret }
          : undefined,
    };
  });
  if (lent && !rules.some((rule) => rule.secret)) {
    throw new GatehouseError('GH-TOOLS-013', 'The secret goes to none of the hosts of this call.', {
      status: 403,
      field: 'secret',
    });
  }
  return rules;
}

/** The secret that a call names, as its tool's file lists it. */
export const secretOf = (
  { egress }: Tool,
  args: Record<string, unknown>,
): NonNullable<Tool['egress']>['secrets'][number] | undefined =>
  egress?.secrets.find((entry) => entry.name === args.secret);

const outside = (what: string): GatehouseError =>
  new GatehouseError('GH-TOOLS-020', `The file of the tool does not open that ${what} for its code.`, {
    status: 403,
    field: 'egress',
    next: 'List it under egress in the file of the tool, if it is meant to be reached.',
  });
