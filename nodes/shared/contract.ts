import type { IDataObject } from 'n8n-workflow';

/** One reason of a decision or refusal: a stable code and a sentence for people. */
export interface Reason extends IDataObject {
  code: string;
  text: string;
}

/** What `POST /v1/decisions` answers. */
export interface Decision extends IDataObject {
  id: string;
  effect: 'allow' | 'confirm' | 'approve' | 'deny';
  tool: string;
  digest: string;
  reasons: Reason[];
  grant: string | null;
  expiresAt: string;
}

/** What a tool call ended in, as `POST /v1/executions` and `POST /v1/code/runs` answer. */
export interface Execution extends IDataObject {
  status: 'succeeded' | 'failed' | 'denied' | 'needs_approval' | 'unknown' | 'planned' | 'dry_run';
  text?: string;
  reasons?: Reason[];
  receipt?: string;
}

/** How one approval ended; part of the gateway's signed message that resumes a gate. */
export interface Outcome extends IDataObject {
  id: string;
  /** The decision of the call that was decided in the end: another one where people changed the call. */
  decision: string;
  state: 'approved' | 'rejected' | 'expired' | 'cancelled' | 'superseded' | 'undeliverable' | 'error';
  tool: string;
  args: IDataObject;
  digest: string;
  grant: string | null;
  decidedAt: string | null;
  by: IDataObject[];
  reason: string | null;
  /** Where people changed the call: the digest that it had, and who changed it. */
  edited?: { from: string; by: IDataObject[] } | null;
}

/** One approval as `POST /v1/approvals` answers; `outcome` is there when it was settled already. */
export interface RegisteredApproval {
  id: string;
  state: string;
  deadline: string;
  outcome?: Outcome | null;
}

/** What an approver is shown, as `GET /v1/approvals/{id}` answers. */
export interface Card {
  id: string;
  state: string;
  kind: 'confirm' | 'approve';
  sentence: string;
  effect: string;
  /** Digest of all that a vote is for; it goes along with the vote. */
  binding?: string;
  reasons: Reason[];
  facts: Array<{ label: string; value: string }>;
  provenance: Array<{ label: string; value: string; source: string }>;
  quoted: string | null;
  deadline: string;
  quorum: number;
  approvers: Array<{ display: string }>;
  votes: Array<{ display: string; verdict: string; comment: string | null; channel: string; at: string }>;
  reason?: string | null;
}

/** A run of the agent, as the gateway's agent routes answer it and as it is told to a waiting node. */
export interface AgentRun extends IDataObject {
  id: string;
  state: 'queued' | 'running' | 'waiting' | 'paused' | 'done' | 'failed' | 'stopped';
  endedBy: string | null;
  result: { text: string; output?: IDataObject } | null;
  finishedAt: string | null;
  currency: string;
  used: { steps: number; calls: number; tokensIn: number; tokensOut: number; cost: number; seconds: number };
  steps: IDataObject[];
  receipts: string[];
}

/** What `POST /v1/agent/texts` answers. */
export interface TextAnswer extends IDataObject {
  status: 'done' | 'failed';
  output?: string | IDataObject;
  text?: string;
  reasons?: Reason[];
}
