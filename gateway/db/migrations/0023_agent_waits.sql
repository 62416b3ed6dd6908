-- Executions of n8n that wait for runs of the agent. The address holds nothing but what n8n signed.
create table agent_waits (
  execution_id text not null,
  node_id text not null,
  -- The run of the message, which is not executed while it waits.
  run_id uuid not null,
  message_id text not null,
  agent_runs uuid[] not null,
  resume_path text not null,
  delivered_at timestamptz,
  delivery_attempts int not null default 0,
  refused_since timestamptz,
  next_attempt_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  primary key (execution_id, node_id)
);
create index agent_waits_open on agent_waits (next_attempt_at) where delivered_at is null;
