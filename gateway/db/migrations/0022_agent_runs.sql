-- Runs of the agent. A run is claimed by one gateway at a time: `claim` is counted up with each one, and who holds an
-- older one can write nothing any more.
create table agent_runs (
  id uuid primary key,
  -- The run of the message that it was started for, which says who asks.
  run_id uuid not null,
  message_id text not null,
  session_key text not null,
  principal text,
  step text not null,
  digest text not null,
  task text not null,
  -- What it was asked, how its conversation begins, and how it ended: gone with its retention.
  request jsonb,
  opening jsonb,
  result jsonb,
  state text not null default 'queued'
    check (state in ('queued', 'running', 'waiting', 'paused', 'done', 'failed', 'stopped')),
  ended_by text,
  -- Decisions that people are asked for, and when it is looked at again without one.
  waits_for text[] not null default '{}',
  wake_at timestamptz,
  owner text,
  claim int not null default 0,
  lease_until timestamptz,
  last_step int not null default 0,
  model_steps int not null default 0,
  calls int not null default 0,
  tokens_in bigint not null default 0,
  tokens_out bigint not null default 0,
  -- In millionths of the currency of models.yaml.
  cost bigint not null default 0,
  active_ms bigint not null default 0,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (message_id, step, digest)
);
create index agent_runs_open on agent_runs (state) where state in ('queued', 'running', 'waiting');
create index agent_runs_session on agent_runs (session_key, created_at);

-- What a run did, each step before the next begins. `facts` are ids, codes and digests; `content` is gone with its retention.
create table agent_steps (
  run_id uuid not null references agent_runs (id) on delete cascade,
  number int not null,
  kind text not null check (kind in ('prompt', 'answer', 'call', 'decision', 'wait', 'result', 'message')),
  digest text,
  content jsonb,
  facts jsonb not null default '{}',
  model text,
  tokens_in int,
  tokens_out int,
  cost bigint,
  at timestamptz not null default now(),
  primary key (run_id, number)
);
create index agent_steps_content on agent_steps (at) where content is not null;

-- A part of the gateway may wait for an approval as well: it has no address that its outcome is posted to.
alter table approvals alter column resume_path drop not null;
