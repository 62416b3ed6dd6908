-- Secrets that are copied into an n8n: which credential there is ours, and until when its value is good.
create table n8n_credentials (
  n8n text not null,
  name text not null,
  credential_id text not null,
  secret text not null,
  mark text,
  due_at timestamptz not null,
  good_until timestamptz not null,
  primary key (n8n, name)
);

-- Sessions at Vaults that such a copy lives by; all but the current one are to be ended.
create table n8n_credential_sessions (
  accessor text primary key,
  store text not null,
  n8n text not null,
  name text not null,
  current boolean not null default false,
  opened_at timestamptz not null default now()
);
