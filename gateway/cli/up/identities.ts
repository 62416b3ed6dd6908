import { randomBytes } from 'node:crypto';
import { loadSettings, type Settings } from '../../config/index.ts';
import { migrate, openPool } from '../../db/index.ts';
import { createClients, createSignIn } from '../../sessions/index.ts';
import { prepareDemo } from '../../tools/index.ts';
import { createSecretStore } from '../../vault/index.ts';

/** What n8n shares with the gateway: its client token, and the key that signs what the gateway sends to it. */
export interface SharedSecrets {
  token: string;
  signingSecret: string;
}

/** What n8n may do at the internal API; it can neither read receipts nor touch the kill switch. */
const n8nScopes = ['run'];

/**
 * Makes n8n's client token anew and reads the signing secret, or makes it at the first start, before the gateway and
 * n8n run.
 * @param settings the gateway's
 */
export async function issueSharedSecrets(settings: Settings): Promise<SharedSecrets> {
  const pool = openPool(settings.databaseUrl, 2);
  try {
    await migrate(pool);
    const token = await createClients({ pool }).issue('n8n', n8nScopes);
    const store = createSecretStore(settings);
    const known = await store.get('n8n/signing-secret');
    if (known) return { token, signingSecret: known };
    const signingSecret = `whsec_${randomBytes(32).toString('base64')}`;
    await store.set('n8n/signing-secret', signingSecret);
    return { token, signingSecret };
  } finally {
    await pool.end();
  }
}

/** Makes the demo's systems of record; their password is in the secret store and nowhere else. */
export async function makeDemo(settings: Settings, adminUrl: string): Promise<void> {
  if (settings.demo) await prepareDemo({ adminUrl, store: createSecretStore(settings) });
}

/** The demo accounts of `policies/people.yaml`, in the order in which they are shown. */
export const demoAccounts = ['requester', 'approver-a', 'approver-b', 'admin'] as const;

/** Makes a sign-in link for each demo account; the links work for a day, any number of times. */
export async function demoLinks(
  environment: NodeJS.ProcessEnv,
): Promise<Record<(typeof demoAccounts)[number], string>> {
  const settings = loadSettings(environment);
  const pool = openPool(settings.databaseUrl, 1);
  try {
    const signIn = createSignIn({ pool, demo: true });
    const links = await Promise.all(
      demoAccounts.map(async (account) => {
        const token = await signIn.issueLogin(account, 24 * 3600, { reusable: true });
        return [account, `${settings.publicUrl}/login?token=${token}`] as const;
      }),
    );
    return Object.fromEntries(links) as Record<(typeof demoAccounts)[number], string>;
  } finally {
    await pool.end();
  }
}
