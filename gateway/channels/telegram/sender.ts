import { GrammyError, type Api } from 'grammy';
import { GatehouseError } from '../../config/index.ts';
import type { Outgoing, Route } from '../adapter.ts';
import { busy, refused } from '../failures.ts';
import { render, type Drawn } from './render.ts';

/**
 * Sends a message, or edits the card `previous`. What does not fit into one message follows in further ones.
 * @returns the message id of the card
 * @throws GatehouseError `GH-CHANNEL-005` or `GH-CHANNEL-006`
 */
export async function sendToTelegram(
  api: Api,
  route: Route,
  message: Outgoing,
  previous: string | null,
): Promise<string> {
  const drawn = render(message);
  const chat = Number(route.chat);
  if (!Number.isSafeInteger(chat)) throw refused('Telegram', 'no_route');
  try {
    const [card = '', ...rest] = drawn.texts;
    const edited = previous === null ? null : await edit(api, chat, previous, card, drawn);
    const id = edited ?? (await post(api, chat, route, card, drawn));
    for (const text of rest) await post(api, chat, route, text, { texts: [], keyboard: [] });
    return id;
  } catch (error) {
    throw asFailure(error);
  }
}

async function edit(
  api: Api,
  chat: number,
  previous: string,
  text: string,
  drawn: Drawn,
): Promise<string | null> {
  try {
    await api.raw.editMessageText({
      chat_id: chat,
      message_id: Number(previous),
      text,
      ...inert,
      ...markup(drawn),
    });
    return previous;
  } catch (error) {
    if (!(error instanceof GrammyError) || error.error_code !== 400) throw error;
    // A retry of an edit that had arrived.
    if (/message is not modified/i.test(error.description)) return previous;
    if (/message (to edit not found|can't be edited)|MESSAGE_ID_INVALID/i.test(error.description))
      return null;
    throw error;
  }
}

async function post(api: Api, chat: number, route: Route, text: string, drawn: Drawn): Promise<string> {
  const sent = await api.raw.sendMessage({
    chat_id: chat,
    text,
    ...inert,
    ...markup(drawn),
    ...(route.thread ? { message_thread_id: Number(route.thread) } : {}),
    ...(route.replyTo
      ? { reply_parameters: { message_id: Number(route.replyTo), allow_sending_without_reply: true } }
      : {}),
  });
  return String(sent.message_id);
}

/** No previews of links that a model or a sender put into the text. */
const inert = { link_preview_options: { is_disabled: true } } as const;

function markup(drawn: Drawn): { reply_markup: { inline_keyboard: never[][] } } {
  // An empty keyboard takes the buttons off a card that was decided.
  return { reply_markup: { inline_keyboard: drawn.keyboard as never[][] } };
}

/** Whether Telegram does not know the token. */
export function isWrongToken(error: unknown): boolean {
  return error instanceof GrammyError && (error.error_code === 401 || error.error_code === 404);
}

/** `GH-CHANNEL-005` where another try helps, else `GH-CHANNEL-006`. */
export function asFailure(error: unknown): GatehouseError {
  if (error instanceof GatehouseError) return error;
  if (!(error instanceof GrammyError)) return busy('Telegram', error);
  const { error_code: code, parameters, description } = error;
  if (code === 429) return busy('Telegram', error, parameters.retry_after);
  // A wrong token is mended by an operator; the message waits for it.
  if (code >= 500 || isWrongToken(error)) return busy('Telegram', error);
  return refused('Telegram', description.slice(0, 120), error);
}
