-- Calls that their requester confirms or rejects together share a card; it is named by the first of them.
alter table approvals add column card text;
create index approvals_by_card on approvals (card) where card is not null;
-- Reminders that were sent as messages of their own, each `step:principal`, to be closed with the card.
alter table approvals add column reminded text[] not null default '{}';

-- Terminals that ask to act for a person (RFC 8628). Of device code, user code and session only hashes are stored.
create table terminal_logins (
  device_hash bytea primary key,
  code_hash bytea not null unique,
  host text not null,
  account text not null,
  -- Whence it asked, to bound how many one place may ask for.
  address text not null,
  state text not null default 'waiting' check (state in ('waiting', 'confirmed', 'refused')),
  principal text check ((principal is null) = (state = 'waiting')),
  polled_at timestamptz,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
-- Codes that a signed-in person typed and nobody has.
create table terminal_guesses (
  principal text not null,
  at timestamptz not null default clock_timestamp()
);
create index terminal_guesses_of on terminal_guesses (principal, at);
create table terminal_sessions (
  id uuid primary key default gen_random_uuid(),
  token_hash bytea not null unique,
  principal text not null,
  host text not null,
  account text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index terminal_sessions_of on terminal_sessions (principal);
