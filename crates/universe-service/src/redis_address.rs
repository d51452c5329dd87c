//! Where Redis is, and how connections to it are made; none of them waits for long.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, RedisError, TlsCertificates};

/// A server that takes longer to connect to counts as down; it is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A server that takes longer for one answer counts as down. Shorter than the leases of those who wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What a certificate in PEM begins with.
const PEM_MARK: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The waits between attempts to reach a server; the last one is repeated.
const WAITS_MS: [u64; 7] = [50, 100, 250, 500, 1_000, 2_000, 5_000];

/// The address of a Redis server; shows itself without its password.
#[derive(Clone)]
pub struct RedisAddress(Client);

/// A text is not the address of a Redis server; it is not repeated, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a Redis server is redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// for encryption, or unix:PATH")]
pub struct RedisAddressError;

/// What encrypted connections cannot be made with.
#[derive(Debug, thiserror::Error)]
#[error(
    "encrypted connections to Redis cannot be made ({0}); the address begins with rediss:// and the file has a certificate in PEM"
)]
pub struct RedisCertificateError(String);

impl RedisAddress {
    /// Trusts the authorities of a file in PEM, and none of this machine's, with connections that `rediss://` encrypts.
    ///
    /// # Errors
    /// When the connection is not encrypted, or there is no certificate in the text.
    pub fn trusting(self, root_certificate_pem: Vec<u8>) -> Result<Self, RedisCertificateError> {
        let info = self.0.get_connection_info().clone();
        if !matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
            return Err(RedisCertificateError("the connection is not encrypted".to_owned()));
        }
        // The driver takes a text without any for one with none.
        if !root_certificate_pem.windows(PEM_MARK.len()).any(|window| window == PEM_MARK) {
            return Err(RedisCertificateError("there is no certificate".to_owned()));
        }
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(root_certificate_pem) };
        let client = Client::build_with_tls(info, certificates);
        client.map(Self).map_err(|error| RedisCertificateError(error.to_string()))
    }

    /// Connects, for commands.
    pub(crate) async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        self.0.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Connects, for subscriptions.
    pub(crate) async fn connect_subscriber(&self) -> Result<PubSub, RedisError> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.0.get_async_pubsub()).await {
            Ok(connected) => connected,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    /// Asks the server whether it is there.
    ///
    /// # Errors
    /// When it does not answer; the text says why.
    pub async fn ping(&self) -> Result<(), String> {
        let mut connection = self.connect().await.map_err(|error| error.to_string())?;
        redis::cmd("PING").query_async::<()>(&mut connection).await.map_err(|error| error.to_string())
    }
}

impl FromStr for RedisAddress {
    type Err = RedisAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Client::open(text.trim()).map(Self).map_err(|_| RedisAddressError)
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.0.get_connection_info();
        write!(f, "{}/{}", info.addr(), info.redis_settings().db())
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisAddress({self})")
    }
}

/// The waits between attempts: longer each time, and short again after a success.
#[derive(Debug, Default)]
pub(crate) struct Backoff(usize);

impl Backoff {
    pub(crate) fn next(&mut self) -> Duration {
        let wait = WAITS_MS[self.0.min(WAITS_MS.len() - 1)];
        self.0 += 1;
        Duration::from_millis(wait)
    }

    /// Tells whether nothing failed since the last success, so that a failure is news.
    pub(crate) fn is_fresh(&self) -> bool {
        self.0 == 0
    }

    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_hides_its_password() {
        let address: RedisAddress = "redis://me:secret@cache.example:6380/3".parse().expect("an address");
        assert_eq!(format!("{address:?}"), "RedisAddress(cache.example:6380/3)");
        assert!("postgresql://x".parse::<RedisAddress>().is_err());
    }

    #[test]
    fn waits_grow_to_five_seconds_and_start_again() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [50, 100, 250, 500, 1_000, 2_000, 5_000, 5_000, 5_000]);
        backoff.reset();
        assert_eq!(backoff.next().as_millis(), 50);
    }
}
