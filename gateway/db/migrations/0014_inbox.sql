-- The approvals inbox and its report read by these: what ended lately, who asked, who voted, and when.
create index approvals_ended on approvals (decided_at desc) where state <> 'pending';
create index approvals_made on approvals (created_at);
create index approvals_asked_by on approvals (requester, created_at desc);
drop index approvals_requester;
create index votes_of on votes (principal, approval_id);
create index votes_given on votes (voted_at);
