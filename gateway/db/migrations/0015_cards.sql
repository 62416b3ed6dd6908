-- Calls that their requester confirms or rejects together share a card; it is named by the first of them.
alter table approvals add column card text;
create index approvals_by_card on approvals (card) where card is not null;
-- Reminders that were sent as messages of their own, each `step:principal`, to be closed with the card.
alter table approvals add column reminded text[] not null default '{}';
