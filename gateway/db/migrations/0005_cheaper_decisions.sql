-- Nothing looks decisions up by session.
drop index decisions_session;
-- A decision and its grant are written by one statement, which needs no check of the one against the other.
alter table grants drop constraint grants_decision_id_fkey;
-- Unsealed receipts have no position, and need no entry that says so.
alter table receipts drop constraint receipts_position_key;
create unique index receipts_position on receipts (position) where position is not null;
