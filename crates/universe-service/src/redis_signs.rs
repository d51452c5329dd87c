//! How the Redis server is, for whoever looks after a deployment.

use jiff::Timestamp;

use crate::RedisAddress;

/// What a Redis server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSigns {
    /// Its version.
    pub version: String,
    /// Its clock.
    pub now: Timestamp,
    /// How many bytes it may use; 0 for any number.
    pub bytes_max: u64,
    /// What it does when they are used up (`noeviction`, `allkeys-lru`, ...); `None` where it does not say.
    pub eviction: Option<String>,
}

impl RedisAddress {
    /// Asks the server how it is.
    ///
    /// # Errors
    /// When it does not answer, or does not let this program in; the text says why, without the password.
    pub async fn signs(&self) -> Result<RedisSigns, String> {
        let said = |error: redis::RedisError| error.to_string();
        let mut connection = self.connect().await.map_err(said)?;
        let info: String = redis::cmd("INFO").query_async(&mut connection).await.map_err(said)?;
        let (seconds, micros): (i64, i32) = redis::cmd("TIME").query_async(&mut connection).await.map_err(said)?;
        let field = |name: &str| {
            info.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
        };
        Ok(RedisSigns {
            version: field("redis_version").unwrap_or_else(|| "unknown".to_owned()),
            now: Timestamp::new(seconds, micros.saturating_mul(1_000)).map_err(|error| error.to_string())?,
            bytes_max: field("maxmemory").and_then(|bytes| bytes.parse().ok()).unwrap_or_default(),
            eviction: field("maxmemory_policy"),
        })
    }
}
