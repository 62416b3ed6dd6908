import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { repository } from '../../gateway/cli/up/index.ts';
import { answerTo, say, signIn } from '../e2e/support/browser.ts';
import { eventually } from '../e2e/support/person.ts';
import type { TestStack } from '../e2e/support/stack.ts';
import type { Album, View } from './album.ts';

const views: View[] = [
  { scheme: 'light', width: 1280, height: 800, full: true },
  { scheme: 'dark', width: 360, height: 740, full: true },
];
/** How long a request stays open: long enough to take all pictures of a step before the next one. */
const seconds = 240;

/** Settings of the stack that is looked at: its requests are reminded of and escalated within minutes. */
export function peopleSettings(dir: string): NodeJS.ProcessEnv {
  return { GATEHOUSE_APPROVAL_SECONDS: String(seconds), GATEHOUSE_POLICIES_DIR: policiesWithSteps(dir) };
}

/** Pictures of what requester, approver and manager see while a payment waits, is reminded of, escalated, and expires. */
export async function lookAtPeople(album: Album, stack: TestStack): Promise<void> {
  if (!album.wants('people-')) return;
  const { browser } = album;
  const requester = await signIn(browser, stack.links.requester);
  const approver = await signIn(browser, stack.links['approver-a']);
  const manager = await signIn(browser, stack.links.admin);
  await say(requester, '/pay 120 EUR ACME invoice-42');
  await answerTo(requester, '/pay', /Approval is needed/);
  const [row] = await stack.sql<{ id: string }>('select id from approvals order by created_at desc');
  const id = row?.id ?? '';

  const pagesOf = (person: string, page: Page): [string, Page, string][] => [
    [`${person}-chat`, page, '/'],
    [`${person}-inbox`, page, person === 'requester' ? '/approvals?view=mine' : '/approvals'],
    [`${person}-request`, page, `/approvals/${id}`],
  ];
  const look = async (step: string, ...pages: [string, Page, string][]): Promise<void> => {
    for (const [name, page, path] of pages)
      await album.take(page, `people-${step}-${name}`, views, async () => {
        await page.goto(new URL(path, stack.urls.chat).href);
      });
  };
  await look('1-asked', ...pagesOf('requester', requester), ...pagesOf('approver', approver));
  await untilReceipt(stack, id, 'approval.reminded');
  await look('2-reminded', ...pagesOf('approver', approver));
  await untilReceipt(stack, id, 'approval.escalated');
  await look('3-escalated', ...pagesOf('requester', requester), ...pagesOf('manager', manager));
  await untilReceipt(stack, id, 'approval.outcome');
  await look('4-expired', ...pagesOf('requester', requester), ...pagesOf('approver', approver));
  await look('4-expired', ['approver-decided', approver, '/approvals?view=decided&show=all']);
}

/** The rules that ship, with a reminder, an escalation, and the administrator as the manager whom it asks. */
function policiesWithSteps(dir: string): string {
  const folder = join(dir, 'policies');
  cpSync(join(repository, 'policies'), folder, { recursive: true });
  const change = (file: string, from: string, to: string): void => {
    const path = join(folder, file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
  };
  const steps = '    remindAt: [0.25]\n    escalate: [{ after: 0.5, groups: [managers] }]\n';
  change('approvals.yaml', '  payment:\n', `  payment:\n${steps}`);
  change('people.yaml', 'roles: [admin]\n    groups: []', 'roles: [admin]\n    groups: [managers]');
  return folder;
}

/** Waits until a step was taken, and a moment more for its messages to arrive. */
async function untilReceipt(stack: TestStack, id: string, kind: string): Promise<void> {
  await eventually(kind, seconds * 1000 + 30_000, async () => {
    const rows = await stack.sql('select from receipts where decision_id = $1 and kind = $2', [id, kind]);
    return { done: rows.length > 0, seen: 'nothing' };
  });
  await new Promise((resolve) => setTimeout(resolve, 3000));
}
