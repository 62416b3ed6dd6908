-- Which step of which run of the agent answers a question that was asked before. The text is that step's alone, so it is gone
-- with it; a row whose step has none any more is as good as none, and is swept.
create table agent_answers (
  -- Digest of the question, its model, and whose it is.
  key text primary key,
  run_id uuid not null,
  step int not null
);
