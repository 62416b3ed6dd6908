-- A person's runs of the agent, the newest first: ids of runs rise with time.
create index agent_runs_principal on agent_runs (principal, id);
