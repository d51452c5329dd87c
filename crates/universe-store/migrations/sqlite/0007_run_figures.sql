-- What runs decided by, so that answers about their sessions have the same figures whatever is corrected later.

create table universe_run_figure (
    environment text not null,
    run_number integer not null,
    session text not null,
    -- Cap and sector of each listing, with a version and a checksum of its own.
    figures blob not null,
    constraint run_figure_pkey primary key (environment, run_number)
) strict;
