//! A private NATS server with JetStream.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, Context, message::PublishMessage};
use tempfile::TempDir;

/// How often it is asked whether it is there; a second in all.
const LOOKS: usize = 500;

/// A server of our own; gone when dropped.
pub(crate) struct NatsServer {
    child: Child,
    program: PathBuf,
    port: u16,
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server, or says that the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Debian has it where administrators look.
        let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let program = places.map(|place| place.join("nats-server")).find(|program| program.exists());
        let Some(program) = program else {
            eprintln!("skipped: no nats-server (install the package nats-server)");
            return None;
        };
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("a port").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let child = spawn(&program, port, &folder);
        Some(Self { child, program, port, folder })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the server at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }

    /// Starts it again, with what it has on disk.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, self.port, &self.folder);
    }

    /// Returns the id and subject of every message of a stream, in order; `None` without the stream.
    pub(crate) async fn messages(&self, stream: &str) -> Option<Vec<(String, String)>> {
        let mut stream = self.context().await?.get_stream(stream).await.ok()?;
        let state = stream.info().await.ok()?.state.clone();
        let mut messages = Vec::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.ok()?;
            let id = message.headers.get("Nats-Msg-Id").map(|id| id.as_str().to_owned()).unwrap_or_default();
            messages.push((id, message.subject.to_string()));
        }
        Some(messages)
    }

    /// Publishes a message with an id, and tells whether the stream had it.
    pub(crate) async fn publish(&self, subject: &str, id: &str) -> bool {
        let context = self.context().await.expect("a connection");
        let message = PublishMessage::build().payload("x".into()).message_id(id);
        let answer = context.send_publish(subject.to_owned(), message).await.expect("sent");
        answer.await.expect("an answer").duplicate
    }

    async fn context(&self) -> Option<Context> {
        Some(jetstream::new(async_nats::connect(self.url()).await.ok()?))
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &PathBuf, port: u16, folder: &TempDir) -> Child {
    let mut command = Command::new(program);
    command.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(folder.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nats-server runs");
    let answers = (0..LOOKS).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    });
    if !answers {
        let _ = child.kill();
        let _ = child.wait();
        panic!("nats-server does not answer on port {port}");
    }
    child
}
