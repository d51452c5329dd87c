-- What the service keeps: runs as jobs, leases, keys, and when schedules fired.
-- Instants that are compared (those of leases) have six digits behind the point, so that texts compare as instants do.

-- Runs, with what was asked for, what they did and why they failed. A run that waits or runs has no number:
-- it takes the next one when it ends, and is never changed again.
create table universe_run_0002 (
    run_id text not null,
    run_number integer,
    environment text not null,
    mode text not null,
    session text,
    status text not null,
    triggered_by text not null,
    created_at text not null,
    started_at text,
    finished_at text,
    total_changes integer not null,
    universes_updated text not null,
    task_results text not null,
    alerts text not null,
    held text not null,
    error text,
    force integer not null,
    preserve integer not null,
    dry_run integer not null,
    -- A list of the addresses of universes whose held changes it releases.
    approves text not null,
    cancel_requested integer not null,
    -- How far it is, while it runs.
    progress text,
    -- The token of the lease run:ENVIRONMENT under which it runs or ran.
    lease_token integer,
    constraint run_pkey primary key (run_id),
    constraint run_environment_run_number_key unique (environment, run_number),
    constraint run_status_check check (
        status in ('pending', 'running', 'completed', 'completed_with_errors', 'held', 'failed', 'cancelled')
    ),
    constraint run_number_check check ((status in ('pending', 'running')) = (run_number is null))
) strict, without rowid;

insert into universe_run_0002
select
    run_id, run_number, environment, mode, session, status, triggered_by, created_at, started_at, finished_at,
    total_changes, universes_updated, task_results, alerts, held, error, 0, 0, 0, '[]', 0, null, null
from universe_run;

drop table universe_run;
alter table universe_run_0002 rename to universe_run;

-- One run of an environment waits or runs at a time.
create unique index universe_run_active_key on universe_run (environment) where status in ('pending', 'running');

-- Events up to this number were deleted when they had been kept long enough.
alter table universe_head add column pruned_number integer not null default 0;

-- Who may do what only one may do at a time; a free lease has no holder.
create table universe_lease (
    -- run:ENVIRONMENT, relay:ENVIRONMENT, scheduler:ENVIRONMENT.
    name text not null,
    holder text,
    -- Rises by one with every new holder; writes with an older one are refused.
    token integer not null,
    expires_at text,
    constraint lease_pkey primary key (name)
) strict, without rowid;

-- Keys of programs, hashed.
create table universe_api_key (
    -- The public part of the key.
    api_key_id text not null,
    name text not null,
    hash blob not null,
    -- A list of scopes.
    scopes text not null,
    created_at text not null,
    expires_at text,
    revoked_at text,
    last_used_at text,
    constraint api_key_pkey primary key (api_key_id)
) strict, without rowid;

-- For which sessions schedules fired, so that none fires twice.
create table universe_fired (
    environment text not null,
    schedule text not null,
    session text not null,
    fired_at text not null,
    constraint fired_pkey primary key (environment, schedule, session)
) strict, without rowid;
