//! What followers are told about data-load jobs: only what is in their way.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ERRORS, Event, event};

/// Returns the event that says what is in the way of a job, or wrong with a message that asks for one.
///
/// The same seed makes the same event.
#[must_use]
pub fn event_of_data_load(seed: &str, job_id: Option<&str>, severity: &str, message: &str, at: Timestamp) -> Event {
    let payload = json!({
        "component": "data_load",
        "severity": severity,
        "message": message,
        "run_id": job_id,
        "alert": Value::Null,
    });
    event(&format!("data_load/{seed}/error"), at, "error", ERRORS, None, payload)
}
