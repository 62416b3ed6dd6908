import type {
  Icon,
  ICredentialDataDecryptedObject,
  ICredentialTestRequest,
  ICredentialType,
  IHttpRequestOptions,
  INodeProperties,
} from 'n8n-workflow';
import { whoami } from './whoami';

/** How the Gatehouse nodes reach the gateway. Production secrets stay in the gateway; this only opens its door. */
export class GatehouseApi implements ICredentialType {
  name = 'gatehouseApi';

  displayName = 'Gatehouse API';

  icon: Icon = { light: 'file:gatehouse.svg', dark: 'file:gatehouse.dark.svg' };

  documentationUrl =
    'https://github.com/gatehouse-dev/n8n-nodes-gatehouse/blob/main/docs/nodes.md#gatehouse-api';

  restrictToSupportedNodes = true as const;

  properties: INodeProperties[] = [
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
        'Made by the gateway for this n8n. Leave it empty where the installation fills it in at start (npm start and docker compose do).',
    },
    {
      displayName: 'Signing Secret',
      name: 'signingSecret',
      type: 'string',
      typeOptions: { password: true },
      default: '',
      description:
        'Shared with the gateway; proves that messages and approval outcomes come from it. Begins with whsec_. Leave it empty where the installation fills it in at start.',
    },
  ];

  // A function and not a template, so that the address is taken from the same read of the credential. It answers with
  // a copy: a changed original would end up in execution data when the request fails.
  authenticate = async (
    credentials: ICredentialDataDecryptedObject,
    options: IHttpRequestOptions,
  ): Promise<IHttpRequestOptions> => ({
    ...options,
    baseURL: String(credentials.baseUrl),
    headers: { ...options.headers, Authorization: `Bearer ${String(credentials.token)}` },
  });

  test: ICredentialTestRequest = whoami;
}
