export { apiRoutes } from './api.ts';
export { internalApp, publicApp, type VendorWebhook } from './apps.ts';
export { databaseCheck, runChecks, type Check, type Checks } from './health.ts';
export { close, listen } from './listen.ts';
export { openApiDocuments } from './openapi.ts';
export { problemOf } from './problem.ts';
