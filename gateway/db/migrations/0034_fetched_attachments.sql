-- Files that a vendor keeps until the gateway has fetched them. `source` says where, until then; `flaw` says why one cannot be had.
alter table attachments
  alter column content drop not null,
  alter column sha256 drop not null,
  add column source jsonb,
  add column flaw text,
  add column attempts int not null default 0,
  add column due_at timestamptz;
create index attachments_due on attachments (due_at) where due_at is not null;
