import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { repository } from '../../gateway/cli/up/index.ts';
import { launchBrowser, noBrowser, signIn } from './support/browser.ts';
import { payments, type Payments } from './support/payments.ts';
import { eventually, person, type Person } from './support/person.ts';
import { testStack, type TestStack } from './support/stack.ts';

let stack: TestStack;
let browser: Browser;
let requester: Person;
let pay: Payments;
before(
  async () => {
    if (noBrowser) return;
    stack = await testStack();
    browser = await launchBrowser();
    requester = await person(stack, 'requester');
    pay = payments(stack, requester);
  },
  { timeout: 600_000 },
);
after(
  async () => {
    await browser?.close();
    await stack?.stop();
  },
  { timeout: 60_000 },
);

interface Ended {
  code: number;
  out: string;
}

const command = join(repository, 'gateway/cli/gatehouse.mjs');
/** Somebody's terminal on another machine: it knows the address of the gateway, and nothing else of it. */
const environment = (user: string): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: join(stack.dir, user),
  GATEHOUSE_UP_DIR: join(stack.dir, user),
});

const gatehouse = (user: string, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { env: environment(user) }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: `${out}${err}` }),
    );
  });

/** Types `gatehouse login`, and answers on the page that it names. */
async function login(user: string, page: Page, answer: 'Yes, it is mine' | 'No'): Promise<Ended> {
  const url = new URL(stack.urls.chat).origin;
  const child = spawn(process.execPath, [command, 'login', '--url', url], { env: environment(user) });
  let out = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (out += text.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (code) => resolve({ code: code ?? 1, out })),
  );
  await eventually('a code', 20_000, () =>
    Promise.resolve({ done: /[A-Z]{4}-[A-Z]{4}/.test(out), seen: out }),
  );
  await page.goto(/Open (\S+) in a browser/.exec(out)?.[1] ?? '');
  await page.getByLabel('Code').fill(/[A-Z]{4}-[A-Z]{4}/.exec(out)?.[0] ?? '');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('heading', { name: 'Is this your terminal?' }).waitFor();
  await page.getByRole('button', { name: answer, exact: true }).click();
  return ended;
}

describe('a terminal', { timeout: 300_000, skip: noBrowser }, () => {
  let approver: Page;

  it('acts for nobody before somebody agreed in their browser, and after they said no', async () => {
    const open = await pay.ask('terminal-0');
    const stranger = await gatehouse('alex', 'approvals', 'approve', open.id, '--yes');
    assert.deepEqual([stranger.code, /GH-CLI-416/.test(stranger.out)], [1, true]);
    approver = await signIn(browser, stack.links['approver-a']);
    const refused = await login('alex', approver, 'No');
    assert.deepEqual([refused.code, /GH-CLI-415/.test(refused.out)], [1, true]);
    assert.equal((await gatehouse('alex', 'approvals', 'approve', open.id, '--yes')).code, 1);
    await pay.stillOpen(open, 'terminal-0');
  });

  it('is signed in with a code on the page, approves what it shows, and the payment is made once', async () => {
    const { code, out } = await login('alex', approver, 'Yes, it is mine');
    assert.equal(code, 0, out);
    assert.match(out, /Signed in as Alex Approver \(approver-a\) until /);
    const kept = /kept in (\S+)\./.exec(out)?.[1] ?? '';
    assert.equal(statSync(kept).mode & 0o777, 0o600);
    const open = await pay.ask('terminal-1');
    // Nobody is there who could type the amount.
    assert.match((await gatehouse('alex', 'approvals', 'approve', open.id)).out, /GH-CLI-419/);
    await pay.stillOpen(open, 'terminal-1');
    const approved = await gatehouse(
      'alex',
      'approvals',
      'approve',
      open.id,
      '--yes',
      '--comment',
      'as agreed',
    );
    assert.equal(approved.code, 0, approved.out);
    assert.match(approved.out, /asks to pay 120\.00 EUR to ACME/);
    await requester.answerTo(open.said, /Paid/);
    assert.equal(await pay.paid('terminal-1'), 1);
    assert.match((await requester.read(`/approvals/${open.id}`)).text, /Alex Approver in the terminal/);
    assert.equal((await gatehouse('alex', 'approvals', 'approve', open.id, '--yes')).code, 1);
    assert.deepEqual(await pay.outcomes(open), ['approved']);
  });

  it('rejects with a reason that reaches the requester', async () => {
    const open = await pay.ask('terminal-2');
    assert.match((await gatehouse('alex', 'approvals', 'reject', open.id, '--yes')).out, /GH-CLI-418/);
    const rejected = await gatehouse(
      'alex',
      'approvals',
      'reject',
      open.id,
      '--yes',
      '--comment',
      'wrong payee',
    );
    assert.equal(rejected.code, 0, rejected.out);
    await requester.answerTo(open.said, /wrong payee/);
    assert.equal(await pay.paid('terminal-2'), 0);
  });

  it('of the requester does not see their own payment as theirs to decide', async () => {
    const page = await signIn(browser, stack.links.requester);
    assert.equal((await login('robin', page, 'Yes, it is mine')).code, 0);
    const open = await pay.ask('terminal-3');
    const own = await gatehouse('robin', 'approvals', 'approve', open.id, '--yes');
    assert.equal(own.code, 1, own.out);
    await pay.stillOpen(open, 'terminal-3');
  });

  it('votes no more once its person signed it out on the page', async () => {
    const open = await pay.ask('terminal-4');
    await approver.goto(`${stack.urls.chat}terminal`);
    await approver.getByRole('button', { name: 'Sign it out' }).click();
    await approver
      .getByRole('heading', { name: 'Terminals that act for you' })
      .waitFor({ state: 'detached' });
    const late = await gatehouse('alex', 'approvals', 'approve', open.id, '--yes');
    assert.deepEqual([late.code, /GH-WEB-052/.test(late.out)], [1, true]);
    await pay.stillOpen(open, 'terminal-4');
    assert.match((await gatehouse('alex', 'logout')).out, /Signed out/);
    assert.match((await gatehouse('alex', 'logout')).out, /was not signed in/);
  });
});
