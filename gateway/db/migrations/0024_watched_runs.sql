-- A person's runs of the agent, the newest first: ids of runs rise with time.
create index agent_runs_principal on agent_runs (principal, id);

-- Orders to end what is under way go to no workflow; they are looked for as clicks are.
create index messages_cancels on messages (received_at)
  where event = 'command' and state = 'queued' and envelope #>> '{data,content,command,name}' = 'cancel';
