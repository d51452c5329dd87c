-- Corrections of the recorded past, and what sources say of the histories of indexes.

-- One run may add several intervals of one symbol, so that the key has one column more; a table of SQLite is
-- made anew for that.
create table universe_membership_wider (
    universe_id integer not null,
    symbol text not null,
    valid_from text not null,
    -- The first session no longer; equal to valid_from where the same session took it back.
    valid_to text,
    opened_run integer not null,
    closed_run integer,
    opened_reason text not null,
    opened_cap integer,
    opened_rank integer,
    closed_reason text,
    closed_cap integer,
    closed_rank integer,
    -- The run that corrected it: from then on it answers only for what was known before.
    superseded_run integer,
    constraint membership_pkey primary key (universe_id, symbol, opened_run, valid_from),
    constraint membership_universe_id_fkey foreign key (universe_id) references universe_universe (universe_id),
    constraint membership_valid_check check (valid_to is null or valid_from <= valid_to)
) strict, without rowid;

insert into universe_membership_wider (
    universe_id, symbol, valid_from, valid_to, opened_run, closed_run, opened_reason, opened_cap, opened_rank,
    closed_reason, closed_cap, closed_rank
)
select
    universe_id, symbol, valid_from, valid_to, opened_run, closed_run, opened_reason, opened_cap, opened_rank,
    closed_reason, closed_cap, closed_rank
from universe_membership
order by universe_id, symbol, opened_run;

drop table universe_membership;
alter table universe_membership_wider rename to universe_membership;

-- What each source says of the history of a universe, side by side.
create table universe_constituent_source (
    environment text not null,
    type text not null,
    key text not null,
    source text not null,
    -- Its tenures, as they were read from its file.
    record text not null,
    loaded_at text not null,
    constraint constituent_source_pkey primary key (environment, type, key, source)
) strict, without rowid;

-- Members that are put in or left out by hand, and changes that were announced; never deleted.
create table universe_membership_override (
    override_id text not null,
    environment text not null,
    type text not null,
    key text not null,
    symbol text not null,
    is_member integer not null,
    effective_from text not null,
    -- The first session no longer; null until it is withdrawn.
    effective_until text,
    reason text not null,
    actor text not null,
    recorded_at text not null,
    withdrawn_at text,
    withdrawn_by text,
    constraint membership_override_pkey primary key (override_id),
    constraint membership_override_effective_check check (effective_until is null or effective_from < effective_until)
) strict, without rowid;
create index membership_override_environment_idx on universe_membership_override (environment, effective_from)
    where withdrawn_at is null;
