-- What runs decided by, so that answers about their sessions have the same figures whatever is corrected later.

create table universe.run_figure (
  environment text not null,
  run_number bigint not null,
  session date not null,
  figures bytea not null,
  constraint run_figure_pkey primary key (environment, run_number)
);
comment on table universe.run_figure is 'what runs decided by: the market cap and the sector of each listing';
comment on column universe.run_figure.figures is
  'cap and sector of each listing, with a version and a checksum of its own';
