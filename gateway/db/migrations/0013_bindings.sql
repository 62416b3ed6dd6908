-- What the dry run of a call found, and the digest of all that its approval holds for: votes carry it, and the call runs
-- only while it is still the same. `void` says why an approval that was given does not hold any more.
alter table approvals add column preview jsonb, add column binding text, add column void jsonb;
alter table grants add column binding text;
