-- What was spent of each budget. Postgres itself holds the limit: a call that would exceed it fails its transaction.
create table budgets (
  budget text not null,
  -- A principal, a session, or nobody in particular.
  holder text not null,
  -- The UTC day that a daily budget is for; `-infinity` for one that never starts afresh.
  day date not null,
  used bigint not null check (used >= 0),
  allowed bigint not null,
  primary key (budget, holder, day),
  constraint within_budget check (used <= allowed)
);
-- What a call took, so that one that failed gives it back.
create table reservations (
  decision_id text not null,
  budget text not null,
  holder text not null,
  day date not null,
  amount bigint not null check (amount > 0),
  primary key (decision_id, budget, holder)
);

-- Which tools have answered in a session, and where each tool's calls have gone.
create table session_tools (
  session_key text not null,
  tool text not null,
  primary key (session_key, tool)
);
insert into session_tools (session_key, tool)
  select distinct d.session_key, a.tool from attempts a join decisions d on d.id = a.decision_id
  where a.state <> 'started';
create table destinations (
  tool text not null,
  digest text not null,
  first_at timestamptz not null default now(),
  primary key (tool, digest)
);
