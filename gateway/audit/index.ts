export { recordReceipts, type Receipt, type ReceiptFacts, type ReceiptKind } from './record.ts';
