//! How data-load jobs are carried out, from the configuration.

use std::path::PathBuf;

use universe_service::DataLoadSettings;

use crate::cli::massive;
use crate::config::Config;

/// Returns how data-load jobs are carried out.
pub(crate) fn loading_settings(config: &Config) -> DataLoadSettings {
    DataLoadSettings {
        // Who asks for no bars needs none.
        client: massive::client(config).map_err(|error| error.to_string()),
        concurrency: massive::concurrency(config),
        use_cache_universes: config.get("loading.use_cache_universes") != Some("false"),
        csv_directory: PathBuf::from(config.get("loading.csv_directory").unwrap_or_default()),
        lease_seconds: DataLoadSettings::LEASE_SECONDS,
        poll: DataLoadSettings::POLL,
    }
}
