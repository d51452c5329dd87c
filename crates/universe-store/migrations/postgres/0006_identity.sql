-- Which listing a symbol stands for: symbols change, and are given again to others.

create table universe.symbol_change (
  old_symbol text collate "C" not null,
  effective_session date not null,
  new_symbol text collate "C",
  source text not null,
  recorded_at timestamptz not null,
  constraint symbol_change_pkey primary key (old_symbol, effective_session),
  constraint symbol_change_new_symbol_check check (new_symbol is null or new_symbol <> old_symbol)
);
comment on table universe.symbol_change is
  'which listing a symbol stands for: symbols change, and are given again to others';
comment on column universe.symbol_change.effective_session is
  'first session on which the old symbol does not stand for its listing any more';
comment on column universe.symbol_change.new_symbol is
  'symbol under which the listing goes on; null where it does not, and another one has the symbol';
comment on column universe.symbol_change.source is 'the table that says so, or detected';
