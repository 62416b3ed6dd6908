-- An approval whose wait was taken over by a newer turn of its workflow step: its own link resumes nothing any more.
alter table approvals rename column superseded to stale;

-- An edit ends an approval as `superseded` and asks anew in its place. All editions of one request share the wait of
-- the first, their `root`, and each edition is there once: two edits of one edition cannot both follow it.
alter table approvals drop constraint approvals_state_check;
alter table approvals add constraint approvals_state_check
  check (state in ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'superseded', 'undeliverable'));
alter table approvals
  add column root text references approvals (id) on delete cascade,
  add column edition int not null default 0,
  -- Whether the waiting gate can take a call with other arguments than it asked for.
  add column editable boolean not null default false,
  add column edited_by text,
  -- Who changed what is asked and therefore has no vote on it.
  add column proposers text[] not null default '{}';
update approvals set root = id;
alter table approvals alter column root set not null;
create unique index approvals_edition on approvals (root, edition);

-- What an approver wanted to know of the requester.
create table approval_questions (
  id uuid primary key,
  approval_id text not null references approvals (id) on delete cascade,
  asked_by text not null,
  question text,
  asked_at timestamptz not null default clock_timestamp(),
  answer text,
  answered_at timestamptz
);
create index approval_questions_approval on approval_questions (approval_id, asked_at);

-- What approvers allowed beyond the one call: counted down where a decision uses it, never below nothing.
create table standing_grants (
  id text primary key,
  approval_id text not null unique,
  tool text not null,
  destinations jsonb not null,
  session_key text not null,
  principal text not null,
  groups text[] not null,
  granted_by text[] not null,
  policy_version text not null,
  epoch bigint not null,
  currency text,
  cents_total bigint check (cents_total > 0),
  cents_left bigint check (cents_left >= 0),
  calls_total int check (calls_total > 0),
  calls_left int check (calls_left >= 0),
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text,
  check ((cents_total is null) = (currency is null) and (cents_total is null) = (cents_left is null)),
  check ((calls_total is null) = (calls_left is null) and (cents_total is null) <> (calls_total is null))
);
create index standing_grants_open on standing_grants (session_key, tool) where revoked_at is null;
-- The standing grant that an approver's vote asks for besides the call.
alter table votes add column standing jsonb;
-- The standing grant that a decision used: a grant of it dies with it.
alter table decisions add column standing text;
alter table grants add column standing text;
