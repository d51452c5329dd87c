-- Data-load jobs: which bars are to be loaded from the provider's API, and how far that is.

create table universe.data_load (
  job_id text collate "C" not null,
  environment text not null,
  universe_key text,
  csv_file text,
  symbols json not null,
  years integer not null,
  timeframes json not null,
  include_ohlcv boolean not null,
  requested_by text not null,
  status text not null,
  message text not null,
  symbols_total integer,
  symbols_done integer not null default 0,
  tasks_total integer not null default 0,
  tasks_done integer not null default 0,
  bars bigint not null default 0,
  error_count integer not null default 0,
  errors json not null default '[]',
  first_date date,
  last_date date,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  updated_at timestamptz not null,
  cancel_requested boolean not null default false,
  attempts integer not null default 0,
  lease_token bigint,
  constraint data_load_pkey primary key (job_id),
  constraint data_load_status_check check (
    status in ('pending', 'running', 'completed', 'completed_with_errors', 'failed', 'cancelled')
  )
) with (fillfactor = 50);
comment on table universe.data_load is 'one request to load bars, from the order to the end';
comment on column universe.data_load.symbols is 'those that were asked for by name; empty where a universe or a file was';
comment on column universe.data_load.symbols_total is 'null until it is known whose bars are loaded';
comment on column universe.data_load.errors is 'the first failed tasks: symbol, timeframe, message';
comment on column universe.data_load.first_date is 'fixed when it first begins, so that whoever resumes asks for the same';
comment on column universe.data_load.attempts is 'how often it was begun since a task was last brought to its end';
comment on column universe.data_load.lease_token is 'token of the lease data_load:ENVIRONMENT under which it runs or ran';

create index data_load_waiting_idx on universe.data_load (environment, created_at)
  where status in ('pending', 'running');
create index data_load_updated_at_idx on universe.data_load (environment, updated_at);

create table universe.data_load_task (
  job_id text collate "C" not null,
  symbol text collate "C" not null,
  timeframe text not null,
  status text not null default 'pending',
  loaded_through date,
  bars bigint not null default 0,
  error text,
  constraint data_load_task_pkey primary key (job_id, symbol, timeframe),
  constraint data_load_task_job_id_fkey foreign key (job_id) references universe.data_load (job_id) on delete cascade,
  constraint data_load_task_status_check check (status in ('pending', 'completed', 'failed'))
) with (fillfactor = 50);
comment on table universe.data_load_task is
  'the bars of one symbol and timeframe; marked in the transaction that stores them, so whoever resumes sees what is done';
comment on column universe.data_load_task.loaded_through is 'the date of the last bar that is stored, of a task that is under way';
comment on column universe.data_load_task.bars is 'how many bars were received';
