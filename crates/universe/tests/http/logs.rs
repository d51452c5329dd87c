//! What a server logs, as programs read it.

use serde_json::Value;

use crate::harness::Place;
use crate::market::{self, FIRST, stocks};
use crate::server::Server;

#[test]
fn json_logs_are_an_object_a_line_with_the_fields_beside_the_message() {
    for place in Place::on_both_stores() {
        market::load(&place, FIRST, &stocks());
        let directory = place.path("logs");
        let settings = [
            ("UNIVERSE__LOG__FORMAT", "json"),
            ("UNIVERSE__LOG__LEVEL", "info"),
            ("UNIVERSE__LOG__DIRECTORY", directory.to_str().expect("text")),
        ];
        let server = Server::start_with(place, &settings);
        let job_id = server.trigger("");
        server.ended(&job_id);
        let text = server.log();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect();
        for line in &lines {
            let timestamp = line["timestamp"].as_str().expect("an instant");
            assert!(timestamp.ends_with('Z') && timestamp.parse::<jiff::Timestamp>().is_ok(), "{line}");
            for field in ["level", "target", "message"] {
                assert!(line[field].is_string(), "{line}");
            }
        }
        let begun = format!("run {job_id} begins");
        let begun = lines.iter().find(|line| line["message"] == *begun).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            (&begun["run.id"], &begun["level"], &begun["mode"]),
            (&Value::from(job_id.as_str()), &"INFO".into(), &"full".into())
        );

        // The file of the day says the same.
        let file = std::fs::read_dir(&directory).expect("listed").next().expect("a file").expect("an entry");
        let name = file.file_name().into_string().expect("text");
        assert!(name.starts_with("cache_sync_") && name.ends_with(".log"), "{name}");
        let written = std::fs::read_to_string(file.path()).expect("read");
        let written: Vec<Value> = written
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        assert!(
            written.iter().any(|line| line["run.id"] == *job_id && line["message"] == begun["message"]),
            "{written:?}"
        );
    }
}
