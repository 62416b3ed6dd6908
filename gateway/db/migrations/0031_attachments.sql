-- Files that came with messages, kept as long as the text of their message.
create table attachments (
  id uuid primary key,
  message_id text not null references messages on delete cascade,
  session_key text not null,
  principal text not null,
  name text not null,
  mime text not null,
  bytes int not null,
  sha256 text not null,
  content bytea not null,
  created_at timestamptz not null default now()
);
create index attachments_message on attachments (message_id);
create index attachments_session on attachments (session_key, created_at);
create index attachments_principal on attachments (principal);
