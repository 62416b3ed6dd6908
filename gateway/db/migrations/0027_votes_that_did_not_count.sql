-- An approval that was given and did not count in the end, because its voter lost their role, account or second factor.
alter table votes add column uncounted boolean not null default false;
