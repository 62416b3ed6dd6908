-- What a session has seen is looked up by its decisions before a call of it is decided.
create index attempts_decision on attempts (decision_id);
