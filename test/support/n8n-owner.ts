import assert from 'node:assert/strict';

/** How the owner of an n8n signs in. */
export interface OwnerLogin {
  /** base address of n8n */
  url: string;
  email: string;
  password: string;
}

/** An owner's session in n8n. */
export interface N8nOwner {
  /** Calls n8n's REST API, as its editor does. @returns the answer's `data` */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Makes a key for n8n's public API. */
  apiKey(scopes: string[]): Promise<string>;
  /** The headers that make a request one of this session. */
  session: Record<string, string>;
}

const headers = { 'content-type': 'application/json', 'browser-id': 'gatehouse-test' };

/** Sets up the owner of a new n8n, as its first page does. */
export async function setUpOwner({ url, email, password }: OwnerLogin): Promise<void> {
  const answer = await fetch(`${url}/rest/owner/setup`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ email, password, firstName: 'Olive', lastName: 'Owner' }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** Signs in to n8n as its owner. */
export async function n8nOwner({ url, email, password }: OwnerLogin): Promise<N8nOwner> {
  const base = url.replace(/\/$/, '');
  const login = await fetch(`${base}/rest/login`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ emailOrLdapLoginId: email, password }),
  });
  assert.equal(login.status, 200, 'the owner may sign in');
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const session = { ...headers, cookie };
  const call: N8nOwner['call'] = async (method, path, body) => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: session,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
    return (JSON.parse(text) as { data: unknown }).data;
  };
  return {
    call,
    session,
    async apiKey(scopes) {
      const made = await call('POST', '/rest/api-keys', { label: 'gatehouse', expiresAt: null, scopes });
      return (made as { rawApiKey: string }).rawApiKey;
    },
  };
}
