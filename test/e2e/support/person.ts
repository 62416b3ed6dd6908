import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a form was answered with. */
export interface Page {
  status: number;
  /** the page without its tags */
  text: string;
}

/** Somebody who is signed in and uses the pages by HTTP, as fast and as often as a test needs. */
export interface Person {
  principal: string;
  say(text: string): Promise<void>;
  /** Opens a page of theirs. */
  open(path: string): Promise<Response>;
  /** Sends a form of theirs as the page does. */
  send(path: string, fields: Record<string, string>): Promise<Response>;
  /** Reads a page of theirs. */
  read(path: string): Promise<Page>;
  /** The answer under the last thing that they said in these words, once it matches. */
  answerTo(text: string, expected: RegExp, timeoutMs?: number): Promise<string>;
  /** The personal link to the n8n form in the notice that holds `about`. */
  formLink(about: string): Promise<string>;
  /** Votes on the approval's own page. */
  vote(id: string, verdict: 'approve' | 'reject', comment?: string): Promise<Page>;
  /** Changes values of a request by the form of its page. */
  edit(id: string, change: Record<string, string>): Promise<Response>;
}

/** Signs in through a link, as the button of its page does. */
export async function person<Account extends string>(
  stack: { links: Record<Account, string> },
  account: Account,
): Promise<Person> {
  const link = new URL(stack.links[account]);
  const base = link.origin;
  const entered = await fetch(`${base}/login`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: base },
    body: new URLSearchParams({ token: link.searchParams.get('token') ?? '' }),
  });
  assert.equal(entered.status, 303, 'the sign-in link works');
  const cookie = entered.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const open = (path: string): Promise<Response> =>
    fetch(`${base}${path}`, { headers: { cookie, accept: 'text/html' } });
  const html = async (path: string): Promise<{ status: number; html: string }> => {
    const answer = await open(path);
    return { status: answer.status, html: await answer.text() };
  };
  const home = await html('/');
  const csrf = /name="csrf" value="([^"]+)"/.exec(home.html)?.[1] ?? '';
  const post = (path: string, fields: Record<string, string>): Promise<Response> =>
    fetch(`${base}${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { origin: base, cookie, accept: 'text/html' },
      body: new URLSearchParams({ csrf, ...fields }),
    });
  const send = async (path: string, fields: Record<string, string>): Promise<Page> => {
    const answer = await post(path, fields);
    return { status: answer.status, text: plain(await answer.text()) };
  };
  const entries = async (): Promise<string[]> => (await html('/')).html.split('<li class="entry"').slice(1);

  return {
    principal: account,
    open,
    send: post,
    async say(text) {
      const { status, text: said } = await send('/messages', { text });
      assert.equal(status, 303, said);
    },
    async read(path) {
      const page = await html(path);
      return { status: page.status, text: plain(page.html) };
    },
    answerTo(text, expected, timeoutMs = 45_000) {
      return eventually(`an answer to ${text} like ${String(expected)}`, timeoutMs, async () => {
        const mine = (await entries()).filter((entry) => plain(entry).includes(`You: ${text}`)).at(-1) ?? '';
        const answer = plain(mine.slice(mine.indexOf('card answer')));
        return { done: expected.test(answer), seen: answer };
      });
    },
    async formLink(about) {
      let link = '';
      await eventually(`a notice about ${about}`, 30_000, async () => {
        const notice = (await entries()).filter((entry) => plain(entry).includes(about)).at(-1) ?? '';
        link = decode(/<a class="button" href="([^"]+)"/.exec(notice)?.[1] ?? '');
        return { done: link !== '', seen: plain(notice) };
      });
      return link;
    },
    async vote(id, verdict, comment = '') {
      const { html: page } = await html(`/approvals/${id}`);
      // Where the page shows no form, a crafted request could still name what the request is bound to: it stands last.
      const binding =
        /name="binding" value="([^"]+)"/.exec(page)?.[1] ?? page.match(/sha256:[0-9a-f]{64}/g)?.at(-1) ?? '';
      return send(`/approvals/${id}/votes`, { verdict, comment, binding });
    },
    async edit(id, change) {
      const { html: page } = await html(`/approvals/${id}/edit`);
      const inputs = [...page.matchAll(/name="(arg\.[^"]+|digest)" value="([^"]*)"/g)];
      const fields = inputs.map(([, name = '', value = '']) => [name, decode(value)]);
      const changed = Object.entries(change).map(([name, value]) => [`arg.${name}`, value]);
      return post(
        `/approvals/${id}/edit`,
        Object.fromEntries([...fields, ...changed]) as Record<string, string>,
      );
    },
  };
}

/** Sends the n8n form behind a personal link, as the approver's browser does. */
export async function sendForm(
  link: string,
  fields: { verdict: string; comment?: string; token?: string },
): Promise<Page> {
  const [address, token] = link.split('#') as [string, string | undefined];
  const answer = await fetch(address, {
    method: 'POST',
    headers: { origin: 'null' },
    body: new URLSearchParams({ token: token ?? '', comment: '', ...fields }),
  });
  return { status: answer.status, text: plain(await answer.text()) };
}

/** Looks again and again. @returns what was seen when it was done; what was seen last is in the failure */
export async function eventually(
  what: string,
  timeoutMs: number,
  look: () => Promise<{ done: boolean; seen: string }>,
): Promise<string> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const { done, seen } = await look();
    if (done) return seen;
    if (Date.now() > until) assert.fail(`there was never ${what}; last seen: ${seen}`);
    await sleep(200);
  }
}

function plain(html: string): string {
  const body = html.replaceAll(/<(style|script)[\s\S]*?<\/\1>/g, ' ');
  return decode(body.replaceAll(/<[^>]*>/g, ' '))
    .replaceAll(/\s+/g, ' ')
    .replaceAll(' :', ':')
    .trim();
}

function decode(html: string): string {
  const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return html.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_all, name: string) => names[name] ?? '');
}
