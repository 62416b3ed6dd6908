import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { GatehouseError } from '../config/index.ts';
import { plain } from './output.ts';
import { commandSettings } from './settings.ts';
import { forgetSession, gatewayUrl, keepSession, keptSession, refusalOf, request } from './terminal.ts';

const Begun = z.looseObject({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  expires_in: z.number(),
  interval: z.number(),
});
const Confirmed = z.looseObject({
  access_token: z.string(),
  expires_in: z.number(),
  principal: z.string(),
  display: z.string(),
});
const Waiting = z.looseObject({ error: z.string() });

/** `gatehouse login`: signs this terminal in, with a code that its person types into their browser. */
export function loginCommand(): Command {
  return new Command('login')
    .description('sign this terminal in as yourself, to decide approvals here')
    .option('--url <address>', 'the address of the approvals page; by default that of this installation')
    .action(async (options: { url?: string }) => {
      const url = gatewayUrl(options.url ?? commandSettings({ database: false }).publicUrl);
      const form = { host: hostname(), account: userInfo().username };
      const answer = await request(`${url}/terminal/codes`, { form });
      const begun = Begun.safeParse(answer.json);
      if (!begun.success) throw refusalOf(answer);
      const { device_code: code, user_code: shown, verification_uri: page } = begun.data;
      process.stdout.write(
        `Open ${plain(page)} in a browser where you are signed in, and type\n\n  ${plain(shown)}\n\nWaiting for you to agree there…\n`,
      );
      const session = await collect(url, code, begun.data);
      await end();
      const until = new Date(Date.now() + session.expires_in * 1000).toISOString();
      const { access_token: token, principal, display } = session;
      const file = await keepSession({ url, token, principal, display, expiresAt: until });
      process.stdout.write(
        `Signed in as ${plain(display)} (${plain(principal)}) until ${until.slice(0, 16).replace('T', ' ')} UTC.\nIf that is not you, sign out: npx gatehouse logout\nThe session is kept in ${file}.\n`,
      );
    });
}

/** `gatehouse logout`: ends the session, here and at the gateway. */
export function logoutCommand(): Command {
  return new Command('logout').description('sign this terminal out').action(async () => {
    const ended = await end();
    await forgetSession();
    process.stdout.write(ended ? 'Signed out.\n' : 'This terminal was not signed in.\n');
  });
}

/** Asks until the person has answered in their browser (RFC 8628, 3.4 and 3.5). */
async function collect(
  url: string,
  code: string,
  { interval, expires_in: seconds }: z.output<typeof Begun>,
): Promise<z.output<typeof Confirmed>> {
  let pause = interval;
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    await sleep(pause * 1000);
    const answer = await request(`${url}/terminal/token`, {
      form: { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: code },
    });
    const confirmed = Confirmed.safeParse(answer.json);
    if (answer.status === 200 && confirmed.success) return confirmed.data;
    const error = Waiting.safeParse(answer.json).data?.error;
    if (error === 'slow_down') pause += 5;
    else if (error === 'access_denied') throw refused();
    else if (error === 'expired_token') break;
    else if (error !== 'authorization_pending') throw refusalOf(answer);
  }
  throw new GatehouseError('GH-CLI-414', 'The code was not confirmed in time.', {
    next: 'npx gatehouse login',
  });
}

/** Ends the kept session at its gateway; one that is over, or out of reach, ends by itself. @returns whether there was one */
async function end(): Promise<boolean> {
  const kept = await keptSession().catch(() => null);
  if (!kept) return false;
  await request(`${kept.url}/terminal/logout`, { token: kept.token, body: {} }).catch(() => undefined);
  return true;
}

const refused = (): GatehouseError =>
  new GatehouseError('GH-CLI-415', 'The person in the browser said that this is not their terminal.');
