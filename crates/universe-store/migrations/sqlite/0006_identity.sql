-- Which listing a symbol stands for: symbols change, and are given again to others.

create table universe_symbol_change (
    old_symbol text not null,
    -- The first session on which the old symbol does not stand for its listing any more.
    effective_session text not null,
    -- The symbol under which the listing goes on; null where it does not, and another one has the symbol.
    new_symbol text,
    -- The table that says so, or `detected`.
    source text not null,
    recorded_at text not null,
    constraint symbol_change_pkey primary key (old_symbol, effective_session),
    constraint symbol_change_new_symbol_check check (new_symbol is null or new_symbol <> old_symbol)
) strict, without rowid;
