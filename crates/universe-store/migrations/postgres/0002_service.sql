-- What the service keeps: runs as jobs, leases, keys, and when schedules fired.

alter table universe.run
  alter column run_number drop not null,
  alter column session drop not null,
  alter column started_at drop not null,
  add column force boolean not null default false,
  add column preserve boolean not null default false,
  add column dry_run boolean not null default false,
  add column approves json not null default '[]',
  add column cancel_requested boolean not null default false,
  add column progress json,
  add column lease_token bigint,
  add constraint run_status_check check (
    status in ('pending', 'running', 'completed', 'completed_with_errors', 'held', 'failed', 'cancelled')
  ),
  add constraint run_number_check check ((status in ('pending', 'running')) = (run_number is null));
comment on table universe.run is 'one attempt to synchronize, from the order to the end; also those that failed';
comment on column universe.run.run_number is
  'null while it waits or runs; it takes the next one when it ends, and is never changed again';
comment on column universe.run.approves is 'addresses of the universes whose held changes it releases';
comment on column universe.run.progress is 'how far it is, while it runs';
comment on column universe.run.lease_token is 'token of the lease run:ENVIRONMENT under which it runs or ran';

-- One run of an environment waits or runs at a time.
create unique index run_active_key on universe.run (environment) where status in ('pending', 'running');

alter table universe.head add column pruned_number bigint not null default 0;
comment on column universe.head.pruned_number is
  'events up to this number were deleted when they had been kept long enough';

create table universe.lease (
  name text not null,
  holder text,
  token bigint not null,
  expires_at timestamptz,
  constraint lease_pkey primary key (name)
) with (fillfactor = 50);
comment on table universe.lease is 'who may do what only one may do at a time; a free lease has no holder';
comment on column universe.lease.name is 'run:ENVIRONMENT, relay:ENVIRONMENT, scheduler:ENVIRONMENT';
comment on column universe.lease.token is 'rises by one with every new holder; writes with an older one are refused';

create table universe.api_key (
  api_key_id text not null,
  name text not null,
  hash bytea not null,
  scopes text[] not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  constraint api_key_pkey primary key (api_key_id)
);
comment on table universe.api_key is 'keys of programs, hashed; not for readers';
comment on column universe.api_key.api_key_id is 'the public part of the key';

create table universe.fired (
  environment text not null,
  schedule text not null,
  session date not null,
  fired_at timestamptz not null,
  constraint fired_pkey primary key (environment, schedule, session)
);
comment on table universe.fired is 'for which sessions schedules fired, so that none fires twice';

-- The reader may select from every new table of the schema, but has no business with hashes.
do $$
begin
  revoke all on universe.api_key from tickstock_reader;
exception
  when undefined_object or insufficient_privilege then null;
end
$$;
