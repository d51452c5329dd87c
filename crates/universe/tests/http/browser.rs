//! A real browser without a window, told what to do over its pipe (Chrome DevTools Protocol).

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::server::soon;

/// The names under which distributions have it.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with one page; it ends with the test.
pub(crate) struct Browser {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    page: Option<String>,
    number: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser, or says that the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = || std::env::split_paths(&path);
        let program = PROGRAMS.iter().flat_map(|name| places().map(move |place| place.join(name))).find(|p| p.exists());
        let Some(program) = program else {
            eprintln!("skipped: no browser (install the package chromium)");
            return None;
        };
        let profile = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        // The browser listens on descriptor 3 and answers on 4.
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null"]).arg(program);
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
        ]);
        command.args(["--no-first-run", "--no-proxy-server"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser runs");
        let orders = child.stdin.take().expect("its orders");
        let answers = BufReader::new(child.stdout.take().expect("its answers"));
        let mut browser = Self { child, orders, answers, page: None, number: 0, _profile: profile };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.page = Some(attached["sessionId"].as_str().expect("a session").to_owned());
        Some(browser)
    }

    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.ask("Page.navigate", json!({"url": url}));
        assert!(opened["errorText"].is_null(), "{opened}");
    }

    /// Evaluates an expression in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let told = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", told);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expression: &str) {
        soon(expression, || (self.evaluate(expression) == json!(true)).then_some(()));
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut order = json!({"id": self.number, "method": method, "params": parameters});
        if let Some(page) = &self.page {
            order["sessionId"] = json!(page);
        }
        write!(self.orders, "{order}\0").expect("an order");
        self.orders.flush().expect("an order");
        loop {
            let mut answer = Vec::new();
            self.answers.read_until(0, &mut answer).expect("an answer");
            assert_eq!(answer.pop(), Some(0), "the browser ended");
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            if answer["id"] == json!(self.number) {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
