-- The key of a model that a run waits for: what is wrong with it, and what an administrator does about it.
alter table agent_runs add column lacks jsonb;
