-- Each decision reads the latest results of its session: found in their order, however long the session is.
alter table attempts add column session_key text;
update attempts a set session_key = d.session_key from decisions d where d.id = a.decision_id;
create index attempts_of_session on attempts (session_key, finished_at desc) where state = 'succeeded';
drop index decisions_session;
-- Open leases are as few as calls under way: one index of them is enough, and Postgres took the wrong one of two.
drop index leases_open_of_secret;
