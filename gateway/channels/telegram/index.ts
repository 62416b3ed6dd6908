export { createTelegram, type TelegramOptions } from './adapter.ts';
