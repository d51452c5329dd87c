//! An answer as bytes: plain, compressed, and named by its content.

use std::io::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// Below this compression saves nothing: the answer fits one packet with its headers.
const GZIP_BYTES_MIN: usize = 1_024;

/// How much of the hash names an answer; 16 bytes are never the same by chance.
const ETAG_BYTES: usize = 16;

/// An answer that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Body {
    plain: Bytes,
    gzip: OnceLock<Option<Bytes>>,
    etag: String,
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.etag == other.etag
    }
}

impl Body {
    /// Serialises an answer; anything that is made of maps with text keys can be.
    #[must_use]
    pub fn json(answer: &impl Serialize) -> Self {
        let plain = serde_json::to_vec(answer).unwrap_or_default();
        let hash = blake3::hash(&plain);
        let etag = hash.as_bytes()[..ETAG_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { plain: plain.into(), gzip: OnceLock::new(), etag }
    }

    /// Returns the JSON.
    #[must_use]
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// Returns the JSON compressed, where that is worth while; compresses it when nobody has yet.
    #[must_use]
    pub fn gzip(&self) -> Option<&Bytes> {
        self.gzip.get_or_init(|| compressed(&self.plain)).as_ref()
    }

    /// Returns the name of the content, without quotes.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }
}

fn compressed(plain: &[u8]) -> Option<Bytes> {
    if plain.len() < GZIP_BYTES_MIN {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::default());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}
