import { recordReceipts } from '../audit/index.ts';
import { transaction, type Transaction } from '../db/index.ts';
import { digestOfText, uuidv7 } from '../envelope/index.ts';
import { linkFor, pageOf } from './ask.ts';
import { buildCard, displayOf, visible } from './card.ts';
import { eligible, mayAsk } from './eligible.ts';
import { askingNotice, waitingCard } from './notices.ts';
import { refusals } from './refusals.ts';
import { noticeCard } from './settle.ts';
import { latest, findApprovals, lockApprovals, type ApprovalRow } from './store.ts';
import type { ApprovalsDeps } from './types.ts';
import { unproven, type Actor } from './voter.ts';

const longest = 1000;
/** Questions of one request that may wait for an answer at once. */
const mostOpen = 3;

/**
 * Asks the requester something before deciding. The question goes to them with a link to the page that takes the
 * answer; nothing that they write in a chat is taken for one.
 * @throws GatehouseError `GH-APPROVAL-001`, `-004`, `-010`, `-029` to `-031`, `-033`
 */
export async function askBack(
  deps: ApprovalsDeps,
  { question, ...asker }: Actor & { approvalId: string; question: string },
): Promise<void> {
  const { approvalId, principal } = asker;
  const text = usable(question, 'question');
  return transaction(deps.pool, async (tx) => {
    const row = (await lockApprovals(tx, [approvalId]))[0];
    if (!row) throw refusals.unknown();
    const fault = await unproven(deps, tx, asker);
    if (fault) throw fault;
    if (!mayAsk(deps.people, row, principal)) throw refusals.notAsker();
    checkOpen(row);
    const requester = row.requester === null ? undefined : deps.people.get(row.requester);
    if (!requester) throw refusals.nobodyAnswers();
    if (row.questions.filter((entry) => entry.answer === null).length >= mostOpen)
      throw refusals.tooManyQuestions();
    const id = uuidv7();
    await tx.query(
      'insert into approval_questions (id, approval_id, asked_by, question) values ($1, $2, $3, $4)',
      [id, row.id, principal, text],
    );
    recordReceipts(tx, [
      {
        kind: 'approval.question',
        messageId: row.messageId,
        decisionId: row.id,
        facts: { question: id, by: principal, text: digestOfText(text) },
      },
    ]);
    const card = buildCard(deps, row);
    const body = {
      text: `${displayOf(deps, principal)} asks about ${card.effect}:\n“${visible(text)}”\nIt is not decided before you answer or the deadline passes.`,
      link: { label: 'Answer', url: `${pageOf(deps, row.id)}#questions` },
      tone: 'waiting' as const,
    };
    const routes = await deps.delivery.notify(tx, {
      principal: requester.principal,
      id: `${id}:asked`,
      card: id,
      body,
    });
    if (routes > 0) return;
    await deps.delivery.reply(tx, {
      messageId: row.messageId,
      id: `${id}:asked`,
      body,
      final: false,
    });
  });
}

/**
 * Takes the requester's answer, once, and shows it on every copy of the card that is still to be decided.
 * @throws GatehouseError `GH-APPROVAL-001`, `-004`, `-010`, `-032`, `-033`
 */
export async function answer(
  deps: ApprovalsDeps,
  given: Actor & { approvalId: string; questionId: string; answer: string },
): Promise<void> {
  const text = usable(given.answer, 'answer');
  return transaction(deps.pool, async (tx) => {
    const asked = (await lockApprovals(tx, [given.approvalId]))[0];
    if (asked?.requester !== given.principal) throw refusals.unknown();
    const fault = await unproven(deps, tx, given);
    if (fault) throw fault;
    // The request may have been changed since; the answer belongs to what is asked now.
    const row = (await findApprovals(tx, `a.root = $1 and ${latest}`, [asked.root]))[0] ?? asked;
    checkOpen(row);
    const question = row.questions.find((entry) => entry.id === given.questionId);
    if (question?.answer !== null) throw refusals.noQuestion();
    await tx.query(
      'update approval_questions set answer = $2, answered_at = clock_timestamp() where id = $1',
      [question.id, text],
    );
    recordReceipts(tx, [
      {
        kind: 'approval.answer',
        messageId: row.messageId,
        decisionId: row.id,
        facts: { question: question.id, by: given.principal, text: digestOfText(text) },
      },
    ]);
    const answered = (await findApprovals(tx, 'a.id = $1', [row.id]))[0] ?? row;
    await tellAnswer(deps, tx, answered, question.id);
  });
}

async function tellAnswer(deps: ApprovalsDeps, tx: Transaction, row: ApprovalRow, id: string): Promise<void> {
  const card = buildCard(deps, row);
  await deps.delivery.reply(tx, {
    messageId: row.messageId,
    id: `${id}:answered`,
    body: waitingCard([card]),
    final: false,
  });
  await deps.delivery.notify(tx, {
    principal: row.requester ?? '',
    id: `${id}:answered`,
    card: id,
    body: { text: 'Your answer went to everybody who decides.', tone: 'answered' },
  });
  const voted = new Set(row.votes.map((vote) => vote.principal));
  for (const { principal } of eligible(deps.people, row)) {
    if (row.kind !== 'approve' || voted.has(principal)) continue;
    await deps.delivery.notify(tx, {
      principal,
      id: `${row.id}:answer:${id}:${principal}`,
      card: noticeCard(row.id, principal),
      body: async (identity) =>
        askingNotice(
          card,
          principal,
          await linkFor(deps, tx, row, { principal, identity }),
          pageOf(deps, row.id),
        ),
    });
  }
}

function checkOpen(row: ApprovalRow): void {
  if (row.stale) throw refusals.stale();
  if (row.state !== 'pending') throw refusals.decided(row);
  if (row.late) throw refusals.late();
}

function usable(given: string, field: string): string {
  const text = given.replaceAll('\0', '').toWellFormed().trim();
  if (text === '' || text.length > longest) throw refusals.emptyText(field);
  return text;
}
