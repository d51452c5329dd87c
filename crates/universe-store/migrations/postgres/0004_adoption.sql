-- What moving in from an older TickStock database keeps, so that it can be undone.

create table universe.adoption (
  environment text not null,
  adopted_at timestamptz not null,
  run_id uuid not null,
  actor text not null,
  session date not null,
  was_set_up boolean not null,
  added json not null,
  sources json not null,
  rules json not null,
  original_columns json not null,
  constraint adoption_pkey primary key (environment)
);
comment on table universe.adoption is 'how an environment was taken over from an older database';
comment on column universe.adoption.was_set_up is
  'whether the schema was there before; undoing then leaves it there';
comment on column universe.adoption.added is 'the tables, columns and indexes that were added to the public schema';
comment on column universe.adoption.sources is 'what became of each row that was there';
comment on column universe.adoption.rules is 'the rule files that were made from the older configuration';
comment on column universe.adoption.original_columns is
  'the columns of each table in adoption_original, in the order of its values';

create table universe.adoption_original (
  environment text not null,
  table_name text not null,
  row_key text not null,
  row_values text[] not null,
  constraint adoption_original_pkey primary key (environment, table_name, row_key)
);
comment on table universe.adoption_original is
  'rows of the public schema as they were before: every value as the text from which its type reads it again';
