import type { ICredentialTestRequest } from 'n8n-workflow';

/** Asks the gateway whom it takes the caller for, and says what its refusal means: n8n shows nothing but this sentence. */
export const whoami: ICredentialTestRequest = {
  request: { baseURL: '={{ $credentials.baseUrl }}', url: '/v1/whoami' },
  rules: [
    {
      type: 'responseCode',
      properties: {
        value: 401,
        message:
          'The gateway does not know this client token. Leave it empty where npm start or docker compose fill it in; elsewhere run “npx gatehouse workflows import” again, which replaces it.',
      },
    },
    {
      type: 'responseCode',
      properties: {
        value: 404,
        message:
          'Something answers at this address, but not the gateway’s internal listener. It is the one on port 8081, not the one with the pages.',
      },
    },
  ],
};
