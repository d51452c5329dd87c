//! Exports over HTTP: the bytes of `universe export`.

use crate::harness::Place;
use crate::market::{FIRST, first_day, load, sessions_later, stocks, with_price};
use crate::server::Server;

fn servers() -> Vec<Server> {
    let ready = |place: Place| {
        first_day(&place);
        let mut second = stocks();
        with_price(&mut second, &["LARH"], 40);
        load(&place, sessions_later(FIRST, 1), &second);
        place.run(&["sync", "--force"]).done();
        Server::start(place)
    };
    Place::on_both_stores().into_iter().map(ready).collect()
}

/// Returns what the command line writes into a file.
fn written(server: &Server, arguments: &[&str], file: &str) -> Vec<u8> {
    let path = server.place.path(file);
    server.place.run(&[&["export", "--output", file], arguments].concat()).done();
    std::fs::read(&path).expect("a file")
}

#[test]
fn an_export_has_the_bytes_of_the_command_line() {
    for server in servers() {
        let day = FIRST.to_string();
        let one = "/api/v1/universes/top_10/export";
        let mixed = "/api/v1/universes/mega_cap%20-%20top_10/export";
        let of_day = format!("{one}?format=csv&as_of={day}");
        let early = format!("{one}?known_at=2020-01-01T00:00:00Z");
        let panel = format!("{one}?what=panel&format=csv&from={day}&to={day}");
        for (path, arguments, file, media_type, name) in [
            (one, &["top_10"][..], "a.json", "application/json", "top_10-members.json"),
            (
                &of_day,
                &["top_10", "--as-of", &day],
                "b.csv",
                "text/csv; charset=utf-8",
                "top_10-members-2024-01-02.csv",
            ),
            (
                &early,
                &["top_10", "--known-at", "2020-01-01T00:00:00Z"],
                "c.json",
                "application/json",
                "top_10-members.json",
            ),
            (mixed, &["mega_cap - top_10"], "d.json", "application/json", "combination-members.json"),
            (
                "/api/v1/universes/top_10/export?what=intervals&format=parquet",
                &["top_10", "--what", "intervals"],
                "e.parquet",
                "application/vnd.apache.parquet",
                "top_10-intervals.parquet",
            ),
            (
                &panel,
                &["top_10", "--what", "panel", "--from", &day, "--to", &day],
                "f.csv",
                "text/csv; charset=utf-8",
                "top_10-panel.csv",
            ),
            ("/api/v1/export", &[], "g.json", "application/json", "universes-members.json"),
            ("/api/v1/export?what=panel", &["--what", "panel"], "h.json", "application/json", "universes-panel.json"),
        ] {
            let answer = server.get(path);
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(media_type)), "{}", answer.text());
            let disposition = format!("attachment; filename=\"{name}\"");
            assert_eq!(answer.header("content-disposition"), Some(disposition.as_str()));
            assert!(answer.body == written(&server, arguments, file), "{path} differs from {file}");
            assert!(!answer.body.is_empty());
        }
        let answer = server.get("/api/v1/universes/top_10/export?what=intervals&format=qlib");
        assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"top_10.txt\""));
        server.place.run(&["export", "top_10", "--what", "intervals", "--as", "qlib", "--output", "qlib"]).done();
        assert_eq!(answer.text(), std::fs::read_to_string(server.place.path("qlib/top_10.txt")).expect("a file"));

        // What was exported comes back in.
        server.place.write("back.json", server.get("/api/v1/export").body);
        let back = server.place.run(&["import", "back.json", "--format", "json"]).done().json();
        assert_eq!(back["written"], false, "everything is so already");
    }
}

#[test]
fn a_day_that_is_no_session_says_which_one_it_is() {
    let server = servers().remove(0);
    let answer = server.get("/api/v1/universes/top_10/export?as_of=2024-01-07");
    assert_eq!((answer.status, answer.header("x-as-of")), (200, Some("2024-01-05")));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"top_10-members-2024-01-05.json\""));
    assert_eq!(answer.is(200)["as_of"], "2024-01-05");
}

#[test]
fn exports_that_cannot_be_meant_are_refused() {
    let server = servers().remove(0);
    for query in [
        "format=xlsx",
        "what=everything",
        "format=qlib",
        "what=panel&format=qlib",
        "what=intervals&as_of=2024-01-02",
        "from=2024-01-02",
        "what=intervals&to=2024-01-02",
        "what=panel&from=2024-01-03&to=2024-01-02",
        "as_of=soon",
        "output=/etc/passwd",
    ] {
        server.get(&format!("/api/v1/universes/top_10/export?{query}")).is_problem(400, "query");
    }
    server.get("/api/v1/export?what=intervals&format=qlib").is_problem(400, "query");
    server.get("/api/v1/universes/top_10%20%26/export").is_problem(400, "expression");
    server.get("/api/v1/universes/top_10%20+%20mega_cap/export?what=intervals").is_problem(400, "expression");
    for query in ["", "?what=intervals", "?what=panel&format=csv", "?as_of=2024-01-02"] {
        let unknown = server.get(&format!("/api/v1/universes/top_1O/export{query}"));
        assert_eq!(unknown.is_problem(404, "unknown-universe")["nearest"][0], "top_10", "{query}");
    }
    // A reader that goes away keeps nobody else from reading.
    for _ in 0..20 {
        assert_eq!(server.send("HEAD", "/api/v1/export?what=panel", &[], b"").status, 200);
    }
    let last = crate::server::soon("an export", || {
        Some(server.get("/api/v1/universes/top_10/export")).filter(|answer| answer.status == 200)
    });
    assert!(!last.body.is_empty());
}
