export type {
  ApprovalCard,
  EditField,
  StandingCard,
  IdentityQuestion,
  ReceiptRow,
  SubmitOutcome,
  WebApprovals,
  WebDeps,
  WebPerson,
  WebSignIn,
} from './deps.ts';
export { webErrorPages, webNotFound } from './errors.ts';
export { mountWeb } from './mount.ts';
