//! Running a server as an ordinary user even when the tests run as root, which PostgreSQL refuses.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{ServerError, io_error};

/// The user that servers run as: ourselves, unless we are root.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerUser(Option<(u32, u32)>);

impl ServerUser {
    /// Makes an empty directory that belongs to the server's user, and tells who that is.
    pub(super) fn with_directory() -> Result<(Self, TempDir), ServerError> {
        let directory = tempfile::Builder::new()
            .prefix("universe-test-")
            .tempdir()
            .map_err(io_error("make a temporary directory"))?;
        let owner = directory.path().metadata().map_err(io_error("look at the temporary directory"))?.uid();
        // A new directory belongs to the effective user: that is how we learn who we are without unsafe code.
        let user = if owner == 0 { Self(Some(ordinary_user(&read_passwd()))) } else { Self(None) };
        user.own(directory.path())?;
        Ok((user, directory))
    }

    /// Returns a command that will run as this user.
    pub(super) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Self(Some((uid, gid))) = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Hands a file or directory over to this user.
    pub(super) fn own(self, path: &Path) -> Result<(), ServerError> {
        match self {
            Self(Some((uid, gid))) => {
                chown(path, Some(uid), Some(gid)).map_err(io_error(format!("give {} away", path.display())))
            }
            Self(None) => Ok(()),
        }
    }
}

fn read_passwd() -> String {
    std::fs::read_to_string("/etc/passwd").unwrap_or_default()
}

/// Finds `postgres` or else `nobody` in a passwd file; else takes the number that nobody has on Linux.
fn ordinary_user(passwd: &str) -> (u32, u32) {
    let find = |name: &str| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
        })
    };
    find("postgres").or_else(|| find("nobody")).unwrap_or((65_534, 65_534))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_the_postgres_user_and_falls_back_to_nobody() {
        let nobody = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/bin/false\n";
        assert_eq!(ordinary_user(nobody), (65_534, 65_533));
        assert_eq!(ordinary_user(&format!("{nobody}postgres:x:101:104::/:/bin/sh\n")), (101, 104));
        assert_eq!(ordinary_user(""), (65_534, 65_534));
    }
}
