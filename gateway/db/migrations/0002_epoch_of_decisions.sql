-- A decision is asked about and granted in the epoch in which it was made. Those from before this column belong to none.
alter table decisions add column epoch bigint not null default 0;
