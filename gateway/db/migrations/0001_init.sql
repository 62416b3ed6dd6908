-- Messages -----------------------------------------------------------------------------------------------------

-- One row a message. `id` is the dedupe key and stays 8 days; the text-bearing columns are nulled at their retention.
create table messages (
  id text primary key,
  seq bigint generated always as identity,
  channel text not null,
  session_key text,
  principal text,
  event text not null,
  state text not null default 'queued'
    check (state in ('queued', 'limited', 'running', 'waiting', 'done', 'dead', 'handled', 'refused')),
  envelope jsonb,
  raw text,
  reply_route jsonb,
  problem jsonb,
  received_at timestamptz not null default now(),
  finished_at timestamptz
) with (
  -- A message with its envelope is just over Postgres's usual 2 kB, and compressing each costs more than its insert.
  toast_tuple_target = 4080
);
create index messages_received on messages (received_at);
create index messages_session on messages (session_key, seq);
create index messages_principal on messages (principal, seq) where channel = 'web';
create index messages_clicks on messages (received_at) where event = 'action' and state = 'queued';

-- One row a message's turn in n8n; a redispatch counts `attempt` up and gives it a new token, so that the earlier
-- execution's token is void. The token itself is never stored. `job_id` is set while the turn holds its session.
create table runs (
  id uuid primary key,
  message_id text not null,
  token_hash bytea not null unique,
  session_key text not null,
  principal text,
  actor jsonb not null,
  attempt int not null default 1,
  job_id uuid,
  state text not null default 'running' check (state in ('running', 'waiting', 'done', 'lost')),
  calls_left int not null,
  execution_id text,
  lease_until timestamptz not null,
  created_at timestamptz not null default now(),
  finished_at timestamptz
);
create index runs_message on runs (message_id);
create index runs_open on runs (state, lease_until) where state in ('running', 'waiting');

-- Replies. `id` is given by whoever replies and makes a retry the same reply; `card` groups what is shown as one message.
create table outbox (
  id text primary key,
  seq bigint generated always as identity,
  message_id text,
  session_key text not null,
  principal text,
  channel text not null,
  route jsonb not null,
  card text,
  body jsonb,
  state text not null default 'queued' check (state in ('queued', 'sent', 'dead')),
  attempts int not null default 0,
  next_at timestamptz not null default now(),
  claimed_until timestamptz,
  native_id text,
  problem text,
  created_at timestamptz not null default now(),
  sent_at timestamptz
);
create index outbox_open on outbox (session_key, seq) where state = 'queued';
create index outbox_card on outbox (card, seq) where card is not null;
create index outbox_principal on outbox (principal, seq) where channel = 'web';

-- People -------------------------------------------------------------------------------------------------------

-- Identities that an administrator paired; those of people.yaml are not repeated here.
create table identities (
  channel text not null,
  account text not null,
  native_id text not null,
  principal text not null,
  paired_at timestamptz not null default now(),
  paired_by text not null,
  primary key (channel, account, native_id)
);
-- The code is not hashed: it opens nothing by itself, an administrator has to confirm it.
create table pairings (
  code text primary key,
  channel text not null,
  account text not null,
  native_id text not null,
  display text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  unique (channel, account, native_id)
);
create table web_logins (
  token_hash bytea primary key,
  principal text not null,
  reusable boolean not null default false,
  expires_at timestamptz not null
);
create table web_sessions (
  token_hash bytea primary key,
  principal text not null,
  csrf text not null,
  rotated boolean not null default false,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
-- Clients of the internal API: n8n, the CLI, a worker.
create table clients (
  id text primary key,
  token_hash bytea not null unique,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

-- Decisions, grants, approvals ---------------------------------------------------------------------------------

create table decisions (
  id text primary key,
  message_id text not null,
  run_id uuid not null,
  session_key text not null,
  principal text,
  step text not null,
  tool text not null,
  args jsonb,
  digest text not null,
  effect text not null check (effect in ('allow', 'confirm', 'approve', 'deny')),
  reasons jsonb not null,
  approvers jsonb,
  provenance jsonb not null default '{}',
  policy_version text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  unique (message_id, step, digest)
);
create index decisions_session on decisions (session_key, created_at);

create table grants (
  id text primary key,
  decision_id text not null unique references decisions (id) on delete cascade,
  message_id text not null,
  session_key text not null,
  tool text not null,
  digest text not null,
  policy_version text not null,
  epoch bigint not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  consumed_at timestamptz
);
create index grants_unused on grants (message_id) where consumed_at is null;

-- An approval has the id of its decision: one decision is asked about once.
create table approvals (
  id text primary key references decisions (id) on delete cascade,
  state text not null default 'pending'
    check (state in ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'undeliverable')),
  kind text not null check (kind in ('confirm', 'approve')),
  groups text[] not null,
  quorum int not null check (quorum > 0),
  requester text,
  run_id uuid not null,
  execution_id text not null,
  node_id text not null,
  item_index int not null,
  resume_path text not null,
  superseded boolean not null default false,
  reason text,
  deadline timestamptz not null,
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  -- Null until the waiting run has its outcome: these rows are the resumer's queue.
  delivered_at timestamptz,
  delivery_attempts int not null default 0,
  next_attempt_at timestamptz not null default now(),
  refused_since timestamptz
);
create index approvals_open on approvals (deadline) where state = 'pending';
create index approvals_wait on approvals (execution_id, node_id);
create index approvals_undelivered on approvals (next_attempt_at) where delivered_at is null;
create index approvals_requester on approvals (requester) where state = 'pending';

create table approval_tokens (
  token_hash bytea primary key,
  approval_id text not null references approvals (id) on delete cascade,
  principal text not null,
  made_at timestamptz not null default clock_timestamp()
);
create index approval_tokens_approval on approval_tokens (approval_id, principal);

create table votes (
  approval_id text not null references approvals (id) on delete cascade,
  principal text not null,
  verdict text not null check (verdict in ('approve', 'reject')),
  comment text,
  channel text not null,
  shown_digest text not null,
  voted_at timestamptz not null default now(),
  primary key (approval_id, principal)
);

-- Executions ---------------------------------------------------------------------------------------------------

create table attempts (
  id text primary key,
  grant_id text not null unique,
  decision_id text not null,
  message_id text not null,
  step text not null,
  tool text not null,
  digest text not null,
  state text not null check (state in ('started', 'succeeded', 'failed', 'unknown')),
  result jsonb,
  receipt_id uuid,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (message_id, step, digest)
);
create index attempts_started on attempts (started_at) where state = 'started';
create table leases (
  id text primary key,
  attempt_id text not null,
  secret text not null,
  issued_at timestamptz not null default now(),
  ended_at timestamptz
);
create table kill_switch (
  one boolean primary key default true check (one),
  engaged boolean not null default false,
  by_principal text,
  reason text,
  changed_at timestamptz not null default now()
);
insert into kill_switch default values;

-- Receipts -----------------------------------------------------------------------------------------------------

-- Written in the transaction of what they attest; `position`, `previous` and `hash` are the sealer's.
create table receipts (
  id uuid primary key,
  kind text not null,
  message_id text,
  decision_id text,
  facts jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  arrival bigint generated always as identity,
  position bigint unique,
  previous text,
  hash text
);
create index receipts_unsealed on receipts (arrival) where position is null;
create index receipts_message on receipts (message_id);
