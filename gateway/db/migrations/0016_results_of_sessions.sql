-- Each decision reads what tools returned in its session, to tell where its arguments came from.
create index decisions_session on decisions (session_key, created_at);
