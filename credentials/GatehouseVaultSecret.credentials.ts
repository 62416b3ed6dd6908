import { createHash } from 'node:crypto';
import type {
  IAuthenticate,
  Icon,
  ICredentialDataDecryptedObject,
  ICredentialTestRequest,
  ICredentialType,
  IDataObject,
  IHttpRequestOptions,
  INodeProperties,
} from 'n8n-workflow';
import { whoami } from './whoami';

/**
 * Lets n8n's own HTTP Request node call a host with a secret of the gateway. The request is aimed at the gateway, which
 * decides it, adds the secret and makes the call; the secret never enters n8n.
 */
export class GatehouseVaultSecret implements ICredentialType {
  name = 'gatehouseVaultSecret';

  displayName = 'Gatehouse Vault Secret';

  icon: Icon = { light: 'file:gatehouse.svg', dark: 'file:gatehouse.dark.svg' };

  documentationUrl =
    'https://github.com/gatehouse-dev/n8n-nodes-gatehouse/blob/main/docs/nodes.md#gatehouse-vault-secret';

  properties: INodeProperties[] = [
    {
      displayName:
        'The request goes to the gateway as a call of the tool http.request. Only hosts that its file in policies/tools lists can be reached. An item holds the gateway’s answer: the host’s is in result, with its status, and a call that was refused has another status than succeeded. n8n does not test a credential whose Run and Grant come from an item: the first request shows whether it works.',
      name: 'notice',
      type: 'notice',
      default: '',
    },
    {
      displayName: 'Gateway Address',
      name: 'baseUrl',
      type: 'string',
      default: 'http://127.0.0.1:8081',
      required: true,
      description: 'Address of the gateway’s internal listener, as seen from n8n',
    },
    {
      displayName: 'Client Token',
      name: 'token',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      description:
        'The same client token as in the Gatehouse API credential, which may be filled in at start',
    },
    {
      displayName: 'Vault Entry',
      name: 'entry',
      type: 'string',
      default: '',
      placeholder: 'e.g. example/token',
      description: 'Name of the secret in the gateway’s store. Only its name is kept here.',
    },
    {
      displayName: 'Run',
      name: 'run',
      type: 'string',
      default: '={{ $json.run.token }}',
      description: 'The run that this call belongs to, which the items of the other Gatehouse nodes carry',
    },
    {
      displayName: 'Grant',
      name: 'grant',
      type: 'string',
      default: '={{ $json.grant }}',
      description:
        'The grant of a Policy Check or Approval Gate; without one the gateway decides the call now',
    },
  ];

  authenticate: IAuthenticate = async (credentials, options) => aimAtGateway(credentials, options);

  test: ICredentialTestRequest = whoami;
}

/** The request as n8n's HTTP Request node builds it; version 4 still uses the older field names. */
type AnyRequest = IHttpRequestOptions & { uri?: string; form?: IDataObject };

function aimAtGateway(
  credentials: ICredentialDataDecryptedObject,
  options: IHttpRequestOptions,
): IHttpRequestOptions {
  const request = options as AnyRequest;
  const base = String(credentials.baseUrl).replace(/\/+$/, '');
  const authorization = { Authorization: `Bearer ${String(credentials.token)}` };
  const target = targetOf(request);
  if (target === `${base}/v1/whoami`)
    return { ...options, headers: { ...options.headers, ...authorization } };
  const args: IDataObject = { method: (request.method ?? 'GET').toUpperCase(), url: target };
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => [name, String(value)]);
  const body = bodyOf(request);
  if (body !== undefined) {
    args.body = body;
    // The HTTP Request node leaves this header to the library that would have sent the object.
    const named = headers.some(([name]) => name?.toLowerCase() === 'content-type');
    if (!named && typeof request.body === 'object') headers.push(['content-type', 'application/json']);
  }
  if (headers.length > 0) args.headers = Object.fromEntries(headers) as IDataObject;
  if (credentials.entry) args.secret = String(credentials.entry);
  const call: IDataObject = {
    run: String(credentials.run ?? ''),
    tool: 'http.request',
    args,
    step: `request:${createHash('sha256').update(JSON.stringify(args)).digest('hex')}`,
  };
  if (credentials.grant) call.grant = String(credentials.grant);
  const address = `${base}/v1/executions`;
  // A new object with only what the gateway needs: nothing of the original request is sent to the target from n8n.
  return {
    method: 'POST',
    url: address,
    ...(request.uri === undefined ? {} : { uri: address }),
    headers: { ...authorization, 'Content-Type': 'application/json' },
    body: call,
    json: true,
    ...passedOn(request),
  } as IHttpRequestOptions;
}

/** How the HTTP Request node wants to receive the answer; says nothing about the target. */
function passedOn(request: AnyRequest): IDataObject {
  const kept = [
    'resolveWithFullResponse',
    'returnFullResponse',
    'simple',
    'encoding',
    'useStream',
    'timeout',
  ];
  return Object.fromEntries(
    Object.entries(request as unknown as IDataObject).filter(([name]) => kept.includes(name)),
  );
}

function targetOf(request: AnyRequest): string {
  const target = new URL(request.uri ?? request.url, request.baseURL);
  for (const [name, value] of Object.entries(request.qs ?? {}))
    target.searchParams.append(name, String(value));
  return target.toString();
}

function bodyOf(request: AnyRequest): string | undefined {
  const body: unknown = request.body ?? request.form;
  if (body === undefined || body === null || body === '') return undefined;
  return typeof body === 'string' ? body : JSON.stringify(body);
}
