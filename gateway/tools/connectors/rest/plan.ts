import type { Api, RestConnector } from '../../../catalogue/index.ts';
import { GatehouseError } from '../../../config/index.ts';
import type { Allowed } from '../../../egress/index.ts';
import type { ConnectorCall } from '../../types.ts';

/** A call with all that its file says of it. */
export interface Plan {
  call: ConnectorCall;
  api: Api;
  connector: RestConnector;
  /** It changes nothing, so that it can be sent as often as needed. */
  safe: boolean;
  /** A second time has no second effect. */
  repeatable: boolean;
  secret: { name: string; value: string } | undefined;
  /** All that the call may reach. */
  allowlist: Allowed[];
}

/** @throws GatehouseError `GH-TOOLS-001` for a tool of another connector, `GH-TOOLS-046` for one that has no address yet */
export function planOf(call: ConnectorCall): Plan {
  const { connector, api, risk, secret } = call.tool;
  if (connector.kind !== 'rest' || !api)
    throw new GatehouseError('GH-TOOLS-001', 'The tool has another connector.');
  // What ships has no address of yours (RFC 2606).
  if (new URL(api.url).hostname.endsWith('.invalid')) {
    const file =
      typeof connector.api === 'string' ? `policies/apis/${connector.api}.yaml` : 'the file of the tool';
    throw new GatehouseError('GH-TOOLS-046', `It is not set up which ${api.title} is meant.`, {
      status: 409,
      next: `Write the address of ${api.title} as url into ${file}.`,
    });
  }
  const safe = risk === 'read' || ['GET', 'HEAD'].includes(connector.method);
  return {
    call,
    api,
    connector,
    safe,
    repeatable: safe || connector.repeat !== undefined,
    secret:
      secret === undefined || call.secret === undefined ? undefined : { name: secret, value: call.secret },
    allowlist: allowlistOf(api, methodsOf(connector)),
  };
}

const methodsOf = ({ method, check, probe }: RestConnector): string[] =>
  [method, check?.method, probe?.method].filter((name) => name !== undefined);

function allowlistOf(api: Api, methods: string[]): Allowed[] {
  const { privateNetworks, plainHttp, reads } = api;
  // As it is written: a parsed address does not tell whether its port was.
  const host = api.url.split('/')[2] ?? '';
  const { pathname } = new URL(api.url);
  const paths = api.paths ?? (pathname === '/' ? undefined : [pathname]);
  const common = { host, privateNetworks, plainHttp };
  return [
    { ...common, methods, paths },
    ...(reads.length > 0
      ? [{ ...common, methods: methods.filter((name) => name === 'GET'), paths: reads }]
      : []),
  ];
}
