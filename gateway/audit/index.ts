export { createContinuity, headsFileOf, type Continuity } from './continuity.ts';
export { exportReceipts, type ExportSummary } from './export.ts';
export { readHeads } from './heads.ts';
export { splitLines } from './lines.ts';
export { listReceipts, type ListedReceipt } from './list.ts';
export { recordReceipts, type Receipt, type ReceiptFacts, type ReceiptKind } from './record.ts';
export { chainState, type ChainState } from './state.ts';
export { startSealer, type Sealer } from './sealer.ts';
export { verifyExport, type AuditProblem, type Verification } from './verify.ts';
