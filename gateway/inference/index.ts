export { serveModel, type ModelServer, type ModelServerOptions } from './server.ts';
