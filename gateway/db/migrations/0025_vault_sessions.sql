-- What a secret was lent for: the digest of its target.
alter table leases add column target text;

-- Sessions at Vaults, so that what a process had on loan when it died is ended.
create table vault_sessions (
  accessor text primary key,
  store text not null,
  owner text not null,
  opened_at timestamptz not null default now()
);
