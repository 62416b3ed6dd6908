export { achieved, counted } from './achieved.ts';
export { compileOutput } from './output.ts';
export { viewOf } from './view.ts';
export { createWorker } from './worker.ts';
