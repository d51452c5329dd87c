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
