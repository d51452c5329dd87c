//! Every setting: its name, the environment variables that the platform already uses, default and meaning.

/// One setting.
pub(crate) struct Key {
    /// `section.name`.
    pub(crate) name: &'static str,
    /// Variables that set it, beside `UNIVERSE__SECTION__NAME`; the first one that is set counts.
    pub(crate) variables: &'static [&'static str],
    /// The default; without one the setting may be absent.
    pub(crate) default: Option<&'static str>,
    /// What a value may look like where there is no default.
    pub(crate) example: &'static str,
    /// Whether it must be a whole number.
    pub(crate) is_number: bool,
    /// Whether it is shown only in part.
    pub(crate) is_secret: bool,
    /// The values that it may have; any when empty.
    pub(crate) choices: &'static [&'static str],
    /// What it is for.
    pub(crate) meaning: &'static str,
}

const TEXT: Key = Key {
    name: "",
    variables: &[],
    default: None,
    example: "",
    is_number: false,
    is_secret: false,
    choices: &[],
    meaning: "",
};

/// Every setting, by section.
pub(crate) const KEYS: [Key; 32] = [
    Key {
        name: "database.uri",
        variables: &["DATABASE_URI", "DATABASE_URL"],
        default: Some("sqlite:universe.db"),
        is_secret: true,
        meaning: "where memberships live: postgresql://user:password@host/name (?sslmode=verify-full&sslrootcert=PATH) or sqlite:PATH",
        ..TEXT
    },
    Key {
        name: "database.environment",
        default: Some("DEFAULT"),
        meaning: "the environment of cache_entries that is read and written",
        ..TEXT
    },
    Key {
        name: "rules.profile",
        default: Some("classic"),
        choices: &["classic", "steady"],
        meaning: "classic (the plain thresholds) or steady (buffers, one line per company)",
        ..TEXT
    },
    Key {
        name: "rules.directory",
        example: "rules",
        meaning: "a directory of rule files laid over the shipped ones: the same name replaces, an empty file switches off",
        ..TEXT
    },
    Key {
        name: "server.host",
        variables: &["TICKSTOCKPL_HOST"],
        default: Some("127.0.0.1"),
        meaning: "the address that `universe serve` listens on; any but this machine's own needs a key",
        ..TEXT
    },
    Key {
        name: "server.port",
        variables: &["TICKSTOCKPL_PORT"],
        default: Some("8080"),
        is_number: true,
        meaning: "its port; 0 takes a free one",
        ..TEXT
    },
    Key {
        name: "server.api_key",
        variables: &["TICKSTOCKPL_API_KEY"],
        example: "a long secret",
        is_secret: true,
        meaning: "a key that may do everything, beside those of `universe keys`; clients send it",
        ..TEXT
    },
    Key {
        name: "server.rate_per_second",
        default: Some("1000"),
        is_number: true,
        meaning: "how many requests a second one key may make; 0 for any number",
        ..TEXT
    },
    Key {
        name: "redis.url",
        variables: &["REDIS_URL"],
        example: "redis://127.0.0.1:6379/0",
        is_secret: true,
        meaning: "where events are published; without it and redis.host they are kept and served over HTTP only",
        ..TEXT
    },
    Key {
        name: "redis.host",
        variables: &["REDIS_HOST"],
        example: "127.0.0.1",
        meaning: "the same in parts: the host",
        ..TEXT
    },
    Key {
        name: "redis.port",
        variables: &["REDIS_PORT"],
        default: Some("6379"),
        is_number: true,
        meaning: "the port that goes with redis.host",
        ..TEXT
    },
    Key {
        name: "redis.database",
        variables: &["REDIS_DB"],
        default: Some("0"),
        is_number: true,
        meaning: "the number of the database that goes with redis.host",
        ..TEXT
    },
    Key {
        name: "redis.root_certificate",
        example: "/etc/universe/redis-ca.pem",
        meaning: "whose certificates a rediss:// server may have, as a file in PEM; this machine's authorities without it",
        ..TEXT
    },
    Key {
        name: "nats.url",
        variables: &["NATS_URL"],
        example: "nats://127.0.0.1:4222",
        is_secret: true,
        meaning: "a NATS server with JetStream that gets the events too; needs a program built with --features nats",
        ..TEXT
    },
    Key {
        name: "nats.stream",
        default: Some("UNIVERSE"),
        meaning: "its stream, made when it is missing; an environment has a stream to itself",
        ..TEXT
    },
    Key {
        name: "scheduler.enabled",
        default: Some("true"),
        choices: &["true", "false"],
        meaning: "true or false: whether `universe serve` orders runs by itself",
        ..TEXT
    },
    Key {
        name: "scheduler.cron",
        default: Some(universe_service::STANDARD_CRON),
        meaning: "when, as a cron expression: on sessions only, after early closes as long as after others",
        ..TEXT
    },
    Key {
        name: "scheduler.zone",
        default: Some(universe_service::STANDARD_ZONE),
        meaning: "the time zone of that",
        ..TEXT
    },
    Key {
        name: "scheduler.eod_wait",
        default: Some("off"),
        choices: &["off", "signal"],
        meaning: "off, or signal: wait for the end-of-day signal on Redis",
        ..TEXT
    },
    Key {
        name: "scheduler.eod_wait_timeout_seconds",
        default: Some("3600"),
        is_number: true,
        meaning: "for how long after the scheduled time",
        ..TEXT
    },
    Key {
        name: "scheduler.eod_timeout",
        default: Some("proceed"),
        choices: &["proceed", "give_up"],
        meaning: "proceed or give_up: what happens when no signal came",
        ..TEXT
    },
    Key {
        name: "events.retention_days",
        default: Some("30"),
        is_number: true,
        meaning: "for how many days events can be read again; those not published yet are kept longer",
        ..TEXT
    },
    Key {
        name: "massive.base_url",
        default: Some("https://api.massive.com"),
        meaning: "where the Massive API (formerly Polygon.io) answers; the key is sent there and nowhere else",
        ..TEXT
    },
    Key {
        name: "massive.api_key",
        variables: &["MASSIVE_API_KEY", "POLYGON_API_KEY"],
        example: "the key of your account",
        is_secret: true,
        meaning: "the key for it; without one nothing is loaded from there",
        ..TEXT
    },
    Key {
        name: "massive.requests_per_minute",
        default: Some("5"),
        is_number: true,
        meaning: "how many requests a minute the plan of that key allows: 5 without payment; 0 for any number",
        ..TEXT
    },
    Key {
        name: "massive.adjusted",
        default: Some("true"),
        choices: &["true", "false"],
        meaning: "true or false: whether prices and volumes are adjusted for splits",
        ..TEXT
    },
    Key {
        name: "massive.concurrency",
        default: Some("8"),
        is_number: true,
        meaning: "how many requests are under way at once, up to 64",
        ..TEXT
    },
    Key {
        name: "loading.use_cache_universes",
        variables: &["USE_CACHE_UNIVERSES"],
        default: Some("true"),
        choices: &["true", "false"],
        meaning: "true or false: whether the universe counts where a data-load job names a universe and a file",
        ..TEXT
    },
    Key {
        name: "loading.csv_directory",
        default: Some("data/universes"),
        meaning: "where the files are that data-load jobs name",
        ..TEXT
    },
    Key {
        name: "log.level",
        default: Some("warn"),
        choices: &["error", "warn", "info", "debug", "trace"],
        meaning: "error, warn, info, debug or trace",
        ..TEXT
    },
    Key {
        name: "log.format",
        default: Some("human"),
        choices: &["human", "json"],
        meaning: "human (a sentence and its fields) or json (an object a line), on standard error and in the log files",
        ..TEXT
    },
    Key {
        name: "log.directory",
        example: "logs",
        meaning: "a directory for a log file a day, cache_sync_YYYYMMDD.log, of which 30 days are kept",
        ..TEXT
    },
];
