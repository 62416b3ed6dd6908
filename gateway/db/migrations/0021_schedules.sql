-- When each schedule is due next. A row whose expression differs from the file's begins anew.
create table schedules (
  name text primary key,
  expression text not null,
  due_at timestamptz not null
);
