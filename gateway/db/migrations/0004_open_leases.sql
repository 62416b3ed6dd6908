-- An attempt's leases end with its outcome; only open ones are looked for.
create index leases_open on leases (attempt_id) where ended_at is null;
