//! A running server, asked on one connection that stays open.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::samples::Samples;

/// A server, stopped when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    connection: BufReader<TcpStream>,
}

impl Server {
    pub(crate) fn start(uri: &str, folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_universe"));
        command.args(["serve", "--port", "0"]).current_dir(folder).env_clear().env("DATABASE_URI", uri);
        command.env("UNIVERSE__SCHEDULER__ENABLED", "false").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
        let stream = TcpStream::connect(&address).expect("connected");
        stream.set_nodelay(true).expect("set");
        Self { child, address, connection: BufReader::new(stream) }
    }

    /// Measures from the request to the last byte of the answer.
    pub(crate) fn time(&mut self, path: &str, samples: &mut Samples) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: */*\r\n\r\n", self.address);
        let connection = &mut self.connection;
        let status = samples.time(|| {
            connection.get_mut().write_all(request.as_bytes()).expect("sent");
            let (mut status, mut length, mut line) = (String::new(), 0, String::new());
            loop {
                line.clear();
                connection.read_line(&mut line).expect("a line");
                let text = line.trim_end();
                if status.is_empty() {
                    text.clone_into(&mut status);
                } else if let Some(value) = text.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a number");
                } else if text.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            connection.read_exact(&mut body).expect("a body");
            status
        });
        assert_eq!(status, "HTTP/1.1 200 OK", "{path}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
