-- What a person proves a decision with besides their session. Removed ones stay, without their keys: whether somebody
-- ever had one decides whether the next has to wait.
create table factors (
  id text primary key,
  principal text not null,
  kind text not null check (kind in ('passkey', 'code')),
  label text not null,
  -- Names the authenticator in votes: a passkey's credential, or the app's entry.
  authenticator text not null,
  public_key bytea,
  counter bigint,
  transports text[],
  sealed_secret text,
  -- The time step of the last code that was taken; none before or at it counts again.
  last_step bigint,
  created_at timestamptz not null default clock_timestamp(),
  -- Null while an app was shown its secret and has not proved that it took it.
  confirmed_at timestamptz,
  votes_from timestamptz,
  last_used_at timestamptz,
  removed_at timestamptz
);
create unique index factors_authenticator on factors (authenticator) where removed_at is null;
create index factors_principal on factors (principal);

-- Each is for one person and one purpose, and is deleted by the first answer to it.
create table factor_challenges (
  challenge text primary key,
  principal text not null,
  purpose text not null,
  expires_at timestamptz not null
);
create index factor_challenges_principal on factor_challenges (principal, expires_at);

-- Tries of codes, as rate-limiter-flexible counts them.
create table factor_tries (
  key varchar(255) primary key,
  points integer not null default 0,
  expire bigint
);

-- What people have yet to be told of their factors.
create table factor_news (
  id bigint generated always as identity primary key,
  principal text not null,
  what text not null check (what in ('added', 'removed', 'reset')),
  kind text,
  label text,
  votes_from timestamptz
);

-- An administrator's link for the first factor, the session that came of it, and when a session proved a factor.
alter table web_logins add column invites boolean not null default false;
alter table web_sessions add column invited boolean not null default false, add column proven_at timestamptz;
