-- In what a call took from its budgets: a currency, calls or tokens. Tokens are settled once the call says what it used.
alter table reservations add column unit text;
