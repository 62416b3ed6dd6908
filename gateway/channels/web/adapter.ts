import { parseCommand, uuidv7 } from '../../envelope/index.ts';
import type { ChannelAdapter, InboundMessage } from '../adapter.ts';
import { takeAttachments, type OfferedFile } from '../attachments.ts';
import { unauthenticated } from '../failures.ts';

/** The web channel: people signed in on our own pages. */
export interface WebChannel extends ChannelAdapter {
  /**
   * A message of a signed-in person. Whoever calls this has checked the session.
   * @param principal of the session; nothing of the request itself can name another
   * @throws GatehouseError like `takeAttachments` for files that are not taken
   */
  message(principal: string, display: string, text: string, files?: readonly OfferedFile[]): InboundMessage;
}

/**
 * The web as a channel. Nothing is sent anywhere: the outbox row itself is what the chat page shows, and its signal
 * wakes the page.
 */
export function createWeb(options: { clock?: () => Date } = {}): WebChannel {
  const clock = options.clock ?? (() => new Date());
  return {
    kind: 'web',
    account: () => 'local',

    message(principal, display, text, files = []) {
      const command = parseCommand(text);
      const attachments = takeAttachments(files);
      const nativeId = uuidv7();
      return {
        event: command ? 'command' : 'created',
        channel: { kind: 'web', account: 'local', conversation: principal, thread: null, visibility: 'dm' },
        message: { nativeId, replyTo: null, revision: 0 },
        sender: { nativeId: principal, display, isBot: false },
        ingress: 'session',
        content: { text, mentions: [], command, action: null, reaction: null },
        attachments,
        time: clock().toISOString(),
        route: { principal },
        raw: JSON.stringify({
          principal,
          text,
          files: attachments.map(({ name, sha256 }) => ({ name, sha256 })),
        }),
      };
    },

    // Messages of the web come through the signed-in page only; no header or body can stand in for a session.
    receive: () => Promise.reject(unauthenticated('The web channel takes no deliveries.')),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    send: (_route, _message, previousNativeId) => Promise.resolve({ nativeId: previousNativeId ?? uuidv7() }),
    directRoute: (principal) => ({ principal }),
    conversationRoute: () => null,
  };
}
