-- Corrections of the recorded past, and what sources say of the histories of indexes.

-- One run may add several intervals of one symbol.
alter table universe.membership
  add column superseded_run bigint,
  drop constraint membership_pkey,
  add constraint membership_pkey primary key (universe_id, symbol, opened_run, valid_from);
comment on column universe.membership.superseded_run is
  'run.run_number of the run that corrected it: from then on it answers only for what was known before';

create table universe.constituent_source (
  environment text not null,
  type text not null,
  key text not null,
  source text not null,
  record json not null,
  loaded_at timestamptz not null,
  constraint constituent_source_pkey primary key (environment, type, key, source)
);
comment on table universe.constituent_source is
  'what each source says of the history of a universe, side by side';
comment on column universe.constituent_source.record is 'its tenures, as they were read from its file';

create table universe.membership_override (
  override_id uuid not null,
  environment text not null,
  type text not null,
  key text not null,
  symbol text collate "C" not null,
  is_member boolean not null,
  effective_from date not null,
  effective_until date,
  reason text not null,
  actor text not null,
  recorded_at timestamptz not null,
  withdrawn_at timestamptz,
  withdrawn_by text,
  constraint membership_override_pkey primary key (override_id),
  constraint membership_override_effective_check check (effective_until is null or effective_from < effective_until)
);
create index membership_override_environment_idx on universe.membership_override (environment, effective_from)
  where withdrawn_at is null;
comment on table universe.membership_override is
  'members that are put in or left out by hand, and changes that were announced; never deleted';
comment on column universe.membership_override.effective_until is 'first session no longer; null until it is withdrawn';
