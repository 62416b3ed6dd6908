export { createWeb, type WebChannel } from './adapter.ts';
export { attachmentBounds, attachmentEndings, attachmentsTooLarge, type OfferedFile } from './attachments.ts';
