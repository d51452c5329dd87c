//! `/api/v1/jobs`.

use serde_json::{Value, json};

use crate::harness::{Place, keys};
use crate::provider::{borrowed, provider, variables};
use crate::server::{Server, soon};

const ROUTE: &str = "/api/v1/jobs";

/// Waits until a job is over.
fn ended(server: &Server, job_id: &str) -> Value {
    soon("the end of a job", || {
        let job = server.get(&format!("{ROUTE}/{job_id}")).is(200);
        job["finished_at"].is_string().then_some(job)
    })
}

#[test]
fn a_job_is_asked_for_and_watched() {
    for place in Place::on_both_stores() {
        let provider = provider(["AAPL", "MSFT"]);
        let variables = variables(&provider, 0);
        let server = Server::start_with(place, &borrowed(&variables));
        let body =
            json!({"symbols": ["AAPL", "MSFT", "AAPL"], "timeframes": ["day", "week"], "requested_by": "a test"});
        let job = server.post(ROUTE, &body.to_string()).is(202);
        // It may have begun, or be over already.
        assert_eq!((&job["years"], &job["requested_by"]), (&json!(1), &json!("a test")));
        let job_id = job["job_id"].as_str().expect("an id");
        let job = ended(&server, job_id);
        assert_eq!(
            (&job["status"], &job["progress"], &job["tasks_total"]),
            (&json!("completed"), &json!(100), &json!(4))
        );
        assert_eq!((&job["symbols_total"], &job["symbols_done"], &job["errors"]), (&json!(2), &json!(2), &json!([])));
        assert!(job["bars"].as_u64().is_some_and(|bars| bars > 500), "{job}");
        assert_eq!(keys(&job).len(), 24, "{job}");

        // The same id again is the same job.
        let body = json!({"job_id": job_id, "symbols": ["MSFT"]});
        assert_eq!(server.post(ROUTE, &body.to_string()).is(200), job);
        let list = server.get(&format!("{ROUTE}?limit=5")).is(200);
        assert_eq!((&list["jobs"], &list["total"]), (&json!([job]), &json!(1)));
        assert_eq!(server.get(&format!("{ROUTE}?offset=1")).is(200)["jobs"], json!([]));
        server.post(&format!("{ROUTE}/{job_id}/cancel"), "").is_problem(409, "job-over");
    }
}

#[test]
fn a_job_that_takes_long_is_cancelled() {
    let provider = provider(["AAPL", "MSFT"]);
    // One request a minute: the second one is never made.
    let mut variables = variables(&provider, 1);
    variables.push(("UNIVERSE__MASSIVE__CONCURRENCY", "1".to_owned()));
    let server = Server::start_with(Place::embedded(), &borrowed(&variables));
    let body = json!({"job_id": "slow", "symbols": ["AAPL", "MSFT"]});
    server.post(ROUTE, &body.to_string()).is(202);
    soon("the first bars", || (server.get(&format!("{ROUTE}/slow")).is(200)["tasks_done"] == 1).then_some(()));
    let job = server.post(&format!("{ROUTE}/slow/cancel"), "").is(200);
    assert_eq!((&job["status"], &job["cancel_requested"]), (&json!("running"), &json!(true)));
    let job = ended(&server, "slow");
    assert_eq!((&job["status"], &job["symbols_done"]), (&json!("cancelled"), &json!(1)));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let server = Server::start(Place::embedded());
    for (body, fragment) in [
        (json!({}), "one of universe_key, csv_file and symbols is needed"),
        (json!({"symbols": ["AAPL"], "years": 0}), "years is 0"),
        (json!({"symbols": ["AAPL"], "timeframes": ["5min"]}), "5min"),
        (json!({"symbols": ["AAPL"], "job_id": "a b"}), "ASCII"),
        (json!({"csv_file": "../x.csv"}), "without a directory"),
    ] {
        let problem = server.post(ROUTE, &body.to_string()).is_problem(400, "job");
        assert!(problem["detail"].as_str().expect("text").contains(fragment), "{problem}");
    }
    server.post(ROUTE, "{\"symbol\": \"AAPL\"}").is_problem(400, "body");
    server.post(ROUTE, "[").is_problem(400, "body");
    server.post(ROUTE, &json!({"universe_key": "nobody"}).to_string()).is_problem(404, "unknown-universe");
    server.get(&format!("{ROUTE}/nobody")).is_problem(404, "unknown-job");
    server.post(&format!("{ROUTE}/nobody/cancel"), "").is_problem(404, "unknown-job");
    server.get(&format!("{ROUTE}?limit=0")).is_problem(400, "query");
    assert_eq!(server.get(ROUTE).is(200)["total"], 0);
    // Without a key for the provider a job fails, and says what is missing.
    server.post(ROUTE, &json!({"symbols": ["AAPL"], "job_id": "keyless"}).to_string()).is(202);
    let job = ended(&server, "keyless");
    assert_eq!(job["status"], "failed");
    assert!(job["message"].as_str().expect("text").contains("massive.api_key"), "{job}");
}

#[test]
fn jobs_need_the_scope_of_whoever_operates() {
    let place = Place::embedded();
    let create = |scope: &str| {
        let made = place.run(&["keys", "create", "a test", "--scope", scope, "--format", "json"]).done().json();
        made["key"].as_str().expect("a key").to_owned()
    };
    let (read, operate) = (create("read"), create("operate"));
    let server = Server::start(place).with_key(&read);
    let body = json!({"symbols": ["AAPL"], "include_ohlcv": false}).to_string();
    server.post(ROUTE, &body).is_problem(403, "scope-missing");
    assert_eq!(server.get(ROUTE).is(200)["total"], 0);
    let server = server.with_key(&operate);
    server.post(ROUTE, &body).is(202);
}
