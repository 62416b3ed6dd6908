-- The key of a model that a run waits for: what is wrong with it, and what an administrator does about it.
alter table agent_runs add column lacks jsonb;

-- What its vendor calls a file: one of an edited message is the same as before, and need not be fetched again.
alter table attachments add column native_id text;
