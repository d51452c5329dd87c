-- Which symbol changes were known when: what a later one corrects is superseded, and answers for what was known
-- before.

create table universe_symbol_change_wider (
    symbol_change_id integer not null,
    old_symbol text not null,
    -- The first session on which the old symbol does not stand for its listing any more.
    effective_session text not null,
    -- The symbol under which the listing goes on; null where it does not, and another one has the symbol.
    new_symbol text,
    -- The table that says so, or `detected`.
    source text not null,
    recorded_at text not null,
    -- When it was corrected: from then on it answers only for what was known before.
    superseded_at text,
    constraint symbol_change_pkey primary key (symbol_change_id),
    constraint symbol_change_new_symbol_check check (new_symbol is null or new_symbol <> old_symbol)
) strict;

insert into universe_symbol_change_wider (old_symbol, effective_session, new_symbol, source, recorded_at)
select old_symbol, effective_session, new_symbol, source, recorded_at
from universe_symbol_change
order by effective_session, old_symbol;

drop table universe_symbol_change;
alter table universe_symbol_change_wider rename to universe_symbol_change;
create unique index universe_symbol_change_current_key on universe_symbol_change (old_symbol, effective_session)
    where superseded_at is null;
