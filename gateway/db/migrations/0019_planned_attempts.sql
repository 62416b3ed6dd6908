-- A call that certainly had no effect yet waits for its next try, until its deadline.
alter table attempts drop constraint attempts_state_check;
drop index attempts_started;
update attempts set state = 'attempting' where state = 'started';
alter table attempts
  add constraint attempts_state_check check (state in ('planned', 'attempting', 'succeeded', 'failed', 'unknown')),
  -- Which system it calls, under which account: what is capped and paused together.
  add column account text,
  add column tries int not null default 1,
  -- Why it waits: unreachable, busy, full or paused. Stays on a call that was given up, as the cause of that.
  add column waits_for text,
  add column next_try_at timestamptz,
  add column deadline_at timestamptz,
  -- Its conversation was told that it waits, and is owed the outcome.
  add column follow_up boolean not null default false,
  -- An operator had it tried once more after it was given up, so that its budgets have to be taken again.
  add column requeued boolean not null default false;
create index attempts_open on attempts (started_at) where finished_at is null;
create index attempts_given_up on attempts (finished_at) where state = 'failed' and waits_for is not null;

-- What is not tried for now: `all`, or an account of a system. Calls wait meanwhile.
create table paused_calls (
  scope text primary key,
  by_principal text not null,
  reason text not null,
  since timestamptz not null default now()
);
