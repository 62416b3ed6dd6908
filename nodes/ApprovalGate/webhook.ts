import { randomBytes } from 'node:crypto';
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import type { Card } from '../shared/contract';
import { callGateway } from '../shared/gateway';
import { isObject } from '../shared/parameters';
import { readable, type Refusal } from '../shared/refusal';
import { answerFailure, KEEP_WAITING } from '../shared/wait';
import { cardPage, messagePage } from './page';
import { resume } from './resume';

/**
 * Answers a request to a waiting gate. It never throws: n8n would take that for an end of the wait and run the first
 * output. Only an outcome that the gateway signed resumes.
 */
export async function answerWebhook(context: IWebhookFunctions): Promise<IWebhookResponseData> {
  try {
    const request = context.getRequestObject();
    if (request.method === 'POST' && request.headers['webhook-signature'] !== undefined) {
      const resumed = await resume(context);
      if (!('why' in resumed)) return resumed;
      context.getResponseObject().status(resumed.status).json({ gatehouse: 'refused', detail: resumed.why });
    } else if (request.method === 'POST') {
      await relayVote(context);
    } else {
      await showForm(context);
    }
  } catch {
    answerFailure(context);
  }
  return KEEP_WAITING;
}

async function showForm(context: IWebhookFunctions): Promise<void> {
  const answer = await callGateway<Card>(context, 'GET', `/v1/approvals/${approvalOf(context)}`);
  if (answer.ok) sendPage(context, 200, (nonce) => cardPage(answer.value, nonce));
  else sendRefusal(context, answer.refusal);
}

/** Relays a vote unread. The personal token that makes it count is known to the gateway and the approver only. */
async function relayVote(context: IWebhookFunctions): Promise<void> {
  const id = approvalOf(context);
  const { token, verdict, comment, shown } = context.getBodyData();
  const vote: IDataObject = { token: text(token), verdict: text(verdict) };
  if (text(shown) !== '') vote.shown = text(shown);
  if (text(comment).trim() !== '') vote.comment = text(comment).trim();
  if (verdict === 'reject' && vote.comment === undefined) {
    const why = 'Say in a sentence why you reject; nothing was decided yet.';
    sendRefusal(context, { code: 'comment_missing', text: why, next: 'Go back to add it.' });
    return;
  }
  const answer = await callGateway<{ message: string }>(context, 'POST', `/v1/approvals/${id}/votes`, vote);
  if (!answer.ok) return sendRefusal(context, answer.refusal);
  const { message } = answer.value;
  const card = await callGateway<Card>(context, 'GET', `/v1/approvals/${id}`);
  sendPage(context, 200, (nonce) =>
    card.ok
      ? cardPage(card.value, nonce, message)
      : messagePage('Your decision was recorded', message, nonce),
  );
}

/** The approval in n8n's signed query. */
function approvalOf(context: IWebhookFunctions): string {
  const query = context.getQueryData();
  return encodeURIComponent(isObject(query) ? text(query.approval) : '');
}

function sendRefusal(context: IWebhookFunctions, refusal: Refusal): void {
  const status = refusal.code === 'gateway_unreachable' ? 503 : 400;
  sendPage(context, status, (nonce) => messagePage('Nothing was decided', readable(refusal), nonce));
}

/**
 * Sends a page of ours. It lives on the origin of n8n's editor, so it is sandboxed away from it; a sandboxed form posts
 * with `Origin: null`, which is well, since the vote is proven by its token.
 */
function sendPage(context: IWebhookFunctions, status: number, page: (nonce: string) => string): void {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'none'",
    `style-src 'nonce-${nonce}'`,
    `script-src 'nonce-${nonce}'`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    'sandbox allow-forms allow-scripts',
  ];
  context
    .getResponseObject()
    .status(status)
    .set({
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': policy.join('; '),
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
    .send(page(nonce));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
