export { createSlack, type SlackOptions } from './adapter.ts';
