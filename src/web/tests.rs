//! The portal as a whole, without a listener: who gets in, who sees what, and what a forged request does.

mod downloads;
mod lost_sessions;

use crate::app::accounts::{self, NewAccount};
use crate::app::person::Person;
use crate::app::totp;
use crate::clock::Clock;
use crate::web::portal::Portal;
use crate::web::router::router;
use crate::web::routes::ROUTES;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::MockConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::MethodFilter;
use chrono::{DateTime, TimeDelta, Utc};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt;

const PASSWORD: &str = "correct horse battery";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const OFFICE: &str = "省投资促进局";

/// A portal over an empty root, and its clock.
struct World {
    root: tempfile::TempDir,
    portal: Arc<Portal>,
    pages: Router,
    clock: Clock,
    now: DateTime<Utc>,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl World {
    async fn new() -> World {
        World::with("").await
    }

    /// A portal with more settings.
    async fn with(more: &str) -> World {
        let root = tempfile::tempdir().unwrap();
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["config", "jobs", "report-templates"] {
            copy(&home.join(folder), &root.path().join(folder));
        }
        let settings = root.path().join("config/duban.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, format!("{text}\n[portal]\nlisten = \"127.0.0.1:0\"\nhosts = [\"duban.gz.example\"]\n{more}")).unwrap();
        std::fs::write(root.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let now = "2026-10-09T02:00:00Z".parse().unwrap();
        let clock = Clock::manual(now);
        let portal = Arc::new(Portal::open(root.path(), clock.clone()).await.unwrap().expect("a portal"));
        let peer: SocketAddr = "198.51.100.7:4711".parse().unwrap();
        let pages = router(portal.clone()).layer(MockConnectInfo(peer));
        World { root, portal, pages, clock, now }
    }

    fn pass(&mut self, time: TimeDelta) {
        self.now += time;
        self.clock.set(self.now);
    }

    async fn add(&self, name: &str, unit: &str, roles: &str) {
        let account = NewAccount { name, unit, roles, must_change: false };
        let by = Person { who: "测试", why: "测试" };
        accounts::add(&self.portal.app, &self.portal.passwords, account, PASSWORD, by).await.unwrap();
    }

    async fn ask(&self, request: Request<Body>) -> Answered {
        let response = self.pages.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answered { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    async fn get(&self, path: &str, cookie: &str) -> Answered {
        let request = Request::get(path).header("host", "duban.gz.example").header("cookie", cookie);
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Answered {
        self.ask(post(path, cookie, form).header("origin", "http://duban.gz.example").body(body(form)).unwrap()).await
    }

    /// Logs in. Returns the answer and the cookie of the session, empty where there is none.
    async fn try_login(&self, name: &str, password: &str) -> (Answered, String) {
        let page = self.get("/login", "").await;
        let cookie = cookie_of(&page);
        let form = [("csrf", &*token_of(&page)), ("name", name), ("password", password), ("next", "/reports")];
        let answered = self.post("/login", &cookie, &form).await;
        let session = Some(cookie_of(&answered)).filter(|cookie| cookie.starts_with("duban=")).unwrap_or_default();
        (answered, session)
    }

    async fn login(&self, name: &str) -> String {
        let (answered, cookie) = self.try_login(name, PASSWORD).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{name}: {}", answered.text);
        cookie
    }

    async fn audited(&self) -> Vec<String> {
        let lines = self.portal.app.store().audit().list(None).await.unwrap();
        lines.into_iter().map(|line| format!("{} {} {} {}", line.who, line.os_user, line.what, line.object)).collect()
    }
}

fn body(form: &[(&str, &str)]) -> Body {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(form);
    Body::from(text.finish())
}

fn post(path: &str, cookie: &str, _: &[(&str, &str)]) -> axum::http::request::Builder {
    Request::post(path)
        .header("host", "duban.gz.example")
        .header("cookie", cookie)
        .header("content-type", "application/x-www-form-urlencoded")
}

/// The cookies that an answer sets, as the next request sends them.
fn cookie_of(answered: &Answered) -> String {
    let set = answered.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    set.filter(|line| !line.contains("Max-Age=0")).map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

/// The token in the first form of a page.
fn token_of(answered: &Answered) -> String {
    answered.text.split_once("name=\"csrf\" value=\"").map(|(_, rest)| rest.split('"').next().unwrap().to_owned()).unwrap_or_default()
}

/// Who may ask for each route, of the office and of a unit: `all`, `in` (whoever is logged in), or letters: viewer, handler, clerk, releaser,
/// administrator, auditor.
const EXPECTED: &[(&str, &str, &str, &str)] = &[
    ("GET", "/livez", "all", "all"),
    ("GET", "/readyz", "all", "all"),
    ("GET", "/metrics", "all", "all"),
    ("GET", "/assets/{rest}", "all", "all"),
    ("GET", "/login", "all", "all"),
    ("POST", "/login", "all", "all"),
    ("GET", "/login/first", "all", "all"),
    ("POST", "/login/first", "all", "all"),
    ("POST", "/logout", "in", "in"),
    ("POST", "/letters", "all", "all"),
    ("GET", "/", "vhcra-", "vh"),
    ("GET", "/reports", "vhcra-", "vh"),
    ("GET", "/reports/file", "vhcra-", "vh"),
    ("GET", "/reports/period.zip", "vhcra-", "vh"),
    ("GET", "/findings", "vhcra-", "vh"),
    ("GET", "/findings/list.xlsx", "vhcra-", "vh"),
    ("GET", "/findings/one", "vhcra-", "vh"),
    ("GET", "/records", "vhcra-", "vh"),
    ("GET", "/records/{ledger}", "vhcra-", "vh"),
    ("GET", "/records/{ledger}/{code}", "vhcra-", "vh"),
    ("GET", "/sending", "vhcra-", "vh"),
    ("GET", "/sending/one", "vhcra-", "vh"),
    ("GET", "/sending/attachment", "vhcra-", "vh"),
    ("GET", "/runs", "--cra-", "--"),
    ("GET", "/runs/one", "--cra-", "--"),
    ("GET", "/units", "----a-", "vh"),
    ("GET", "/units/one", "----a-", "vh"),
    ("GET", "/system", "----a-", "--"),
    ("GET", "/system/accounts", "----a-", "--"),
    ("POST", "/system/accounts/end", "----a-", "--"),
    ("GET", "/system/audit", "----aA", "--"),
    ("GET", "/account", "in", "in"),
    ("POST", "/account/password", "in", "in"),
    ("POST", "/account/sessions", "in", "in"),
    ("POST", "/account/code/begin", "in", "in"),
    ("POST", "/account/code/confirm", "in", "in"),
    ("POST", "/account/code/end", "in", "in"),
];

/// Pages of a thing that their query or path names, or that a code or a token opens.
const NAMED_ONLY: &[&str] = &[
    "/login/first",
    "/readyz",
    "/metrics",
    "/reports/file",
    "/reports/period.zip",
    "/assets/none",
    "/findings/one",
    "/findings/list.xlsx",
    "/records/project/none",
    "/sending/one",
    "/sending/attachment",
    "/runs/one",
];

/// Such a page that a unit sees of itself without a name.
const OWN: &str = "/units/one";

/// Each role with its letter in the table.
const ROLES: [(&str, char); 6] =
    [("viewer", 'v'), ("handler", 'h'), ("clerk", 'c'), ("releaser", 'r'), ("administrator", 'a'), ("auditor", 'A')];

#[tokio::test]
async fn each_role_reaches_its_own_pages_and_no_other() {
    let world = World::new().await;
    let expected = |method: &str, path: &str, is_office: bool| {
        let row = EXPECTED.iter().find(|row| (row.0, row.1) == (method, path));
        row.map(|row| if is_office { row.2 } else { row.3 })
    };
    let mut visitors = vec![(None, true, String::new())];
    for (role, letter) in ROLES {
        world.add(role, OFFICE, role).await;
        visitors.push((Some(letter), true, world.login(role).await));
    }
    for (role, letter) in &ROLES[..2] {
        let name = format!("unit-{role}");
        world.add(&name, "瓮安县", role).await;
        visitors.push((Some(*letter), false, world.login(&name).await));
    }
    for route in ROUTES {
        let method = if route.method == MethodFilter::GET { "GET" } else { "POST" };
        for (letter, is_office, cookie) in &visitors {
            let admitted =
                expected(method, route.path, *is_office).unwrap_or_else(|| panic!("{method} {} has no row in the table", route.path));
            // an act of its own account would end the session of the test
            let (method, path) = (method, route.path.replace("{rest}", "none").replace("{ledger}", "project").replace("{code}", "none"));
            let answered = match method {
                "GET" => world.get(&path, cookie).await,
                // without a token nothing is done, whoever asks
                _ => world.post(&path, cookie, &[]).await,
            };
            let is_admitted = match (admitted, letter) {
                ("all", _) => true,
                ("in", letter) => letter.is_some(),
                (letters, Some(letter)) => letters.contains(*letter),
                (_, None) => false,
            };
            let place = format!("{method} {path} as {letter:?}{}", if *is_office { "" } else { " of a unit" });
            match (method, is_admitted, letter) {
                (_, false, None) => {
                    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{place}");
                    assert!(answered.headers["location"].to_str().unwrap().starts_with("/login?next="), "{place}");
                }
                ("GET", false, Some(_)) if path == "/" => assert_eq!(answered.headers["location"], "/system/audit", "{place}"),
                ("GET", false, Some(_)) => assert_eq!(answered.status, StatusCode::NOT_FOUND, "{place}"),
                ("POST", ..) => assert_eq!(answered.status, StatusCode::FORBIDDEN, "{place}"),
                // what nobody has named, and a login page for somebody who is logged in
                _ if NAMED_ONLY.contains(&&*path) || path == OWN && *is_office => {
                    assert_eq!(answered.status, StatusCode::NOT_FOUND, "{place}")
                }
                _ if path == "/login" && letter.is_some() => assert_eq!(answered.status, StatusCode::SEE_OTHER, "{place}"),
                _ => assert_eq!(answered.status, StatusCode::OK, "{place}: {}", answered.text),
            }
            let policy = answered.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{place}");
            assert_eq!(answered.headers["x-content-type-options"], "nosniff", "{place}");
            assert_eq!(answered.headers["cache-control"], "no-store", "{place}");
        }
    }
    assert_eq!(EXPECTED.len(), ROUTES.len(), "a row of the table has no route");
    let refused = world.audited().await.into_iter().filter(|line| line.contains("refused: page"));
    assert!(refused.clone().any(|line| line == "viewer viewer@198.51.100.7 refused: page GET /runs"), "{:?}", refused.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_unit_that_nobody_knows_is_named_as_that() {
    let world = World::new().await;
    world.add("王五", OFFICE, "clerk").await;
    let cookie = world.login("王五").await;
    let listed = world.get("/sending?unit=nosuch", &cookie).await.text;
    assert!(listed.contains("没有“nosuch”这个单位"), "{listed}");
    assert!(!world.get("/sending?unit=522725", &cookie).await.text.contains("这个单位"));
}

#[tokio::test]
async fn a_request_of_a_foreign_page_does_nothing() {
    let world = World::new().await;
    world.add("王五", OFFICE, "administrator").await;
    world.add("赵六", OFFICE, "viewer").await;
    let cookie = world.login("王五").await;
    let page = world.get("/system/accounts", &cookie).await;
    let token = token_of(&page);
    let form = [("csrf", &*token), ("name", "赵六"), ("reason", "离任")];
    let path = "/system/accounts/end";
    let origin = ("origin", "http://duban.gz.example");
    for (headers, form) in [
        (vec![], &form[..]),
        (vec![("sec-fetch-site", "cross-site"), origin], &form),
        (vec![("sec-fetch-site", "none")], &form),
        (vec![("origin", "http://evil.example")], &form),
        (vec![origin], &form[1..]),
        (vec![origin], &[("csrf", "0"), ("name", "赵六"), ("reason", "离任")]),
        (vec![("sec-fetch-site", "same-origin")], &[("csrf", ""), ("name", "赵六"), ("reason", "离任")]),
    ] {
        let mut request = post(path, &cookie, form);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answered = world.ask(request.body(body(form)).unwrap()).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN, "{headers:?} {form:?}");
    }
    let other = world.login("赵六").await;
    assert_eq!(world.get("/", &other).await.status, StatusCode::OK, "the account is still in use");
    // a token is one of its own session
    let answered = world.post("/logout", &other, &[("csrf", &token)]).await;
    assert_eq!(answered.status, StatusCode::FORBIDDEN);

    let done = world.post(path, &cookie, &form).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert!(world.get("/system/accounts", &cookie).await.text.contains("账号“赵六”已停用。"));
    assert!(!world.get("/system/accounts", &cookie).await.text.contains("账号“赵六”已停用。"), "it is said once");
    assert_eq!(world.get("/", &other).await.status, StatusCode::SEE_OTHER, "its session has ended");
    let own = world.post(path, &cookie, &[("csrf", &token), ("name", "王五"), ("reason", "x")]).await;
    assert!(own.text.contains("不能停用自己的账号"), "{}", own.text);
    assert!(world.audited().await.contains(&"王五 王五@198.51.100.7 account ended 赵六".to_owned()), "{:?}", world.audited().await);
}

#[tokio::test]
async fn the_fifth_wrong_password_locks_the_door() {
    let mut world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    let wrong = "账号或密码不对";
    for attempt in 0..5 {
        let (answered, cookie) = world.try_login("王五", "wrong wrong wrong").await;
        assert!(answered.text.contains(wrong) && cookie.is_empty(), "{attempt}: {}", answered.text);
    }
    let (locked, cookie) = world.try_login("王五", PASSWORD).await;
    assert_eq!((locked.status, cookie.as_str()), (StatusCode::TOO_MANY_REQUESTS, ""));
    assert!(world.try_login("没有的人", PASSWORD).await.0.text.contains(wrong), "an unknown name gets the same words");
    world.pass(TimeDelta::minutes(16));
    let (answered, cookie) = world.try_login(" 王五 ", PASSWORD).await;
    assert_eq!(answered.headers["location"], "/reports");
    assert!(cookie.starts_with("duban=") && cookie.len() == "duban=".len() + 64, "{cookie}");
    let set = answered.headers.get_all("set-cookie").iter().next().unwrap().to_str().unwrap().to_owned();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    world.add("administrator", OFFICE, "administrator").await;
    let page = world.get("/system/audit", &world.login("administrator").await).await.text;
    assert!(page.contains("暂停登录") && !page.contains("T02:00:00"), "{page}");
    let audited = world.audited().await;
    let count = |what: &str| audited.iter().filter(|line| line.ends_with(&format!("{what} 198.51.100.7"))).count();
    assert_eq!((count("refused: login"), count("refused: login locked"), count("198.51.100.7 login")), (6, 1, 2), "{audited:?}");
}

#[tokio::test]
async fn many_at_once_try_no_more_passwords_than_one_behind_the_other() {
    let world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    let answers = futures_util::future::join_all((0..15).map(|_| world.try_login("王五", "wrong wrong wrong"))).await;
    assert_eq!(answers.iter().filter(|(answered, _)| answered.text.contains("账号或密码不对")).count(), 5);
}

#[tokio::test]
async fn who_finds_no_place_has_tried_no_password() {
    let world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    let places: Vec<_> = std::iter::from_fn(|| world.portal.passwords.admit().ok()).collect();
    for _ in 0..6 {
        let (busy, _) = world.try_login("王五", PASSWORD).await;
        assert!(busy.text.contains("现在登录的人太多"), "{}", busy.text);
    }
    drop(places);
    world.login("王五").await;
}

/// Whatever others try from wherever: who has logged in from an address before still can from there.
#[tokio::test]
async fn others_lock_nobody_out_of_the_own_address() {
    let world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    world.add("赵六", OFFICE, "viewer").await;
    let cookie = world.login("王五").await;
    let opened = world.portal.sessions().await.unwrap();
    let sessions = opened.sessions();
    for name in ["王五", "赵六"] {
        for attempt in 0..104 {
            sessions.note_login(name, &format!("203.0.113.{}", attempt % 26), world.now, true).await.unwrap();
        }
    }
    world.login("王五").await;
    let (slowed, cookie_of_other) = world.try_login("赵六", PASSWORD).await;
    assert_eq!(
        (slowed.status, cookie_of_other.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, ""),
        "an address that nobody knows waits a minute"
    );
    // a typing error of somebody who is logged in ends no session meanwhile
    let token = token_of(&world.get("/account", &cookie).await);
    let form = [("csrf", &*token), ("old", "wrong wrong wrong"), ("password", "another password 7"), ("repeated", "another password 7")];
    world.post("/account/password", &cookie, &form).await;
    assert_eq!(world.get("/", &cookie).await.status, StatusCode::OK);
    // five wrong ones from the own address lock it all the same
    for _ in 0..5 {
        world.try_login("王五", "wrong wrong wrong").await;
    }
    assert_eq!(world.try_login("王五", PASSWORD).await.0.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_session_ends_by_time_and_by_its_owner() {
    let mut world = World::new().await;
    world.add("王五", OFFICE, "viewer").await;
    let status = async |world: &World, cookie: &str| world.get("/", cookie).await.status;
    let first = world.login("王五").await;
    world.pass(TimeDelta::minutes(29));
    assert_eq!(status(&world, &first).await, StatusCode::OK);
    world.pass(TimeDelta::minutes(29));
    assert_eq!(status(&world, &first).await, StatusCode::OK, "it was used meanwhile");
    world.pass(TimeDelta::minutes(31));
    assert_eq!(status(&world, &first).await, StatusCode::SEE_OTHER, "it was not used for half an hour");
    let second = world.login("王五").await;
    for _ in 0..25 {
        world.pass(TimeDelta::minutes(28));
        assert_eq!(status(&world, &second).await, StatusCode::OK);
    }
    world.pass(TimeDelta::minutes(28));
    assert_eq!(status(&world, &second).await, StatusCode::SEE_OTHER, "it is twelve hours old");

    let (here, elsewhere) = (world.login("王五").await, world.login("王五").await);
    let account = world.get("/account", &here).await;
    let change =
        [("csrf", &*token_of(&account)), ("old", PASSWORD), ("password", "a new long password"), ("repeated", "a new long password")];
    let wrong = [change[0], ("old", "not this one"), change[2], change[3]];
    assert!(world.post("/account/password", &here, &wrong).await.text.contains("原密码不对"));
    assert_eq!(world.post("/account/password", &here, &change).await.status, StatusCode::SEE_OTHER);
    assert_eq!((status(&world, &here).await, status(&world, &elsewhere).await), (StatusCode::OK, StatusCode::SEE_OTHER));
    assert_eq!(world.try_login("王五", PASSWORD).await.1, "", "the old password is void");
    let page = world.get("/account", &here).await;
    assert_eq!(world.post("/logout", &here, &[("csrf", &token_of(&page))]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&world, &here).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_password_that_must_be_changed_opens_nothing_else() {
    let world = World::new().await;
    let account = NewAccount { name: "王五", unit: OFFICE, roles: "clerk", must_change: true };
    let by = Person { who: "测试", why: "" };
    accounts::add(&world.portal.app, &world.portal.passwords, account, PASSWORD, by).await.unwrap();
    let cookie = world.login("王五").await;
    assert_eq!(world.get("/reports", &cookie).await.headers["location"], "/account");
    let page = world.get("/account", &cookie).await;
    let change = [("csrf", &*token_of(&page)), ("old", PASSWORD), ("password", "a new long password"), ("repeated", "a new long password")];
    assert_eq!(world.post("/account/password", &cookie, &change).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.get("/reports", &cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_code_of_the_first_administrator_is_good_once() {
    let mut world = World::new().await;
    let by = Person { who: "测试", why: "" };
    let code = accounts::first_administrator_code(&world.portal.app, &world.portal.sessions().await.unwrap(), by).await.unwrap();
    assert!(world.get("/login", "").await.text.contains("还没有任何账号"));
    let enter = async |world: &World, code: &str, name: &str, password: &str| {
        let page = world.get("/login/first", "").await;
        let form = [("csrf", &*token_of(&page)), ("code", code), ("name", name), ("password", password), ("repeated", password)];
        world.post("/login/first", &cookie_of(&page), &form).await.text
    };
    assert!(enter(&world, "0000-0000-0000-0000-0000", "王五", PASSWORD).await.contains("启用码不对"));
    assert!(enter(&world, &code, "王五", "short").await.contains("密码须为12至128个字符"), "a typing error does not use it up");
    assert!(enter(&world, &code.to_uppercase(), "王五", PASSWORD).await.contains("<h1>登录</h1>"));
    assert_eq!(world.get("/login/first", "").await.status, StatusCode::NOT_FOUND, "nothing is left to begin");
    assert!(enter(&world, &code, "赵六", PASSWORD).await.contains("没有可用的启用码"));
    let cookie = world.login("王五").await;
    assert!(world.get("/system/accounts", &cookie).await.text.contains("办公、管理员"));
    let audited = world.audited().await;
    for line in ["王五 王五@198.51.100.7 refused: administrator code 198.51.100.7", "王五 王五@198.51.100.7 account added 王五"] {
        assert!(audited.iter().any(|known| known.starts_with(line)), "{line}: {audited:?}");
    }
    let late = accounts::first_administrator_code(&world.portal.app, &world.portal.sessions().await.unwrap(), by).await.unwrap();
    assert_eq!(world.get("/login/first", "").await.status, StatusCode::OK);
    world.pass(TimeDelta::minutes(31));
    assert!(enter(&world, &late, "赵六", PASSWORD).await.contains("没有可用的启用码"));
}

#[tokio::test]
async fn the_audit_is_in_words() {
    let world = World::new().await;
    world.add("王五", OFFICE, "administrator").await;
    world.add("李四", "瓮安县", "viewer").await;
    let cookie = world.login("王五").await;
    let page = world.get("/system/audit", &cookie).await.text;
    assert!(page.contains("李四 瓮安县 查看") && !page.contains("522725"), "{page}");
    for (object, expected) in [
        ("quarterly-packs 2026-09-30 --revise", "季度分级材料 2026-09-30 （修订）"),
        ("quarterly-supervision_2026-09-30_20261008T080000_522725_circulate", "季度督办（截至2026-09-30）瓮安县（通报）"),
        ("project/import/3", "项目台账/import/3"),
        ("GET /reports/file?path=x", "打开 /reports/file?path=x"),
        ("quarterly_x", "quarterly_x"),
    ] {
        assert_eq!(crate::app::audit::object_in_words(world.portal.app.config(), object), expected);
    }
}

#[tokio::test]
async fn a_machine_asks_by_its_token() {
    let ask = async |world: &World, path: &str, token: &str| {
        let request = Request::get(path).header("host", "192.0.2.7").header("authorization", token);
        let answered = world.ask(request.body(Body::empty()).unwrap()).await;
        (answered.status, answered.text)
    };
    let world = World::with("health_token_file = \"token\"\n").await;
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(ask(&world, "/readyz", &bearer).await, (StatusCode::OK, "ok\n".to_owned()));
    assert!(ask(&world, "/metrics", &bearer).await.1.contains("\nduban_disk_free_bytes "));
    for wrong in ["", "Bearer ", TOKEN, &format!("Bearer {TOKEN}0"), &bearer.to_lowercase()] {
        assert_eq!(ask(&world, "/readyz", wrong).await.0, StatusCode::NOT_FOUND, "{wrong}");
    }
    assert_eq!(ask(&World::new().await, "/readyz", &bearer).await.0, StatusCode::NOT_FOUND, "without a setting nobody is answered");
}

#[tokio::test]
async fn a_name_that_is_not_ours_reaches_nothing_but_the_sign_of_life() {
    let world = World::new().await;
    let ask = async |path: &str| world.ask(Request::get(path).header("host", "evil.example").body(Body::empty()).unwrap()).await.status;
    assert_eq!(ask("/login").await, StatusCode::MISDIRECTED_REQUEST);
    let two = Request::get("/login").header("host", "duban.gz.example").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(world.ask(two).await.status, StatusCode::BAD_REQUEST);
    let other = Request::get("http://evil.example/login").header("host", "duban.gz.example").body(Body::empty()).unwrap();
    assert_eq!(world.ask(other).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(ask("/livez").await, StatusCode::OK);
    assert_eq!(world.get("/nothing", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.post("/reports", "", &[]).await.status, StatusCode::NOT_FOUND, "a method that the table does not have");
}

/// The code of a secret in Base32 at a time, as an authenticator shows it.
fn code_at(secret: &str, seconds: i64) -> String {
    const SIGNS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<bool> =
        secret.chars().filter_map(|sign| SIGNS.find(sign)).flat_map(|number| (0..5).rev().map(move |bit| number >> bit & 1 == 1)).collect();
    let bytes: Vec<u8> = bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |number, bit| number << 1 | u8::from(*bit))).collect();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let hash = ring::hmac::sign(&key, &(seconds / 30).to_be_bytes());
    let at = usize::from(hash.as_ref()[19] & 0xf);
    let number = u32::from_be_bytes(hash.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[tokio::test]
async fn a_code_is_asked_for_once_it_is_set_up_and_taken_once() {
    let mut world = World::new().await;
    world.add("王五", OFFICE, "clerk").await;
    let cookie = world.login("王五").await;
    let act = async |world: &World, path: &str, fields: &[(&str, &str)]| {
        let token = token_of(&world.get("/account", &cookie).await);
        let form: Vec<(&str, &str)> = [("csrf", token.as_str())].into_iter().chain(fields.iter().copied()).collect();
        world.post(path, &cookie, &form).await
    };
    assert!(act(&world, "/account/code/begin", &[("password", "not this one")]).await.text.contains("密码不对"));
    assert_eq!(act(&world, "/account/code/begin", &[("password", PASSWORD)]).await.status, StatusCode::SEE_OTHER);
    let page = world.get("/account", &cookie).await.text;
    let secret = page.split_once("密钥：<code>").unwrap().1.split('<').next().unwrap().replace(' ', "");
    assert!(secret.len() == 32 && page.contains(&format!("?secret={secret}&amp;issuer=")), "{page}");
    let login = async |world: &World, code: &str| {
        let page = world.get("/login", "").await;
        let form = [("csrf", &*token_of(&page)), ("name", "王五"), ("password", PASSWORD), ("code", code)];
        world.post("/login", &cookie_of(&page), &form).await.status
    };
    assert_eq!(login(&world, "").await, StatusCode::SEE_OTHER, "nothing is asked for before it is confirmed");
    world.pass(TimeDelta::minutes(11));
    let late = code_at(&secret, world.now.timestamp());
    assert!(!world.get("/account", &cookie).await.text.contains(&secret), "a secret that nobody has confirmed is not shown for ever");
    assert!(act(&world, "/account/code/confirm", &[("code", &late)]).await.text.contains("动态码不对"));
    act(&world, "/account/code/begin", &[("password", PASSWORD)]).await;
    let page = world.get("/account", &cookie).await.text;
    let secret = page.split_once("密钥：<code>").unwrap().1.split('<').next().unwrap().replace(' ', "");
    assert!(act(&world, "/account/code/confirm", &[("code", "000000")]).await.text.contains("动态码不对"));
    let confirmed = act(&world, "/account/code/confirm", &[("code", &code_at(&secret, world.now.timestamp()))]).await.text;
    let recovery: Vec<&str> = confirmed.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(recovery.len(), 8, "{confirmed}");
    assert!(!world.get("/account", &cookie).await.text.contains(&secret), "the secret is not shown any more");

    world.pass(TimeDelta::minutes(5));
    let code = code_at(&secret, world.now.timestamp());
    assert_eq!(login(&world, "").await, StatusCode::OK);
    assert_eq!(login(&world, &code).await, StatusCode::SEE_OTHER);
    assert_eq!(login(&world, &code).await, StatusCode::OK, "a code that was used is refused");
    let before = code_at(&secret, world.now.timestamp() - 30);
    assert_eq!(login(&world, &before).await, StatusCode::OK, "one before it too");
    assert_eq!(login(&world, recovery[0]).await, StatusCode::SEE_OTHER);
    assert_eq!(login(&world, recovery[0]).await, StatusCode::OK, "a recovery code is good once");
    // the wrong codes since the last login count as wrong passwords do
    for _ in 0..4 {
        assert_eq!(login(&world, "123456").await, StatusCode::OK);
    }
    assert_eq!(login(&world, recovery[1]).await, StatusCode::TOO_MANY_REQUESTS);
    let audited = world.audited().await;
    assert!(
        audited.iter().any(|line| line.contains("refused: login code")) && audited.iter().any(|line| line.contains("recovery code used"))
    );

    let portal = &world.portal;
    let by = Person { who: "测试", why: "" };
    accounts::reset(&portal.app, &portal.sessions().await.unwrap(), &portal.passwords, "王五", PASSWORD, false, by).await.unwrap();
    assert_eq!(login(&world, "").await, StatusCode::SEE_OTHER, "a reset takes it away");
}

/// A secret that is not confirmed yet may have been read by whoever knew the old password, and another page may have replaced it.
#[tokio::test]
async fn a_secret_that_waits_for_its_code_ends_with_the_password() {
    let world = World::new().await;
    world.add("王五", OFFICE, "clerk").await;
    let begin = async |world: &World, cookie: &str| -> String {
        let token = token_of(&world.get("/account", cookie).await);
        world.post("/account/code/begin", cookie, &[("csrf", &token), ("password", PASSWORD)]).await;
        let page = world.get("/account", cookie).await.text;
        page.split_once("密钥：<code>").unwrap().1.split('<').next().unwrap().replace(' ', "")
    };
    let portal = &world.portal;
    let stale = portal.app.store().accounts();
    let first = begin(&world, &world.login("王五").await).await;
    let loaded = stale.get("王五").await.unwrap().unwrap();
    let second = begin(&world, &world.login("王五").await).await;
    assert_ne!(first, second);
    let confirmed = totp::confirm(&portal.app, &loaded, &code_at(&first, world.now.timestamp())).await.unwrap();
    assert!(confirmed.is_none() && !stale.get("王五").await.unwrap().unwrap().has_totp, "the code of a secret that was replaced");

    let by = Person { who: "测试", why: "" };
    accounts::reset(&portal.app, &portal.sessions().await.unwrap(), &portal.passwords, "王五", PASSWORD, false, by).await.unwrap();
    let cookie = world.login("王五").await;
    assert!(!world.get("/account", &cookie).await.text.contains("密钥："), "a reset");
    begin(&world, &cookie).await;
    let token = token_of(&world.get("/account", &cookie).await);
    let form = [("csrf", &*token), ("old", PASSWORD), ("password", "another password 7"), ("repeated", "another password 7")];
    world.post("/account/password", &cookie, &form).await;
    assert!(!world.get("/account", &cookie).await.text.contains("密钥："), "a password of one's own");
}

#[tokio::test]
async fn where_a_code_is_a_must_nothing_else_opens_before() {
    let world = World::with("must_have_code = true\n").await;
    world.add("王五", OFFICE, "clerk").await;
    let cookie = world.login("王五").await;
    assert_eq!(world.get("/reports", &cookie).await.headers["location"], "/account");
    let token = token_of(&world.get("/account", &cookie).await);
    world.post("/account/code/begin", &cookie, &[("csrf", &token), ("password", PASSWORD)]).await;
    let page = world.get("/account", &cookie).await.text;
    let secret = page.split_once("密钥：<code>").unwrap().1.split('<').next().unwrap().replace(' ', "");
    let code = code_at(&secret, world.now.timestamp());
    world.post("/account/code/confirm", &cookie, &[("csrf", &token), ("code", &code)]).await;
    assert_eq!(world.get("/reports", &cookie).await.status, StatusCode::OK);
    let ended = world.post("/account/code/end", &cookie, &[("csrf", &token), ("password", PASSWORD)]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert_eq!(world.get("/reports", &cookie).await.headers["location"], "/account", "without it the account opens nothing");
}

#[tokio::test]
async fn big_letters_are_of_the_browser() {
    let world = World::new().await;
    let page = world.get("/login", "").await;
    assert!(!page.text.contains("class=\"big\""));
    let form = [("csrf", &*token_of(&page)), ("back", "/login?next=%2Fa"), ("big", "1")];
    let switched = world.post("/letters", &cookie_of(&page), &form).await;
    assert_eq!((switched.status, &switched.headers["location"]), (StatusCode::SEE_OTHER, &"/login?next=%2Fa".parse().unwrap()));
    assert!(world.get("/login", &cookie_of(&switched)).await.text.contains("<html lang=\"zh-CN\" class=\"big\">"));
    let away = world.post("/letters", &cookie_of(&page), &[form[0], ("back", "//evil.example"), ("big", "")]).await;
    assert_eq!(away.headers["location"], "/");
}

/// Marks make what is in force dear to read, so that the pages read it once.
#[tokio::test]
async fn what_is_in_force_is_read_once_a_day() {
    let mut world = World::new().await;
    let app = world.portal.app.clone();
    let first = app.present().await.unwrap();
    let (second, third) = tokio::join!(app.present(), app.present());
    assert!(Arc::ptr_eq(&first, &second.unwrap()) && Arc::ptr_eq(&first, &third.unwrap()));
    world.pass(TimeDelta::days(1));
    let next = app.present().await.unwrap();
    assert!(next.as_of == first.as_of.succ_opt().unwrap() && Arc::ptr_eq(&next, &app.present().await.unwrap()));
}
