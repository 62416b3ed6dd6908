-- Whose confirmation it takes: the requester's, or that of the person who answers for the automation that asks. Null where
-- others approve.
alter table approvals add column confirmer text;
update approvals set confirmer = requester where kind = 'confirm';
