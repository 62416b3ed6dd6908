import { Router } from 'express';
import { GatehouseError, toProblem } from '../config/index.ts';
import type { SubmitOutcome, WebDeps } from './deps.ts';
import { loadHistory, type Entry } from './history.ts';
import { Live } from './live.ts';
import { fragment, page } from './render.ts';
import { checkCsrf, originCheck } from './security.ts';
import { field, parseForm, signedIn, stillSignedIn } from './session.ts';
import { readUpload } from './upload.ts';

const maxText = 20_000;

/** The chat page, its live stream and its form. */
export function chatRoutes(deps: WebDeps): { router: Router; stop(): void } {
  const live = new Live<Entry>({
    list: 'history',
    grows: 'beforeend',
    render: (entry, swap) => fragment('entry', { entry, swap }),
    isBusy: (entries) => entries.some(({ status }) => status === 'received' || status === 'deciding'),
  });
  const stopListening = deps.signals.on('web_reply', (principal) => live.wake(principal));
  const router = Router();

  router.get(
    '/',
    signedIn(deps, async (viewer, _request, response) => {
      const entries = await loadHistory(deps.pool, viewer.principal);
      chatPage(deps, response, entries, live.remember(viewer.principal, entries), {});
    }),
  );

  router.get(
    '/events',
    signedIn(deps, async (viewer, request, response) => {
      const pageId = typeof request.query.page === 'string' ? request.query.page : '';
      await live.serve(
        viewer.principal,
        pageId,
        response,
        () => stillSignedIn(deps, viewer),
        () => loadHistory(deps.pool, viewer.principal),
      );
    }),
  );

  router.post(
    '/messages',
    originCheck(deps.publicUrl),
    parseForm,
    signedIn(deps, async (viewer, request, response) => {
      const files = await readUpload(request, response, deps.attachments.bytes);
      checkCsrf(request, viewer.csrf);
      // Browsers send line breaks of a form as CRLF (HTML standard); people typed one character.
      const text = field(request, 'text').replaceAll('\r\n', '\n').trim();
      const scripted = request.get('hx-request') === 'true';
      try {
        refuse(
          text.length === 0,
          'GH-WEB-005',
          'There is nothing to send yet.',
          'Write a message, or /help to see what can be asked.',
        );
        refuse(
          text.length > maxText,
          'GH-WEB-006',
          `The message has ${text.length} characters; ${maxText} is the most that can be sent at once.`,
          'Shorten it, or send it in parts.',
        );
        refuseOutcome(await deps.submit(viewer.principal, text, files));
      } catch (error) {
        const problem = toProblem(error);
        if (problem.status >= 500) throw error;
        response.status(problem.status);
        if (problem.retryAfter !== undefined) response.set('Retry-After', String(problem.retryAfter));
        if (scripted) response.type('html').send(fragment('problem', { problem }));
        else {
          const entries = await loadHistory(deps.pool, viewer.principal);
          const pageId = live.remember(viewer.principal, entries);
          chatPage(deps, response, entries, pageId, { problem, draft: text });
        }
        return;
      }
      live.wake(viewer.principal);
      if (scripted) response.type('html').send('');
      else response.redirect(303, '/#latest');
    }),
  );

  return {
    router,
    stop() {
      stopListening();
      live.stop();
    },
  };
}

function chatPage(
  { attachments }: Pick<WebDeps, 'attachments'>,
  response: Parameters<typeof page>[0],
  entries: Entry[],
  pageId: string,
  extra: { problem?: unknown; draft?: string },
): void {
  page(response, 'chat', {
    title: 'Chat',
    current: 'chat',
    entries,
    pageId,
    problem: null,
    draft: '',
    maxText,
    attachments,
    ...extra,
  });
}

function refuse(when: boolean, code: string, message: string, next: string): void {
  if (when) throw new GatehouseError(code, message, { status: 400, field: 'text', next });
}

function refuseOutcome(outcome: SubmitOutcome): void {
  if (outcome === 'refused') {
    throw new GatehouseError('GH-WEB-007', 'Too many messages are waiting, so this one was not taken.', {
      status: 429,
      retryAfter: 60,
      next: 'Wait until the earlier ones are answered, then send it again.',
    });
  }
  if (outcome === 'dead') {
    throw new GatehouseError('GH-WEB-008', 'The message holds characters that cannot be processed.', {
      status: 400,
      field: 'text',
      next: 'Type it again without pasted control characters.',
    });
  }
}
