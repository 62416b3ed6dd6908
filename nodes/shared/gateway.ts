import { sleep } from 'n8n-workflow';
import type {
  IDataObject,
  IExecuteFunctions,
  IHttpRequestOptions,
  ILoadOptionsFunctions,
  IWebhookFunctions,
} from 'n8n-workflow';
import type { Refusal } from './refusal';

export const CREDENTIAL = 'gatehouseApi';

/** The n8n contexts that a call to the gateway can be made from. */
export type Context = IExecuteFunctions | IWebhookFunctions | ILoadOptionsFunctions;

/** What a call came to: errors are values here, because every node must turn them into its blocked output. */
export type Answer<T> = { ok: true; value: T } | { ok: false; refusal: Refusal };

interface FullResponse {
  statusCode: number;
  headers: IDataObject;
  body: unknown;
}

/**
 * Pauses before each further attempt, ms. A gateway that starts again takes seconds, and each call is idempotent by its
 * step; who looks at a list or a form is told soon.
 */
const PAUSES = { POST: [300, 1000, 3000, 8000], GET: [300, 1000] };

/**
 * Calls the gateway's API with the Gatehouse credential, which also knows its address.
 * @param path path below the gateway's base URL, for example `/v1/decisions`
 * @returns the answer's JSON, or a refusal for an unreachable gateway, an error answer or an unreadable one
 */
export async function callGateway<T>(
  context: Context,
  method: 'GET' | 'POST',
  path: string,
  body?: IDataObject,
): Promise<Answer<T>> {
  if (!context.getNode().credentials?.[CREDENTIAL]) {
    return refuse('credential_missing', 'This node has no Gatehouse credential.', 'Choose one in the node.');
  }
  for (let attempt = 0; ; attempt++) {
    const response = await send(context, { method, url: path, body });
    const pause = PAUSES[method][attempt];
    if (pause !== undefined && isOutage(response)) await sleep(pause);
    else return read(response, method === 'GET' ? '.' : ', so nothing was done.');
  }
}

async function send(context: Context, request: IHttpRequestOptions): Promise<FullResponse | null> {
  try {
    return (await context.helpers.httpRequestWithAuthentication.call(context, CREDENTIAL, {
      ...request,
      json: true,
      timeout: 30_000,
      returnFullResponse: true,
      ignoreHttpStatusErrors: true,
      disableFollowRedirect: true,
    })) as FullResponse;
  } catch {
    // The error names the request with its headers; only the fact that there was no answer is kept.
    return null;
  }
}

/** No answer, or one that asks to come back: the gateway sends Retry-After when a repeat can succeed. */
function isOutage(response: FullResponse | null): boolean {
  return response === null || (response.statusCode === 503 && response.headers['retry-after'] !== undefined);
}

/** @param end how a sentence about a failed call ends */
function read<T>(response: FullResponse | null, end: string): Answer<T> {
  if (response === null) {
    return refuse(
      'gateway_unreachable',
      `Gatehouse cannot be reached${end}`,
      'Check that the gateway runs and that the address in the credential is right.',
    );
  }
  const { statusCode, body } = response;
  if (statusCode === 204) return { ok: true, value: undefined as T };
  const fields = body !== null && typeof body === 'object' ? (body as IDataObject) : {};
  if (statusCode === 200) {
    if (Object.keys(fields).length > 0) return { ok: true, value: fields as T };
    return refuse('unexpected_answer', `The gateway answered with something unreadable${end}`);
  }
  return refuse(
    typeof fields.code === 'string' ? fields.code : `http_${statusCode}`,
    String(fields.detail ?? fields.title ?? `The gateway answered ${statusCode}${end}`),
    typeof fields.next === 'string' ? fields.next : undefined,
  );
}

function refuse(code: string, text: string, next?: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code, text, next } };
}
