//! The pages in a real browser: every page at the width of a desk and of a phone, its console silent, nothing wider than the screen, nothing that
//! axe-core finds wrong. The pages have
//! no scripts (`tidy/browsers.rs`), so there is no tour without them. Pictures of all pages are left in `target/tmp/screenshots/`.
//!
//! `DUBAN_TEST_BROWSER` names a chromedriver, `DUBAN_TEST_AXE` the script of axe-core; `.ci/browser` installs both.

use super::helpers::{duban, fresh_root, stderr, stdout};
use super::portal::{PASSWORD, Service, password_file, pause, with_pages};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The driver of a browser, ended with the test.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    fn start(program: &str) -> Driver {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("DUBAN_TEST_BROWSER {program}: {error}"));
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let port = lines.find_map(|line| {
            line.ok()?.split_once("started successfully on port ").and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Driver { child, port: port.expect("a port of the driver") }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the driver");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n");
        // in one piece, so that neither side waits for the other
        stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).expect("a request");
        // the driver leaves the connection open
        let mut answer = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while answer.read_line(&mut line).expect("a line") > 0 && line != "\r\n" {
            let value = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            length = value.map_or(length, |(_, value)| value.trim().parse().expect("a length"));
            line.clear();
        }
        let mut text = vec![0; length];
        answer.read_exact(&mut text).expect("an answer");
        let answer: Value = serde_json::from_slice(&text).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What axe-core finds wrong on the page that is open: each rule with the first element it names.
const VIOLATIONS: &str = "
const done = arguments[arguments.length - 1];
axe.run(document).then(
    found => done(found.passes.length === 0
        ? ['axe: no rule was tried']
        : found.violations.map(one => one.impact + ' ' + one.id + ': ' + one.help + ' ' + one.nodes[0].html)),
    error => done(['axe: ' + error]));";

/// A window of the browser.
struct Window<'a> {
    driver: &'a Driver,
    /// The script of axe-core; empty = there is none.
    axe: &'a str,
    session: String,
    _profile: tempfile::TempDir,
}

impl Window<'_> {
    fn open<'a>(driver: &'a Driver, axe: &'a str, width: u32) -> Window<'a> {
        let profile = tempfile::tempdir().expect("a folder");
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1440,1000",
            format!("--user-data-dir={}", profile.path().display())
        ]);
        let mut options = json!({ "args": arguments });
        if width < 500 {
            options["mobileEmulation"] = json!({ "deviceMetrics": { "width": width, "height": 844, "pixelRatio": 1.0 } });
        }
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let opened = driver.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        Window { driver, axe, session: opened["sessionId"].as_str().expect("a session").to_owned(), _profile: profile }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.driver.ask("POST", &format!("/session/{}/{path}", self.session), body)
    }

    fn get(&self, path: &str) -> Value {
        self.driver.ask("GET", &format!("/session/{}/{path}", self.session), &Value::Null)
    }

    /// The ids of the elements of a selector.
    fn all(&self, selector: &str) -> Vec<String> {
        let found = self.post("elements", &json!({ "using": "css selector", "value": selector }));
        let id =
            |element: &Value| element.as_object().and_then(|ids| ids.values().next()).and_then(Value::as_str).expect("an id").to_owned();
        found.as_array().expect("elements").iter().map(id).collect()
    }

    fn one(&self, selector: &str) -> String {
        self.all(selector).into_iter().next().unwrap_or_else(|| panic!("no {selector} at {}", self.get("url")))
    }

    fn type_into(&self, selector: &str, text: &str) {
        self.post(&format!("element/{}/value", self.one(selector)), &json!({ "text": text }));
    }

    fn click(&self, selector: &str) {
        self.post(&format!("element/{}/click", self.one(selector)), &json!({}));
    }

    /// Waits until the page that a form leads to is there.
    fn wait_for(&self, selector: &str, count: usize) {
        let begin = Instant::now();
        while self.all(selector).len() != count {
            assert!(begin.elapsed() < Duration::from_secs(20), "{selector} at {}", self.get("url"));
            pause();
        }
    }

    /// The addresses of at most `most` links.
    fn links(&self, selector: &str, most: usize) -> Vec<String> {
        let link = |id: &String| self.get(&format!("element/{id}/property/href")).as_str().unwrap_or_default().to_owned();
        self.all(selector).iter().take(most).map(link).collect()
    }

    /// Looks at the page that is open: its title, its one heading, its width, its console, and a picture of it.
    fn look(&self, name: &str) {
        let title = self.get("title");
        assert!(title.as_str().is_some_and(|title| title.contains(" · ")), "{name}: {title}");
        assert_eq!(self.all("h1").len(), 1, "{name}: a page has one heading");
        let script = "return document.documentElement.scrollWidth - window.innerWidth";
        let wider = self.post("execute/sync", &json!({ "script": script, "args": [] }));
        assert!(wider.as_i64().is_some_and(|pixels| pixels <= 0), "{name} is wider than the screen by {wider}");
        let console = self.post("se/log", &json!({ "type": "browser" }));
        assert_eq!(console.as_array().map(Vec::len), Some(0), "{name}: {console}");
        if !self.axe.is_empty() {
            let violations = self.post("execute/async", &json!({ "script": format!("{}{VIOLATIONS}", self.axe), "args": [] }));
            assert_eq!(violations, json!([]), "{name}: axe-core");
        }
        let picture = self.get("screenshot");
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(format!("{name}.png")), decoded(picture.as_str().expect("a picture"))).expect("a picture");
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        // a second panic would end the test run
        if !std::thread::panicking() {
            self.driver.ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
    }
}

/// The bytes of a text in Base64.
fn decoded(text: &str) -> Vec<u8> {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for sign in text.bytes().filter_map(|byte| SIGNS.iter().position(|known| *known == byte)) {
        bits = bits << 6 | sign as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

#[allow(clippy::disallowed_methods, reason = "the test command names the driver of its browser")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[test]
fn every_page_in_a_browser() {
    let Some(program) = variable("DUBAN_TEST_BROWSER") else {
        let accepted = variable("DUBAN_TEST_NO_BROWSER").as_deref() == Some("1");
        let is_small = variable("DUBAN_TEST_SQLITE_ONLY").as_deref() == Some("1");
        assert!(
            accepted || is_small,
            "DUBAN_TEST_BROWSER is not set: run .ci/test, or set DUBAN_TEST_NO_BROWSER=1 to go without a browser"
        );
        eprintln!("SKIPPED: no browser");
        return;
    };
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in [("office", "520000", "clerk,administrator"), ("unit", "瓮安县", "handler")] {
        let added = duban(root.path(), &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", &file]);
        assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    }
    let sample = root.path().join("config/sample/register.xlsx");
    let made = duban(root.path(), &["sample", "--projects", "400", sample.to_str().expect("a path")]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let ran = duban(root.path(), &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
    assert!(matches!(ran.status.code(), Some(0 | 2)), "{}{}", stdout(&ran), stderr(&ran));
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let driver = Driver::start(&program);
    let axe = variable("DUBAN_TEST_AXE").map_or_else(String::new, |file| std::fs::read_to_string(&file).expect(&file));
    if axe.is_empty() {
        eprintln!("SKIPPED: axe-core, DUBAN_TEST_AXE is not set");
    }
    for width in [1440, 390] {
        for account in ["office", "unit"] {
            let window = Window::open(&driver, &axe, width);
            let name = |page: &str| format!("{account}-{width}-{page}");
            window.post("url", &json!({ "url": format!("http://{}/login", service.address) }));
            window.look(&name("login"));
            // the big letters are switched on and off without a login
            window.click("form[action='/letters'] button");
            window.wait_for("html.big", 1);
            window.look(&name("login-big"));
            window.click("form[action='/letters'] button");
            window.wait_for("html.big", 0);
            window.type_into("#name", account);
            window.type_into("#password", PASSWORD);
            window.click("form.entry button");
            window.wait_for("nav", 1);
            let mut details = BTreeSet::new();
            let entries = window.links("nav a", usize::MAX);
            assert!(entries.len() >= 5, "{entries:?}");
            let of_pages = [
                "a[href*='/findings/one']",
                "a[href*='/records/project']",
                "a[href*='/sending/one']",
                "a[href*='/runs/one']",
                "a[href*='/units/one']",
            ];
            for url in entries {
                window.post("url", &json!({ "url": url }));
                let page = url.rsplit_once(&service.address).map_or("", |(_, path)| path).replace('/', "-");
                window.look(&name(&format!("page{page}")));
                details.extend(of_pages.iter().filter_map(|selector| window.links(&format!("main {selector}"), 1).into_iter().next()));
            }
            // from the list of a ledger to a record
            let mut seen = 0;
            let mut waiting: Vec<String> = details.iter().cloned().collect();
            while let Some(url) = waiting.pop() {
                window.post("url", &json!({ "url": url }));
                seen += 1;
                window.look(&name(&format!("detail-{seen}")));
                let below = window.links("main td a[href*='/records/project/']", 1).into_iter().next();
                waiting.extend(below.filter(|below| details.insert(below.clone())));
            }
            assert!(seen >= 3, "{details:?}");
        }
    }
}
