-- The demo company's systems of record. Money that came in has no payee; every other row is a payment.
create table if not exists ledger (
  id bigint generated always as identity primary key,
  account text not null,
  amount numeric(14, 2) not null check (amount > 0),
  currency text not null,
  payee text,
  reference text not null,
  idempotency_key text not null unique,
  created_at timestamptz not null default now(),
  by_principal text
);
create table if not exists customers (
  id int primary key,
  name text not null,
  email text not null,
  deleted_at timestamptz
);
create table if not exists customer_notes (
  id bigint generated always as identity primary key,
  customer int not null references customers,
  note text not null,
  by_principal text,
  idempotency_key text not null unique
);
create table if not exists prices (
  product text primary key,
  price numeric(14, 2) not null check (price >= 0)
);
create table if not exists outbox (
  id bigint generated always as identity primary key,
  recipient text not null,
  subject text not null,
  body text not null,
  idempotency_key text not null,
  unique (idempotency_key, recipient)
);
insert into ledger (account, amount, currency, reference, idempotency_key)
values ('main', 25000.00, 'EUR', 'opening balance', 'opening-balance')
on conflict (idempotency_key) do nothing;
insert into customers (id, name, email)
select n, 'Customer ' || n, 'customer' || n || '@example.com' from generate_series(1, 12) as n
on conflict (id) do nothing;
insert into prices (product, price) values ('basic', 9.00), ('team', 49.00), ('enterprise', 490.00)
on conflict (product) do nothing;
