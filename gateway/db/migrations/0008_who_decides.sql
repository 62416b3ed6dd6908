-- Since when an identity belongs to its person and from when on it may vote: those of people.yaml and paired ones.
create table identity_links (
  channel text not null,
  account text not null,
  native_id text not null,
  principal text not null,
  since timestamptz not null default now(),
  votes_from timestamptz not null,
  -- Null until the person's other identities were told.
  told_at timestamptz,
  primary key (channel, account, native_id)
);
create index identity_links_principal on identity_links (principal);
create index identity_links_untold on identity_links (since) where told_at is null;
insert into identity_links (channel, account, native_id, principal, since, votes_from, told_at)
  select channel, account, native_id, principal, paired_at, paired_at, paired_at from identities;

-- A further identity of a person: an administrator named them, and an identity of theirs has yet to agree.
alter table pairings add column principal text, add column named_by text, add column asked_at timestamptz;

-- What gave the vote, and whose seat it fills: a stand-in's vote counts as the person they stand in for. One account,
-- and one authenticator, gives one vote on an approval, whoever it belongs to.
alter table votes add column seat text, add column identity jsonb, add column authenticator text;
create unique index votes_identity on votes (approval_id, identity) where identity is not null;
create unique index votes_authenticator on votes (approval_id, authenticator) where authenticator is not null;

-- A link belongs to the identity that it was sent to. Earlier ones name none; the approvals page makes new ones.
delete from approval_tokens;
alter table approval_tokens add column identity jsonb not null;

-- The accounts of the requester when it was asked, the people who were asked, and the steps before the deadline.
alter table approvals
  add column requester_identities jsonb not null default '[]',
  add column asked text[] not null default '{}',
  add column steps_done int not null default 0,
  add column next_step_at timestamptz;
create index approvals_steps on approvals (next_step_at) where state = 'pending' and next_step_at is not null;
