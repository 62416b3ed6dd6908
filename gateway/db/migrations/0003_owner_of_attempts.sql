-- Which gateway makes a call, by the name of its connections; see db/pool.ts.
alter table attempts add column owner text;
