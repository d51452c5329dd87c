//! Somebody who listens to Redis and remembers everything.

use std::sync::{Arc, Mutex, MutexGuard, mpsc};

use serde_json::Value;
use uuid::Uuid;

/// A message as it came.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) channel: String,
    pub(crate) message: Value,
}

/// What was heard on all channels, in order.
#[derive(Clone, Default)]
pub(crate) struct Listener(Arc<Mutex<Vec<Heard>>>);

impl Listener {
    /// Listens to a server until that is gone; whatever is published after this returned is heard.
    pub(crate) fn listen(&self, uri: &str) {
        let client = redis::Client::open(uri).expect("an address");
        let heard = self.clone();
        let (listening, listens) = mpsc::channel();
        std::thread::spawn(move || {
            let mut connection = client.get_connection().expect("connects");
            let mut subscription = connection.as_pubsub();
            subscription.psubscribe("*").expect("subscribes");
            listening.send(()).expect("awaited");
            while let Ok(message) = subscription.get_message() {
                let channel = message.get_channel_name().to_owned();
                let message = serde_json::from_slice(message.get_payload_bytes()).expect("JSON in UTF-8");
                heard.all().push(Heard { channel, message });
            }
        });
        listens.recv().expect("a subscription");
    }

    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.0.lock().expect("no panic")
    }

    /// Tells whether anything was heard of a run beside its order.
    pub(crate) fn has_heard_of(&self, run_id: Uuid) -> bool {
        let run_id = run_id.to_string();
        self.all().iter().rev().any(|heard| {
            let payload = &heard.message["payload"];
            heard.message["event"] != "cache_sync_triggered"
                && [&payload["run_id"], &payload["job_id"]].iter().any(|id| id.as_str() == Some(&run_id))
        })
    }
}
