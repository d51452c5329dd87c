//! Where an export goes: a file that is there as a whole or not at all, or standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

/// Set when somebody wants the program to end.
static IS_STOPPED: AtomicBool = AtomicBool::new(false);

/// How much is written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Where an export is to go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A file, or for qlib a directory; `-` is standard output.
    Path(&'a Path),
    /// A pipe that somebody reads from.
    Pipe(&'a File),
}

/// Something that an export is written to. Until it is committed, the file is what it was before.
pub(super) struct Target {
    sink: Sink,
    /// The reader of standard output went away, which is no failure.
    is_unread: bool,
    bytes: u64,
}

enum Sink {
    Stdout(BufWriter<io::Stdout>),
    /// A pipe or a device, which nothing can take the place of.
    Device(BufWriter<File>),
    File {
        writer: BufWriter<File>,
        part: Part,
        target: PathBuf,
    },
}

/// A file beside the target, which goes when it does not become the target.
struct Part {
    path: PathBuf,
    is_kept: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Lets the writing end in an orderly way when the program is interrupted or told to terminate.
pub(super) fn stop_when_told() {
    tokio::spawn(async {
        let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        match terminated {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminated.recv() => {}
                }
            }
            Err(_) => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
        IS_STOPPED.store(true, Ordering::Relaxed);
    });
}

impl Target {
    /// Opens a target.
    pub(super) fn open(place: Place<'_>) -> anyhow::Result<Self> {
        let sink = match place {
            Place::Path(path) if path == Path::new("-") => {
                Sink::Stdout(BufWriter::with_capacity(BUFFER_BYTES, io::stdout()))
            }
            Place::Path(path) => Sink::open(path).with_context(|| format!("cannot write {}", path.display()))?,
            Place::Pipe(pipe) => Sink::Device(BufWriter::with_capacity(BUFFER_BYTES, pipe.try_clone()?)),
        };
        Ok(Self { sink, is_unread: false, bytes: 0 })
    }

    /// How much was written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nobody reads what would still be written.
    pub(super) fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// Makes what was written the file: it survives a crash of the machine right after this returns.
    pub(super) fn commit(mut self) -> anyhow::Result<u64> {
        self.flush().context("cannot write what was exported")?;
        let bytes = self.bytes;
        if let Sink::File { writer, mut part, target } = self.sink {
            let failed = || format!("cannot write {}; it is as it was before", target.display());
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error).with_context(failed)?;
            file.sync_all().with_context(failed)?;
            drop(file);
            std::fs::rename(&part.path, &target).with_context(failed)?;
            part.is_kept = true;
            // The name is on the disk when its directory is; not every file system can be asked for that.
            if let Ok(directory) = File::open(directory_of(&target)) {
                let _ = directory.sync_all();
            }
        }
        Ok(bytes)
    }
}

impl Sink {
    fn open(path: &Path) -> io::Result<Self> {
        // Behind a link it is the file that is replaced, not the link.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match std::fs::metadata(&target) {
            Ok(found) if found.is_dir() => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(found) if !found.is_file() => {
                let device = OpenOptions::new().write(true).open(&target)?;
                return Ok(Self::Device(BufWriter::with_capacity(BUFFER_BYTES, device)));
            }
            Ok(_) => {}
            Err(_) => {}
        }
        let Some(name) = target.file_name() else { return Err(io::Error::from(io::ErrorKind::InvalidFilename)) };
        let name = format!(".{}.{}.part", name.to_string_lossy(), std::process::id());
        let part = Part { path: directory_of(&target).join(name), is_kept: false };
        let file = File::create(&part.path)?;
        Ok(Self::File { writer: BufWriter::with_capacity(BUFFER_BYTES, file), part, target })
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if IS_STOPPED.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped before the end"));
        }
        if self.is_unread {
            return Ok(bytes.len());
        }
        let written = match &mut self.sink {
            Sink::Stdout(writer) => writer.write(bytes),
            Sink::Device(writer) => writer.write(bytes),
            Sink::File { writer, .. } => writer.write(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_unread = true;
                Ok(bytes.len())
            }
            Ok(count) => {
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.sink {
            Sink::Stdout(writer) => writer.flush(),
            Sink::Device(writer) => writer.flush(),
            Sink::File { writer, .. } => writer.flush(),
        };
        match flushed {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_unread = true;
                Ok(())
            }
            other => other,
        }
    }
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}
