import { refusal } from '../refusals.ts';
import type { Issued } from '../store.ts';
import { Credentials, filled } from './dynamic.ts';
import { signIn, told, type SignIn } from './session.ts';

/**
 * Makes a database user under a session of its own, which is neither renewed nor closed here: the user ends with its lease,
 * with that session's time, or when the session is revoked, whichever comes first.
 * @param remember notes the session's accessor before it is used
 * @throws GatehouseError `GH-VAULT-011` to `-015`, `-022`
 */
export async function issueUser(
  account: SignIn,
  { mount, role, url }: { mount: string; role: string; url: string },
  remember: (accessor: string) => Promise<void>,
): Promise<Issued> {
  const { store, transport } = account;
  const from = Date.now();
  const { client_token: token, accessor, lease_duration: sessionSeconds } = await signIn(account);
  // A batch token has no accessor: nobody could end what is made with it.
  if (accessor === '') throw refusal(store, 'odd');
  await remember(accessor);
  const answer = await transport({ method: 'GET', path: `${mount}/creds/${role}`, token }).catch(
    (error: unknown) => {
      throw told(store, error);
    },
  );
  const parsed = Credentials.safeParse(answer);
  if (!parsed.success) throw refusal(store, 'odd');
  const { lease_duration: seconds, data } = parsed.data;
  const life = Math.min(seconds, sessionSeconds > 0 ? sessionSeconds : Infinity);
  return { value: filled(url, data), until: new Date(from + life * 1000) };
}
