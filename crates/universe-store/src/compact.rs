//! How figures of thousands of listings are kept in few bytes: a version, a checksum, and numbers of varying length.

/// Behind the version: enough of a fingerprint of the rest to tell that it is whole.
const CHECKSUM_BYTES: usize = 8;

/// Why bytes cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum CompactError {
    /// A later program wrote them, or something else did.
    #[error("they have version {found}, this program reads version {read}")]
    Version { found: u8, read: u8 },
    /// Bytes are missing or changed.
    #[error("they are damaged ({0})")]
    Damaged(&'static str),
}

/// Puts the version and the checksum before what they are of.
pub(crate) fn seal(version: u8, payload: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(1 + CHECKSUM_BYTES + payload.len());
    sealed.push(version);
    sealed.extend_from_slice(&blake3::hash(payload).as_bytes()[..CHECKSUM_BYTES]);
    sealed.extend_from_slice(payload);
    sealed
}

/// Returns what is behind version and checksum.
///
/// # Errors
/// When it has another version, or a byte is not as it was written.
pub(crate) fn unseal(version: u8, sealed: &[u8]) -> Result<&[u8], CompactError> {
    let (found, rest) = sealed.split_first().ok_or(CompactError::Damaged("empty"))?;
    if *found != version {
        return Err(CompactError::Version { found: *found, read: version });
    }
    let (checksum, payload) = rest.split_at_checked(CHECKSUM_BYTES).ok_or(CompactError::Damaged("too short"))?;
    if blake3::hash(payload).as_bytes()[..CHECKSUM_BYTES] != *checksum {
        return Err(CompactError::Damaged("its checksum"));
    }
    Ok(payload)
}

/// Appends a number: seven bits a byte, the lowest first.
pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while 0x7f < number {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Appends a text behind its length.
pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Returns how many bytes a text begins with that the one before it begins with too: only the others are stored.
pub(crate) fn shared_len(before: &str, text: &str) -> usize {
    before.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count()
}

/// What of a payload has not been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'b>(pub(crate) &'b [u8]);

impl<'b> Payload<'b> {
    pub(crate) fn number(&mut self) -> Result<u64, CompactError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(CompactError::Damaged("too short"))?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(CompactError::Damaged("a number"))
    }

    /// Reads a number of things that are still to come, each of a byte at least.
    pub(crate) fn length(&mut self) -> Result<usize, CompactError> {
        let number = self.number()?;
        usize::try_from(number)
            .ok()
            .filter(|length| *length <= self.0.len().max(1 << 8))
            .ok_or(CompactError::Damaged("a length"))
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'b [u8], CompactError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CompactError::Damaged("too short"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Reads a text behind its length.
    pub(crate) fn text(&mut self) -> Result<&'b str, CompactError> {
        let length = self.length()?;
        std::str::from_utf8(self.bytes(length)?).map_err(|_| CompactError::Damaged("a text"))
    }

    /// Reads a number above zero; zero stands for none.
    pub(crate) fn positive(&mut self) -> Result<Option<i64>, CompactError> {
        let number = i64::try_from(self.number()?).map_err(|_| CompactError::Damaged("a number"))?;
        Ok((number != 0).then_some(number))
    }
}

/// The texts of a column in which neighbours begin alike.
#[derive(Debug, Default)]
pub(crate) struct Unfolded(Vec<u8>);

impl Unfolded {
    /// Returns the next text, given how much of it is as in the one before, and the rest.
    pub(crate) fn next(&mut self, shared: usize, tail: &[u8]) -> Result<&[u8], CompactError> {
        if self.0.len() < shared {
            return Err(CompactError::Damaged("a symbol"));
        }
        self.0.truncate(shared);
        self.0.extend_from_slice(tail);
        Ok(&self.0)
    }
}
