import type { Card } from '../shared/contract';
import { stylesheet } from './style';

const STATES: Record<string, string> = {
  pending: '… Waiting for a decision',
  approved: '✓ Approved',
  rejected: '✕ Rejected',
  expired: '⏱ Expired: nobody decided in time',
  cancelled: '✕ Withdrawn',
  superseded: '→ Replaced by a newer request; the approvals page shows it',
  undeliverable: '? Could not be delivered',
};

/** Runs in the approver's browser: takes their personal token out of the fragment, which is never sent by itself. */
const SCRIPT = `
  const token = location.hash.slice(1);
  const form = document.querySelector('form');
  if (form && token) {
    form.elements.token.value = token;
    form.hidden = false;
    document.getElementById('impersonal').hidden = true;
  }
  for (const time of document.querySelectorAll('time')) {
    time.title = time.dateTime;
    time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  }
`;

/**
 * The approval form. Opening it changes nothing; only its POST, with the personal token, is a vote.
 * @param nonce of the page's content security policy
 * @param notice what the gateway said to the vote that was just sent
 */
export function cardPage(card: Card, nonce: string, notice?: string): string {
  const open = card.state === 'pending';
  return page(
    card.sentence,
    [
      notice === undefined ? '' : `<p class="notice" role="status">${escape(notice)}</p>`,
      `<p class="state ${open ? 'open' : 'closed'}">${escape(STATES[card.state] ?? card.state)}</p>`,
      `<h1>${escape(card.sentence)}</h1>`,
      section('Why you are asked', list(card.reasons?.map((reason) => reason.text))),
      section('What will happen', facts(card.facts)),
      section('Values that did not come from the requester', origins(card.provenance)),
      section('Text, not verified', card.quoted ? `<pre>${escape(card.quoted)}</pre>` : ''),
      section('Who decides', deciders(card)),
      open && notice === undefined ? form(card) : '',
    ].join(''),
    nonce,
  );
}

/** A page that says one thing. */
export function messagePage(title: string, text: string, nonce: string): string {
  return page(title, `<h1>${escape(title)}</h1><p role="alert">${escape(text)}</p>`, nonce);
}

function page(title: string, body: string, nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escape(title)} · Gatehouse</title>
<style nonce="${nonce}">${stylesheet}</style>
</head>
<body>
<main>${body}</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>`;
}

function section(title: string, content: string): string {
  return content === '' ? '' : `<section><h2>${title}</h2>${content}</section>`;
}

function list(entries: string[] | undefined): string {
  if (!entries?.length) return '';
  return `<ul>${entries.map((entry) => `<li>${escape(entry)}</li>`).join('')}</ul>`;
}

function facts(rows: Card['facts'] | undefined): string {
  if (!rows?.length) return '';
  const cells = rows.map(
    ({ label, value }) => `<tr><th scope="row">${escape(label)}</th><td>${escape(value)}</td></tr>`,
  );
  return `<table>${cells.join('')}</table>`;
}

function origins(rows: Card['provenance'] | undefined): string {
  return list(rows?.map(({ label, value, source }) => `${label}: ${value} (${source})`));
}

function deciders(card: Card): string {
  const names = card.approvers?.map((approver) => approver.display).join(', ');
  const one = card.approvers?.length > 1 ? 'One of ' : '';
  const needed = card.quorum > 1 ? `${card.quorum} different people of ` : one;
  const votes = card.votes?.map(
    (vote) =>
      `${vote.display} ${vote.verdict === 'approve' ? 'approved' : 'rejected'}${vote.comment ? `: ${vote.comment}` : ''}`,
  );
  return [
    names ? `<p>${escape(`${needed}${names}`)}</p>` : '',
    list(votes),
    card.deadline
      ? `<p>${card.state === 'pending' ? 'Open until' : 'Was open until'} <time datetime="${escape(card.deadline)}">${escape(card.deadline)}</time></p>`
      : '',
  ].join('');
}

function form(card: Card): string {
  return `<p id="impersonal" class="notice">This link lacks the part that says who you are, so nothing can be decided here.
 Open it from the message that was sent to you, or decide on the approvals page of Gatehouse.</p>
<form method="post" hidden>
<input type="hidden" name="token">
<input type="hidden" name="shown" value="${escape(card.binding ?? '')}">
<label for="comment">Comment <span>(needed to reject)</span></label>
<textarea id="comment" name="comment" rows="3" maxlength="2000"></textarea>
<div class="buttons">
<button name="verdict" value="approve" class="approve">${card.kind === 'confirm' ? 'Confirm' : 'Approve'} ${escape(card.effect ?? '')}</button>
<button name="verdict" value="reject" class="reject">Reject</button>
</div>
</form>`;
}

/** Text for HTML content and quoted attributes. */
function escape(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return String(text).replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
