-- What moving in from an older TickStock database keeps, so that it can be undone.
-- Older databases are PostgreSQL; the tables are here so that both databases have the same ones.

create table universe_adoption (
    environment text not null,
    adopted_at text not null,
    run_id text not null,
    actor text not null,
    session text not null,
    -- Whether the schema was there before; undoing then leaves it there.
    was_set_up integer not null,
    -- The tables, columns and indexes that were added.
    added text not null,
    -- What became of each row that was there.
    sources text not null,
    -- The rule files that were made from the older configuration.
    rules text not null,
    -- The columns of each table in universe_adoption_original, in the order of its values.
    original_columns text not null,
    constraint adoption_pkey primary key (environment)
) strict, without rowid;

-- Rows as they were before: every value as the text from which its type reads it again.
create table universe_adoption_original (
    environment text not null,
    table_name text not null,
    row_key text not null,
    row_values text not null,
    constraint adoption_original_pkey primary key (environment, table_name, row_key)
) strict, without rowid;
