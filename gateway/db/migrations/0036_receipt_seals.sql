-- Receipts are only ever inserted: a place in the chain is a row of its own, where a second version of the receipt and of all its
-- entries in indexes was. Receipts are found by their order of writing; nothing looks one up by its id.
create table receipt_seals (
  position bigint primary key,
  -- Of the receipt.
  arrival bigint not null unique,
  previous text not null,
  hash text not null
);
insert into receipt_seals (position, arrival, previous, hash)
  select position, arrival, previous, hash from receipts where position is not null;
drop index receipts_unsealed;
alter table receipts
  drop column position,
  drop column previous,
  drop column hash,
  drop constraint receipts_pkey,
  add primary key (arrival);
-- A seal whose receipt is gone proves nothing, and is missing here as the receipt is.
create view sealed_receipts as
  select s.position, s.previous, s.hash, s.arrival, r.id, r.kind, r.message_id, r.decision_id, r.facts, r.created_at
  from receipt_seals s join receipts r using (arrival);
