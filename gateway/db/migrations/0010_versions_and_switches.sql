-- What is switched off, by target, each with who, why and since when. One row that is always there: a call locks it for
-- reading, whatever its own target is, so that a switch is not turned while a call that has not seen it can commit.
alter table kill_switch add column stopped jsonb not null default '{}';
update kill_switch set stopped = jsonb_build_object('all',
  jsonb_build_object('by', by_principal, 'reason', reason, 'since', changed_at)) where engaged;
alter table kill_switch drop column engaged, drop column by_principal, drop column reason, drop column changed_at;

-- The highest time that was seen on this server. A clock below it went back, and no expiry can be trusted.
create table clock_guard (
  one boolean primary key default true check (one),
  highest timestamptz not null default clock_timestamp()
);
insert into clock_guard default values;

-- What was in force, by the part of the policy. The highest revision of a part is the newest one that was served.
create sequence policy_revision;
create table policy_revisions (
  part text not null,
  digest text not null,
  revision bigint not null default nextval('policy_revision'),
  served_at timestamptz not null default now(),
  primary key (part, digest)
);

-- What the rules saw, so that a decision can be explained, and decided again by other rules. Text, nulled with the
-- arguments when their retention ends.
alter table decisions add column input json;

-- What a candidate policy would have decided otherwise; holds no values.
create table shadow_differences (
  candidate text not null,
  decision_id text not null,
  tool text not null,
  live text not null,
  shadow text not null,
  reasons text[] not null,
  found_at timestamptz not null default now(),
  primary key (candidate, decision_id)
);
create index shadow_differences_found on shadow_differences (found_at);
create table shadow_candidates (
  candidate text primary key,
  compared bigint not null default 0,
  dropped bigint not null default 0,
  since timestamptz not null default now(),
  latest timestamptz not null default now()
);
