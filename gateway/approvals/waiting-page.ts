import { randomBytes } from 'node:crypto';
import type { Response } from 'express';

/** One thing that the door to n8n says by itself. The texts are constants; nothing of the visitor's goes in. */
export interface WaitingPage {
  status: number;
  title: string;
  text: string;
}

const inbox = 'The approvals page lists every request that still waits for you.';

/** What happened, what it means for the reader, what to do. */
export const waitingPages = {
  invalid: {
    status: 401,
    title: 'This link does not work',
    text: `It was shortened or changed on its way, so nothing was shown or decided. Open it from the original message. ${inbox}`,
  },
  missing: {
    status: 404,
    title: 'There is no such request',
    text: `The request behind this link does not exist any more, so there is nothing to decide. ${inbox}`,
  },
  over: {
    status: 410,
    title: 'This request is closed',
    text: `It was decided, cancelled or ran out of time; nothing more is needed from you. ${inbox}`,
  },
  busy: {
    status: 409,
    title: 'One moment, please',
    text: 'The workflow is just working on this request. Nothing was lost. Load this page again in a few seconds.',
  },
  broken: {
    status: 502,
    title: 'The request could not be shown',
    text: `The workflow engine met an error. If you were voting, look whether your vote was counted before you vote again. ${inbox}`,
  },
  away: {
    status: 503,
    title: 'The workflow engine does not answer',
    text: `It may be restarting; the request is safe and stays open until its deadline. Try again in a minute. ${inbox}`,
  },
  tooLarge: {
    status: 413,
    title: 'That was too much text',
    text: 'Nothing was counted. Go back, shorten the comment, and send it again.',
  },
  method: {
    status: 405,
    title: 'This link opens in a browser',
    text: 'Only showing the request and sending its form are possible here.',
  },
} as const satisfies Record<string, WaitingPage>;

/** Answers with one of our own pages, in place of what n8n would say. */
export function sendWaitingPage(response: Response, page: WaitingPage): void {
  const nonce = randomBytes(16).toString('base64');
  response.status(page.status);
  response.set({
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; frame-ancestors 'none'`,
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title} · Gatehouse</title>
<style nonce="${nonce}">
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; padding: 48px 16px }
main { max-width: 36rem; margin: 0 auto }
h1 { font-size: 24px; line-height: 1.25 }
a { display: inline-block; padding: 12px 0; min-height: 20px }
</style>
</head>
<body>
<main>
<h1>${page.title}</h1>
<p>${page.text}</p>
<p><a href="/approvals">Open the approvals page</a></p>
</main>
</body>
</html>
`);
}
