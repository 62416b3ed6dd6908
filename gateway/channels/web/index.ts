export { createWeb, type WebChannel } from './adapter.ts';
