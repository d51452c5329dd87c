-- Which symbol changes were known when: what a later one corrects is superseded, and answers for what was known
-- before.

alter table universe.symbol_change
  add column symbol_change_id bigint generated always as identity,
  add column superseded_at timestamptz,
  drop constraint symbol_change_pkey,
  add constraint symbol_change_pkey primary key (symbol_change_id);
create unique index symbol_change_current_key on universe.symbol_change (old_symbol, effective_session)
  where superseded_at is null;
comment on column universe.symbol_change.superseded_at is
  'when it was corrected: from then on it answers only for what was known before';
comment on column universe.constituent_source.record is 'its intervals, as they were read from its file';
