-- How far the rotation of each secret is. Values are nowhere but in `candidate`, sealed with the key of the secret store.
create table secret_rotations (
  secret text primary key,
  -- The next value, kept before it is made valid, so that a crash loses none; and the version that it follows.
  candidate text,
  base_version bigint,
  -- The last rotation; while `former_version` is set, the one before is good as well.
  version bigint,
  former_version bigint,
  switched_at timestamptz,
  overlap_until timestamptz,
  rotated_at timestamptz,
  failures integer not null default 0,
  failed_since timestamptz,
  failure text,
  next_try timestamptz
);
-- The end of an overlap waits for the open leases of its secret.
create index leases_open_of_secret on leases (secret) where ended_at is null;
