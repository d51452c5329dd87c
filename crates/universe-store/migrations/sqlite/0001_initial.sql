-- The public tables, which other programs read and write (contract, section 2), and the project's own
-- ones, prefixed universe_. Dates are ISO texts, instants RFC 3339 texts in UTC, booleans 0 and 1,
-- JSON is text. In PostgreSQL the own tables live in the schema universe, without the prefix.

-- The universes as every program reads them, and settings of other programs, which are never touched.
create table cache_entries (
    id integer primary key,
    type text not null,
    name text not null,
    key text not null,
    -- A list of symbols for the two types of universe.
    value text not null,
    environment text not null default 'DEFAULT',
    universe_category text,
    universe_metadata text,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    -- What an older generation of readers calls the columns above.
    universe text generated always as (key) virtual,
    cache_type text generated always as (universe_category) virtual,
    content text generated always as (
        case
            when type not in ('stock_universe', 'etf_universe') or not json_valid(value) then null
            when json_type(value) <> 'array' then null
            else json_object(
                'symbols', json(value),
                'count', json_array_length(value),
                'last_updated', case when json_valid(universe_metadata) then universe_metadata ->> 'last_updated' end,
                'metadata', case when json_valid(universe_metadata) then json(universe_metadata) end
            )
        end
    ) virtual,
    constraint cache_entries_type_key_environment_key unique (type, key, environment)
) strict;

-- Listings: reference data by symbol.
create table symbols (
    symbol text not null,
    company_name text,
    -- CS ETF ADRC PFD WARRANT RIGHT UNIT NOTE FUND OTHER
    security_type text,
    exchange text,
    sector text,
    industry text,
    country text,
    currency text default 'USD',
    -- Whole dollars; rewritten by a run where it moved by more than 5 %.
    market_cap integer,
    weighted_shares_outstanding integer,
    listing_date text,
    is_active integer not null default 1,
    -- The first session on which it is no longer listed.
    delisted_date text,
    last_updated text,
    etf_type text,
    issuer text,
    aum_millions real,
    -- The year of the public offering, where only that is known.
    ipo_year integer,
    -- The first snapshot that showed it, where an earlier one did not; null where its age is unknown.
    first_seen_session text,
    -- The last snapshot that showed it.
    last_seen_session text,
    constraint symbols_pkey primary key (symbol)
) strict, without rowid;

-- Daily bars; a screener gives closes only.
create table ohlcv_daily (
    symbol text not null,
    date text not null,
    open real,
    high real,
    low real,
    close real not null,
    volume integer,
    constraint ohlcv_daily_pkey primary key (symbol, date)
) strict, without rowid;

-- All closes of one session are read from this index alone.
create index ohlcv_daily_date_symbol_idx on ohlcv_daily (date, symbol, close, volume);

create table ohlcv_1min (
    symbol text not null,
    timestamp text not null,
    open real,
    high real,
    low real,
    close real not null,
    volume integer,
    constraint ohlcv_1min_pkey primary key (symbol, timestamp)
) strict, without rowid;

create table ohlcv_hourly (
    symbol text not null,
    timestamp text not null,
    open real,
    high real,
    low real,
    close real not null,
    volume integer,
    constraint ohlcv_hourly_pkey primary key (symbol, timestamp)
) strict, without rowid;

create table ohlcv_weekly (
    symbol text not null,
    date text not null,
    open real,
    high real,
    low real,
    close real not null,
    volume integer,
    constraint ohlcv_weekly_pkey primary key (symbol, date)
) strict, without rowid;

create table ohlcv_monthly (
    symbol text not null,
    date text not null,
    open real,
    high real,
    low real,
    close real not null,
    volume integer,
    constraint ohlcv_monthly_pkey primary key (symbol, date)
) strict, without rowid;

-- Which migrations were applied, and with which text.
create table universe_migration (
    version integer not null,
    name text not null,
    checksum text not null,
    applied_at text not null,
    constraint migration_pkey primary key (version)
) strict;

-- Where an environment stands. Everything that is numbered without gaps takes its number here.
create table universe_head (
    environment text not null,
    -- The number of the last run that changed something: plans apply to one version only.
    version integer not null default 0,
    -- The number of the last run of any kind.
    run_number integer not null default 0,
    -- The newest session that was synchronized, and the run that did it.
    session text,
    run_id text,
    -- The fingerprint of what the last run held back.
    held text,
    audit_number integer not null default 0,
    event_number integer not null default 0,
    constraint head_pkey primary key (environment)
) strict, without rowid;

-- Universes that rules or imports made, retired ones too; members is what the planner reads.
create table universe_universe (
    universe_id integer primary key,
    environment text not null,
    type text not null,
    key text not null,
    name text not null,
    category text not null,
    rule text not null,
    rule_version text not null,
    is_ranked integer not null,
    -- The number of its last change; events carry it.
    sequence integer not null,
    -- Symbols in the order of the entry, with single spaces between them.
    members text not null,
    member_count integer not null,
    reconstituted_session text not null,
    -- The updated_at of its entry; another one there means that somebody else wrote it.
    entry_updated_at text not null,
    is_retired integer not null,
    constraint universe_environment_type_key_key unique (environment, type, key)
) strict;

-- The dated facts of being a member: half-open by session, never rewritten but for their end.
create table universe_membership (
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
    constraint membership_pkey primary key (universe_id, symbol, opened_run),
    constraint membership_universe_id_fkey foreign key (universe_id) references universe_universe (universe_id),
    constraint membership_valid_check check (valid_to is null or valid_from <= valid_to)
) strict, without rowid;

-- There is no index by symbol: it would double what a first population costs, and the key answers in which
-- universes a symbol is and was, with one descent for each universe.

-- Runs, with what they did and why they failed.
create table universe_run (
    run_id text not null,
    run_number integer not null,
    environment text not null,
    mode text not null,
    session text not null,
    status text not null,
    triggered_by text not null,
    created_at text not null,
    started_at text not null,
    finished_at text,
    total_changes integer not null,
    universes_updated text not null,
    task_results text not null,
    alerts text not null,
    held text not null,
    error text,
    constraint run_pkey primary key (run_id),
    constraint run_environment_run_number_key unique (environment, run_number)
) strict, without rowid;

-- Who did what and why; append-only, numbered without gaps.
create table universe_audit_entry (
    environment text not null,
    audit_number integer not null,
    recorded_at text not null,
    run_id text not null,
    actor text not null,
    action text not null,
    -- The address (type:key), where it is about one.
    universe text,
    symbol text,
    reason text not null,
    detail text not null,
    constraint audit_entry_pkey primary key (environment, audit_number)
) strict, without rowid;

-- Events in the order in which they are published; numbered without gaps.
create table universe_outbox (
    environment text not null,
    event_number integer not null,
    event_id text not null,
    event text not null,
    -- A list of channels.
    channels text not null,
    universe text,
    -- The number of the universe's change, for subscribers to see gaps by.
    sequence integer,
    -- The complete message, published as it stands.
    message text not null,
    created_at text not null,
    published_at text,
    constraint outbox_pkey primary key (environment, event_number),
    constraint outbox_event_id_key unique (event_id)
) strict;

create index universe_outbox_unpublished_idx on universe_outbox (environment, event_number) where published_at is null;

-- Lists of members that somebody else decides.
create table universe_import_list (
    environment text not null,
    type text not null,
    key text not null,
    name text,
    -- Symbols with single spaces between them.
    symbols text not null,
    source text not null,
    loaded_at text not null,
    constraint import_list_pkey primary key (environment, type, key)
) strict, without rowid;

-- Full snapshots that were loaded.
create table universe_snapshot (
    session text not null,
    source text not null,
    rows integer not null,
    -- The same content again changes nothing.
    content_hash text not null,
    loaded_at text not null,
    -- What was known of each listing then, in a format of its own: for sessions that are decided later.
    facts blob not null,
    constraint snapshot_pkey primary key (session, source)
) strict;

-- What was loaded from where, and what was wrong with it.
create table universe_load (
    load_id integer primary key,
    kind text not null,
    file text not null,
    session text,
    rows integer not null,
    loaded integer not null,
    issues text not null,
    loaded_at text not null
) strict;

-- Figures of listings beyond the columns of symbols, as of a day.
create table universe_listing_fact (
    field text not null,
    symbol text not null,
    as_of text not null,
    value real not null,
    constraint listing_fact_pkey primary key (field, symbol, as_of)
) strict, without rowid;

-- The figures of the market, so that no run reads a year of prices again.
create table universe_market_session (
    session text not null,
    listings integer not null,
    -- The share of listings that rose.
    breadth real not null,
    median_return real not null,
    -- Annualised; null before there are enough sessions.
    volatility real,
    constraint market_session_pkey primary key (session)
) strict, without rowid;
