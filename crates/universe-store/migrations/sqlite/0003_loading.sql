-- Data-load jobs: which bars are to be loaded from the provider's API, and how far that is.
-- Instants that are compared (updated_at) have six digits behind the point, so that texts compare as instants do.

-- One request to load bars, from the order to the end.
create table universe_data_load (
    job_id text not null,
    environment text not null,
    universe_key text,
    csv_file text,
    -- A list of those that were asked for by name; empty where a universe or a file was.
    symbols text not null,
    years integer not null,
    -- A list of names.
    timeframes text not null,
    include_ohlcv integer not null,
    requested_by text not null,
    status text not null,
    message text not null,
    -- Null until it is known whose bars are loaded.
    symbols_total integer,
    symbols_done integer not null default 0,
    tasks_total integer not null default 0,
    tasks_done integer not null default 0,
    bars integer not null default 0,
    error_count integer not null default 0,
    -- The first failed tasks: symbol, timeframe, message.
    errors text not null default '[]',
    -- Fixed when it first begins, so that whoever resumes asks for the same.
    first_date text,
    last_date text,
    created_at text not null,
    started_at text,
    finished_at text,
    updated_at text not null,
    cancel_requested integer not null default 0,
    -- How often it was begun since a task was last brought to its end.
    attempts integer not null default 0,
    -- The token of the lease data_load:ENVIRONMENT under which it runs or ran.
    lease_token integer,
    constraint data_load_pkey primary key (job_id),
    constraint data_load_status_check check (
        status in ('pending', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled')
    )
) strict, without rowid;

create index universe_data_load_waiting_idx on universe_data_load (environment, created_at)
    where status in ('pending', 'running');
create index universe_data_load_updated_at_idx on universe_data_load (environment, updated_at);

-- The bars of one symbol and timeframe; marked in the transaction that stores them, so that whoever resumes
-- sees what is done.
create table universe_data_load_task (
    job_id text not null,
    symbol text not null,
    timeframe text not null,
    status text not null default 'pending',
    -- The date of the last bar that is stored, of a task that is under way.
    loaded_through text,
    -- How many bars were received.
    bars integer not null default 0,
    error text,
    constraint data_load_task_pkey primary key (job_id, symbol, timeframe),
    constraint data_load_task_job_id_fkey foreign key (job_id) references universe_data_load (job_id) on delete cascade,
    constraint data_load_task_status_check check (status in ('pending', 'completed', 'failed'))
) strict, without rowid;
