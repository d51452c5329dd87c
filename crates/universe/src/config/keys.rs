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
pub(crate) const KEYS: [Key; 6] = [
    Key {
        name: "database.uri",
        variables: &["DATABASE_URI", "DATABASE_URL"],
        default: Some("sqlite:universe.db"),
        is_secret: true,
        meaning: "where memberships live: postgresql://user:password@host/name or sqlite:PATH",
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
        name: "log.level",
        default: Some("warn"),
        choices: &["error", "warn", "info", "debug", "trace"],
        meaning: "error, warn, info, debug or trace",
        ..TEXT
    },
    Key {
        name: "log.directory",
        example: "logs",
        meaning: "a directory for a log file a day, cache_sync_YYYYMMDD.log, of which 30 days are kept",
        ..TEXT
    },
];
