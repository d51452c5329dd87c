//! The page of administrators, as a browser shows it.

use serde_json::json;

use crate::browser::Browser;
use crate::harness::Place;
use crate::market;
use crate::server::Server;

const PAGE: &str = "/admin/historical-data";
const KEY: &str = "a key for administrators";

/// What somebody may have written into a table that other programs write to.
const HOSTILE: &str = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>";

fn server() -> Server {
    let place = Place::embedded();
    market::first_day(&place);
    let db = rusqlite::Connection::open(place.path("universe.db")).expect("the database");
    db.execute(
        "insert into cache_entries (type, name, key, value, environment) values ('etf_universe', ?1, 'theirs', '[\"SPY\"]', 'DEFAULT')",
        [HOSTILE],
    )
    .expect("written");
    drop(db);
    Server::start_with(place, &[("TICKSTOCKPL_API_KEY", KEY)])
}

#[test]
fn the_page_is_open_and_what_it_asks_is_not() {
    let server = server();
    let page = server.get(PAGE);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
    assert_eq!(page.text().matches(&format!("nonce=\"{nonce}\"")).count(), 2);
    assert_ne!(server.get(PAGE).header("content-security-policy"), Some(policy.as_str()), "a nonce is used once");
    // Nothing comes from elsewhere.
    assert!(!page.text().contains("http://") && !page.text().contains("https://") && !page.text().contains("NONCE"));
    server.get("/api/v1/universes").is_problem(401, "key-missing");
    server.post("/admin/historical-data/rebuild-cache", "").is_problem(401, "key-missing");
    server.get("/admin/historical-data/").is_problem(401, "key-missing");
}

#[test]
fn an_administrator_sees_universes_and_orders_a_run() {
    let Some(mut browser) = Browser::start() else { return };
    let server = server();
    browser.open(&format!("{}{PAGE}", server.address));
    browser.wait_for("document.readyState === 'complete' && !document.getElementById('key-section').hidden");
    assert_eq!(browser.evaluate("document.querySelectorAll('#universes tr').length"), json!(0));

    let give = |key: &str| {
        format!(
            "document.getElementById('key').value = '{key}', document.getElementById('key-form').requestSubmit(), true"
        )
    };
    browser.evaluate(&give("wrong"));
    browser.wait_for("document.getElementById('messages').textContent.includes('this key is unknown')");
    browser.evaluate(&give(KEY));
    browser.wait_for("document.querySelectorAll('#universes tr').length > 5");
    browser.wait_for("document.getElementById('key-section').hidden && document.getElementById('key').value === ''");

    // The name is text, whatever is in it.
    let shown = "[...document.querySelectorAll('#universes th span')].map((name) => name.textContent)";
    let names = browser.evaluate(shown);
    assert!(names.as_array().expect("names").contains(&json!(HOSTILE)), "{names}");
    assert_eq!(browser.evaluate("document.querySelectorAll('main img, main script').length"), json!(0));
    assert_eq!(browser.evaluate("document.title"), json!("Historical data - TickStock Universe"));
    let search = "const filter = document.getElementById('filter'); filter.value = 'top_10';
        filter.dispatchEvent(new Event('input')); document.querySelectorAll('#universes tr').length < 5";
    assert_eq!(browser.evaluate(search), json!(true));

    browser.evaluate(
        "document.getElementById('preserve').checked = true, document.getElementById('rebuild').click(), true",
    );
    browser.wait_for("document.getElementById('run-state').textContent.startsWith('completed')");
    // The history may have been read while the run was still going; it is read again when that has ended.
    browser.wait_for(
        "document.querySelectorAll('#history tr').length === 2
            && document.querySelector('#history tr').textContent.includes('completed')",
    );
    let newest = browser.evaluate("document.querySelector('#history tr').textContent");
    assert!(newest.as_str().is_some_and(|run| run.contains("api") && run.contains("completed")), "{newest}");
    assert_eq!(browser.evaluate("document.getElementById('rebuild').disabled"), json!(false));
    let list = server.with_key(KEY).get("/api/v1/universes").is(200);
    let is_kept = list["universes"].as_array().expect("universes").iter().any(|universe| universe["key"] == "theirs");
    assert!(is_kept, "preserve_existing was sent");
}
