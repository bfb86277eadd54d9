//! The pages over a real socket: the service with and without them, accounts by command, a client that is silent, and the stop.

use super::helpers::{command, duban, edit, fresh_root, stderr, stdout};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) fn with_pages(root: &Path) {
    let settings = root.join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[portal]\nlisten = \"127.0.0.1:0\"\n")).expect("settings");
}

/// A service that is stopped when the test ends.
pub(super) struct Service {
    child: Child,
    pub(super) address: String,
}

impl Service {
    pub(super) fn start(root: &Path, arguments: &[&str]) -> Service {
        let mut child = command(root, arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a service");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.starts_with("网页："))).expect("an address");
        // the rest is read, so that the service never waits for a reader
        std::thread::spawn(move || lines.for_each(drop));
        Service { child, address: line.trim_start_matches("网页：http://").trim_end_matches('/').to_owned() }
    }

    pub(super) fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.write_all(request.replace('\n', "\r\n").as_bytes()).expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(super) fn get(&self, path: &str, cookie: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\nHost: {}\nCookie: {cookie}\nConnection: close\n\n", self.address))
    }

    /// Logs in as the outside would: the form of the page, its token, the cookie. Returns the cookie of the session.
    pub(super) fn login(&self, name: &str) -> String {
        let page = self.get("/login", "");
        let between = |begin: &str, end: char| page.split_once(begin).and_then(|(_, rest)| rest.split(end).next()).expect(begin).to_owned();
        let (cookie, token) = (between("set-cookie: ", ';'), between("name=\"csrf\" value=\"", '"'));
        let form = format!("csrf={token}&name={name}&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.ask(&format!(
            "POST /login HTTP/1.1\nHost: {0}\nOrigin: http://{0}\nCookie: {cookie}\nContent-Type: application/x-www-form-urlencoded\n\
             Content-Length: {1}\nConnection: close\n\n{form}",
            self.address,
            form.len()
        ));
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        answer.split_once("set-cookie: ").and_then(|(_, rest)| rest.split(';').next()).expect("a session").to_owned()
    }

    fn signal(&self, signal: &str) {
        let sent = std::process::Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn password_file(root: &Path) -> String {
    let path = root.join("password");
    let mut file = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path).expect("a file");
    writeln!(file, "{PASSWORD}").expect("a password");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn accounts_are_managed_without_a_browser() {
    let root = fresh_root();
    let file = password_file(root.path());
    let add = |name: &str, unit: &str, role: &str| {
        duban(root.path(), &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", &file, "--by", "测试"])
    };
    let added = add("wangwu", "520000", "clerk,签发");
    assert_eq!(
        (added.status.code(), stdout(&added).as_str()),
        (Some(0), "已建立账号“wangwu”（520000，办公、签发）。请本人登录后在“我的账号”中更改密码。\n")
    );
    for (arguments, message) in [
        (("WangWu", "520000", "viewer"), "账号名“WangWu”已有人使用"),
        (("lisi", "瓮安线", "viewer"), "没有“瓮安线”这个单位，是不是“瓮安县”？"),
        (("lisi", "瓮安县", "clerk"), "“办公”只能给负责签发的办公室，该单位的账号可用：查看、经办"),
        (("lisi", "瓮安县", "主任"), "没有“主任”这个角色，可用的角色：查看（viewer）"),
        (("l", "瓮安县", "viewer"), "账号名须为2至32个字"),
    ] {
        let refused = add(arguments.0, arguments.1, arguments.2);
        assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
        assert!(stderr(&refused).contains(message), "{}", stderr(&refused));
    }
    std::fs::write(&file, "short\n").expect("a password");
    assert!(stderr(&add("lisi", "瓮安县", "viewer")).contains("密码须为12至128个字符"));
    let ended = duban(root.path(), &["portal", "user", "end", "WANGWU", "--by", "测试", "--reason", "离任"]);
    assert_eq!(ended.status.code(), Some(0), "{}", stderr(&ended));
    let listed = duban(root.path(), &["portal", "user", "list", "--format", "json"]);
    let line: serde_json::Value = serde_json::from_str(stdout(&listed).trim()).expect("one line");
    assert_eq!(
        (&line["name"], &line["unit"], &line["roles"]),
        (&"wangwu".into(), &"520000".into(), &serde_json::json!(["clerk", "releaser"]))
    );
    assert_ne!(line["ended_at"], "");
    let audit = stdout(&duban(root.path(), &["audit", "--format", "json"]));
    assert!(audit.contains("account added") && audit.contains("account ended") && !audit.contains(PASSWORD), "{audit}");
}

#[test]
fn the_pages_are_served_beside_the_jobs_or_alone() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    let added = duban(root.path(), &["portal", "user", "add", "lisi", "--unit", "瓮安县", "--role", "viewer", "--password-file", &file]);
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    for arguments in [&["serve"][..], &["serve", "--only", "portal"]] {
        let mut service = Service::start(root.path(), arguments);
        assert!(service.get("/livez", "").ends_with("\r\n\r\nok\n"));
        assert!(service.get("/readyz", "").starts_with("HTTP/1.1 404"), "it is answered apart from the pages");
        let cookie = service.login("lisi");
        let reports = service.get("/reports", &cookie);
        assert!(reports.starts_with("HTTP/1.1 200") && reports.contains("<h1>报表</h1>"), "{reports}");
        service.signal("-TERM");
        let begin = Instant::now();
        let status = service.child.wait().expect("an end");
        assert!(status.success() && begin.elapsed() < Duration::from_secs(20), "{status} after {:?}", begin.elapsed());
    }
}

#[test]
fn pages_are_switched_off() {
    let root = fresh_root();
    let settings = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[portal]\nenabled = false\n")).expect("settings");
    let without = duban(root.path(), &["serve", "--only", "portal"]);
    assert_eq!(without.status.code(), Some(1));
    assert!(stderr(&without).contains("[portal] enabled = false"), "{}", stderr(&without));
    assert!(stdout(&duban(root.path(), &["check"])).contains("网页：不开放"));
}

/// Renames a table past the program.
fn rename(root: &Path, from: &str, to: &str) {
    let url = format!("sqlite://{}", root.join("var/duban.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let tables = sqlx::AnyPool::connect(&url).await.expect("the tables");
        sqlx::query(sqlx::AssertSqlSafe(format!("ALTER TABLE {from} RENAME TO {to}"))).execute(&tables).await.expect("renamed");
        tables.close().await;
    });
}

/// Without a section nothing has to be set: the usual port is taken once somebody has an account. Neither a database that fails for a time nor
/// another program that has the port stops anything.
#[test]
fn pages_open_with_the_first_account() {
    let root = fresh_root();
    assert_eq!(duban(root.path(), &["runs"]).status.code(), Some(0));
    rename(root.path(), "account", "away");
    let taken = std::net::TcpListener::bind("127.0.0.1:8080");
    let noted = stdout(&duban(root.path(), &["check"]));
    assert!(noted.contains("注意：127.0.0.1:8080已被占用"), "{noted}");
    let mut child =
        command(root.path(), &["serve", "--only", "portal"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a service");
    let mut errors = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let service = Service { child, address: "127.0.0.1:8080".to_owned() };
    let mut notice = || errors.find_map(|line| line.ok().filter(|line| line.starts_with("注意：网页暂未开放")));
    assert!(notice().is_some_and(|notice| notice.ends_with("数据库恢复后自动开放")));
    rename(root.path(), "away", "account");
    let file = password_file(root.path());
    let added = duban(root.path(), &["portal", "user", "add", "lisi", "--unit", "瓮安县", "--role", "viewer", "--password-file", &file]);
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    assert!(notice().is_some_and(|notice| notice.contains("127.0.0.1:8080") && notice.contains("listen")));
    // a machine whose port belongs to somebody else for good has no more to show
    if let Ok(taken) = taken {
        drop(taken);
        let line = lines.find_map(|line| line.ok().filter(|line| line.starts_with("网页：")));
        assert_eq!(line.as_deref(), Some("网页：http://127.0.0.1:8080/"));
        assert!(service.login("lisi").starts_with("duban="));
    }
}

/// Half a request, or none at all, is dropped by time and holds up nobody.
#[test]
fn a_silent_client_is_dropped() {
    let root = fresh_root();
    with_pages(root.path());
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let mut silent = TcpStream::connect(&service.address).expect("a connection");
    let mut half = TcpStream::connect(&service.address).expect("a connection");
    half.write_all(b"GET /login HTTP/1.1\r\nHost: local").expect("half a request");
    let begin = Instant::now();
    assert!(service.get("/livez", "").ends_with("ok\n"), "others are answered meanwhile");
    for (name, stream) in [("silent", &mut silent), ("half", &mut half)] {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time");
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_ok(), "{name}: {ended:?} after {:?}", begin.elapsed());
    }
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}

impl Service {
    fn get_current_or_behind(&self, path: &str, cookie: &str, is_current: bool) -> String {
        if is_current { self.get_current(path, cookie) } else { self.get(path, cookie) }
    }

    /// As [`Service::get`], once the findings are as the data are now.
    pub(super) fn get_current(&self, path: &str, cookie: &str) -> String {
        for _ in 0..100 {
            let page = self.get(path, cookie);
            if !page.contains("正在判定") && !page.contains("正在重新判定") {
                return page;
            }
        }
        panic!("{path} stays behind");
    }
}

/// The address of the first link that begins so, as a browser reads it.
pub(super) fn link(page: &str, beginning: &str) -> String {
    let marked = format!("href=\"{beginning}");
    let rest = page.split_once(&marked).unwrap_or_else(|| panic!("no link {beginning} in {page}")).1;
    let text = format!("{beginning}{}", rest.split('"').next().expect("a link"));
    text.replace("&#x2f;", "/").replace("&amp;", "&")
}

pub(super) fn total(page: &str) -> usize {
    let rest = page.split_once("<p class=\"pager\">共").unwrap_or_else(|| panic!("no count in {page}")).1;
    rest.split('条').next().expect("a count").parse().expect("a number")
}

#[test]
fn findings_are_listed_explained_and_exported_for_whoever_may_see_them() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in [("wangwu", "520000", "clerk"), ("lisi", "瓮安县", "handler"), ("zhaoliu", "福泉市", "viewer")] {
        let added = duban(root.path(), &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", &file]);
        assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    }
    let made =
        duban(root.path(), &["sample", "--projects", "400", root.path().join("config/sample/register.xlsx").to_str().expect("a path")]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let ran = duban(root.path(), &["run", "daily-pull"]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
    let printed = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let mut all = vec!["findings", "--format", "json"];
        all.extend_from_slice(arguments);
        serde_json::from_str(&stdout(&duban(root.path(), &all))).expect("findings")
    };
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let (office, unit, other) = (service.login("wangwu"), service.login("lisi"), service.login("zhaoliu"));
    let all = service.get("/findings", &office);
    assert!(all.contains("判定。") && !all.contains("此后台账有更新"), "the daily job has made the picture: {all}");
    assert_eq!(total(&all), printed(&[]).len());
    for (query, arguments) in [
        ("light=red", &["--light", "red"][..]),
        ("light=orange&rule=unstarted", &["--light", "orange", "--rule", "unstarted"]),
        ("state=unjudged", &["--state", "unjudged"]),
    ] {
        assert_eq!(total(&service.get(&format!("/findings?{query}"), &office)), printed(arguments).len(), "{query}");
    }
    // pages follow each other without a gap, in the order of rules and units
    let keys_of = |query: &str| -> Vec<String> {
        let pages = total(&service.get(&format!("/findings?{query}"), &office)).div_ceil(50);
        let page = |page: usize| service.get(&format!("/findings?{query}&page={page}"), &office);
        let cells = |text: String| {
            text.split("data-head=\"编号\">").skip(1).map(|rest| rest.split('<').next().expect("a code").to_owned()).collect::<Vec<_>>()
        };
        (1..=pages).flat_map(|number| cells(page(number))).collect()
    };
    let of = |findings: Vec<serde_json::Value>| {
        let mut keys: Vec<String> = findings.iter().map(|finding| finding["key"].as_str().expect("a key").to_owned()).collect();
        keys.sort();
        keys
    };
    for (query, arguments) in [("light=red", &["--light", "red"][..]), ("rule=unstarted", &["--rule", "unstarted"])] {
        let mut keys = keys_of(query);
        keys.sort();
        assert_eq!(keys, of(printed(arguments)), "{query}");
    }
    let one = of(printed(&["--rule", "unstarted"])).remove(0);
    let found = keys_of(&format!("text={}", &one[2..]));
    assert!(found.contains(&one) && found.iter().all(|key| key.contains(&one[2..])), "{one}: {found:?}");
    let below = total(&service.get("/findings?unit=%E7%93%AE%E5%AE%89%E5%8E%BF", &office));
    let owned = printed(&[]).iter().filter(|finding| finding["unit"] == "瓮安县").count();
    assert!(below >= owned && owned > 0, "{below} {owned}");
    assert!(service.get("/", &office).contains("督办事项（截至"), "the overview counts the same picture");

    for (query, words) in
        [("", "列出全部督办事项"), ("?unit=522725", "列出责任单位是瓮安县及其下级的事项；责任单位是其他单位、只是告知该单位的不在内")]
    {
        assert!(service.get(&format!("/findings{query}"), &office).contains(words), "{words}");
    }
    let unknown = service.get("/findings?unit=nosuch", &office);
    assert!(unknown.contains("没有“nosuch”这个单位") && unknown.contains("没有符合条件的督办事项"), "{unknown}");
    assert!(!unknown.contains("/findings/one") && !unknown.contains("list.xlsx"), "{unknown}");
    assert!(service.get("/findings/list.xlsx?unit=nosuch", &office).starts_with("HTTP/1.1 404"));
    let listed = service.get("/findings?light=red", &office);
    let back = link(&service.get(&link(&listed, "/findings/one"), &office), "/findings?light");
    assert_eq!(back, "/findings?light=red&page=1", "one leads back to the list it was chosen from");
    let one = link(&listed, "/findings/one");
    let (finding, _) = one.split_once("&list=").expect("a list");
    let forged = service.get(&format!("{finding}&list=%2F%2Fevil.example"), &office);
    assert!(forged.contains("<a href=\"/findings\">回到清单</a>"), "{forged}");
    let explained = stdout(&duban(root.path(), &["findings", "--unit", "瓮安县"]));
    assert!(explained.contains("注：所列为责任单位是瓮安县的和告知瓮安县的"), "{explained}");
    let lights = |order: &str| -> Vec<String> {
        let page = service.get(&format!("/findings?order={order}"), &office);
        page.split("class=\"light-").skip(1).map(|rest| rest.split('"').next().expect("a light").to_owned()).collect()
    };
    assert!(lights("light").iter().all(|light| light == "red") && lights("").iter().any(|light| light != "red"), "red is on top");
    let key = keys_of("rule=unstarted").remove(0);
    assert_eq!(keys_of(&format!("text={}", key.to_lowercase())), keys_of(&format!("text={key}")), "{key}");
    let filter = all.split_once("id=\"light\"").expect("a choice of lights").1;
    assert!(filter.find("value=\"red\"") < filter.find("value=\"yellow\""), "{filter}");

    let own = service.get("/findings", &unit);
    let count = total(&own);
    assert!(own.contains("列出责任单位是本单位及其下级的事项、告知本单位的事项"), "{own}");
    let overview = service.get("/", &unit);
    let areas = overview.split_once("地区和部门").expect("areas").1;
    assert!(areas.contains(">瓮安县</a>") && !areas.contains("黔南布依族苗族自治州</a>"), "a unit is not headed by its superior: {areas}");
    assert!(count > 0 && count < printed(&[]).len() && !own.contains("福泉市"), "{own}");
    let one = link(&own, "/findings/one");
    let explained = service.get(&one, &unit);
    assert!(explained.starts_with("HTTP/1.1 200") && explained.contains("结论：") && explained.contains("瓮安县"), "{explained}");
    assert!(service.get(&one, &office).starts_with("HTTP/1.1 200"));
    assert!(service.get(&one, &other).starts_with("HTTP/1.1 404"), "a neighbour's finding");

    let mut stream = TcpStream::connect(&service.address).expect("a connection");
    let export = link(&own, "/findings/list.xlsx");
    write!(stream, "GET {export} HTTP/1.1\r\nHost: {}\r\nCookie: {unit}\r\nConnection: close\r\n\r\n", service.address).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a body") + 4;
    let text = super::outputs::cells(&answer[body..]);
    assert!(text.contains(&format!("共{count}件")) && !text.contains("福泉市"), "{text}");
    let audit = stdout(&duban(root.path(), &["audit", "--format", "json"]));
    assert!(audit.contains("export findings") && audit.contains("lisi@127.0.0.1"), "{audit}");
}

/// The register of the reports, with this mark on one project.
fn register(mark: &str) -> String {
    let mut lines = super::outputs::PROJECTS.lines();
    let mut text = format!("{},是否涉密\n", lines.next().expect("a header"));
    for line in lines {
        text.push_str(&format!("{line},{}\n", if line.starts_with("GZ202500124") { mark } else { "否" }));
    }
    text
}

/// A pack that was made before a project of it was marked is not given to its unit any more.
#[test]
fn a_mark_that_comes_late_ends_the_download_of_a_unit() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in [("wangwu", "520000", "clerk"), ("lisi", "瓮安县", "handler")] {
        let added = duban(root.path(), &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", &file]);
        assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    }
    let import = |name: &str, text: &str| {
        let read = super::helpers::import(root.path(), name, text, &["--covers", "2026-09-30"]);
        assert_eq!(read.status.code(), Some(0), "{}{}", stdout(&read), stderr(&read));
    };
    super::helpers::edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    import("台账.csv", &register("否"));
    let made = duban(root.path(), &["run", "county-monthly-study", "--as-of", "2026-09-30"]);
    assert!(stdout(&made).contains("分单位报表："), "{}{}", stdout(&made), stderr(&made));
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let (office, unit) = (service.login("wangwu"), service.login("lisi"));
    let pack = link(&service.get("/reports?name=%E7%93%AE%E5%AE%89%E5%8E%BF", &unit), "/reports/file");
    assert!(service.get(&pack, &unit).starts_with("HTTP/1.1 200"), "{pack}");
    import("台账.csv", &register("是"));
    let refused = service.get(&pack, &unit);
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("已列为不便公开，不再提供下载"), "{refused}");
    assert!(service.get(&pack, &office).starts_with("HTTP/1.1 200"));
    // the count of what is not shown does not follow the filter, or it would give the record away sign by sign
    service.get_current("/findings", &unit);
    let counted = |query: &str| service.get(&format!("/findings?{query}"), &unit).split_once("另有").map(|(_, rest)| rest.chars().next());
    assert_eq!(counted("text=GZ202500124"), counted("text=zzz"));
    assert_eq!(counted("light=red"), counted(""));
    assert!(counted("").is_some());
}

/// A mark hides what it is on at the next look, also while the picture was made before it and no new one can be made.
#[test]
fn a_mark_hides_at_once() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in [("wangwu", "520000", "clerk"), ("lisi", "瓮安县", "handler"), ("sunqi", "黔南州", "viewer")] {
        let added = duban(root.path(), &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", &file]);
        assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    }
    let import = |text: &str| {
        let today = duban::clock::Clock::System.today().to_string();
        let read = super::helpers::import(root.path(), "台账.csv", text, &["--covers", &today]);
        assert_eq!(read.status.code(), Some(0), "{}{}", stdout(&read), stderr(&read));
    };
    // another project names it
    let of = |mark: &str| {
        let text = register(mark);
        let line = text.lines().find(|line| line.starts_with("GZ202500124")).expect("the project");
        let (name, rest) = line.split_once(',').and_then(|(_, rest)| rest.split_once(',')).expect("a name");
        format!("{text}GZ202500199,《{name}》配套道路,{}否\n", rest.trim_end_matches(mark))
    };
    import(&of("否"));
    let ran = duban(root.path(), &["run", "daily-pull"]);
    assert_eq!(ran.status.code(), Some(0), "{}{}", stdout(&ran), stderr(&ran));
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let (office, unit, city) = (service.login("wangwu"), service.login("lisi"), service.login("sunqi"));
    let before = service.get("/findings", &unit);
    let of_city = total(&service.get("/findings", &city));
    let with_code = "/findings?text=GZ202500124";
    assert!(before.contains("GZ202500124") && !before.contains("另有"), "{before}");
    let one = link(&service.get(with_code, &unit), "/findings/one");
    let with_road = "/findings?text=GZ202500199";
    let (all, own, road) = (total(&before), total(&service.get(with_code, &unit)), total(&service.get(with_road, &unit)));
    assert!(road > 0, "{before}");
    assert!(!before.contains("反馈）"), "{before}");
    // another process makes a picture and does not end
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let tables = sqlx::AnyPool::connect(&format!("sqlite://{}", root.path().join("var/duban.db").display())).await.expect("the tables");
        sqlx::query("UPDATE current_picture SET making_until='9999'").execute(&tables).await.expect("a busy process");
        // two answers after the picture, one of which was taken back
        for (no, code, at, withdraws) in
            [(1_i64, "GZ202500123", "2999-10-09T02:12:00.000Z", 0_i64), (2, "GZ202600045", "2999-10-09T03:00:00.000Z", 0), (3, "GZ202600045", "2999-10-09T04:00:00.000Z", 2)]
        {
            let insert = "INSERT INTO feedback (no, ledger, code, unit, received_at, form, sender, body, withdraws) VALUES ($1,'project',$2,'522725',$3,'','','{}',$4)";
            sqlx::query(insert).bind(no).bind(code).bind(at).bind(withdraws).execute(&tables).await.expect("an answer");
        }
        tables.close().await;
    });
    import(&of("是"));
    let after = service.get("/findings", &unit);
    assert!(!after.contains("GZ202500124") && !after.contains("GZ202500199") && after.contains("此后台账有更新"), "{after}");
    assert_eq!(total(&after), all - own - road);
    let answered = |code: &str| service.get(&format!("/findings?text={code}"), &unit).matches("已于2999-10-09 10:12反馈").count();
    assert!(answered("GZ202500123") > 0 && answered("GZ202600045") == 0, "{after}");
    assert!(!after.contains("11:00反馈"), "an answer that was taken back: {after}");
    assert!(after.contains(&format!("另有{}件不便列示", own + road)), "{after}");
    assert!(service.get(with_code, &unit).contains("没有符合条件的督办事项"));
    assert!(service.get(&one, &unit).starts_with("HTTP/1.1 404"));
    let seen = service.get(with_code, &office);
    assert_eq!((total(&seen), seen.matches("〔不便公开〕").count()), (own, own), "{seen}");
    // what left the list of a unit, or of its superior, is counted, now and once the findings are judged anew
    let counted = |when: &str| {
        for (cookie, all) in [(&unit, all), (&city, of_city)] {
            for path in ["/findings", "/"] {
                let page = service.get_current_or_behind(path, cookie, when == "anew");
                assert!(page.contains(&format!("另有{}件不便列示", own + road)), "{when} {path}: {page}");
            }
            assert_eq!(total(&service.get("/findings", cookie)), all - own - road, "{when}");
        }
    };
    counted("at once");
    runtime.block_on(async {
        let tables = sqlx::AnyPool::connect(&format!("sqlite://{}", root.path().join("var/duban.db").display())).await.expect("the tables");
        sqlx::query("UPDATE current_picture SET making_until=''").execute(&tables).await.expect("a free picture");
        tables.close().await;
    });
    counted("anew");
}

/// The state of the service is answered on a listener of its own, and only there.
#[test]
fn machines_ask_how_the_service_is() {
    let root = fresh_root();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    with_pages(root.path());
    edit(
        root.path(),
        "config/duban.toml",
        "listen = \"127.0.0.1:0\"",
        &format!("listen = \"127.0.0.1:0\"\nhealth_listen = \"127.0.0.1:{port}\""),
    );
    let checked = duban(root.path(), &["check"]);
    assert!(stdout(&checked).contains(&format!("健康检查和指标：http://127.0.0.1:{port}/readyz、/metrics")), "{}", stdout(&checked));
    // a paper on an earlier day is not what the pages show
    let sample = root.path().join("config/sample/register.xlsx");
    let sample = sample.to_str().expect("a path");
    for arguments in
        [&["sample", "--projects", "400", sample][..], &["run", "daily-pull"], &["run", "quarterly-supervision", "--as-of", "2026-09-30"]]
    {
        let ran = duban(root.path(), arguments);
        assert!(matches!(ran.status.code(), Some(0 | 2)), "{}{}", stdout(&ran), stderr(&ran));
    }
    let red = duban(root.path(), &["findings", "--light", "red", "--state", "open", "--format", "json"]);
    let red: Vec<serde_json::Value> = serde_json::from_str(&stdout(&red)).expect("findings");
    let service = Service::start(root.path(), &["serve"]);
    let ask = |path: &str| {
        let mut stream = connected(port);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(ask("/readyz").starts_with("HTTP/1.1 200") && ask("/livez").ends_with("ok\n"), "{}", ask("/readyz"));
    let begin = Instant::now();
    while !ask("/metrics").contains("\nduban_beat_age_seconds ") {
        assert!(begin.elapsed() < Duration::from_secs(60), "no beat: {}", ask("/metrics"));
        pause();
    }
    let metrics = ask("/metrics");
    assert!(
        metrics.contains("content-type: text/plain; version=0.0.4") && metrics.contains("duban_runs{result=\"failed\"} 0"),
        "{metrics}"
    );
    assert!(metrics.contains(&format!("\nduban_findings{{light=\"red\"}} {}\n", red.len())), "{}: {metrics}", red.len());
    for path in ["/metrics", "/readyz"] {
        assert!(service.get(path, "").starts_with("HTTP/1.1 404"), "{path} on the listener of the pages");
    }
    assert!(ask("/login").starts_with("HTTP/1.1 404"), "no page on this one");
}

/// Between two looks at another process.
#[allow(clippy::disallowed_methods, reason = "another process names no event")]
pub(super) fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

/// A connection to a listener that may not be open yet.
fn connected(port: u16) -> TcpStream {
    let begin = Instant::now();
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(stream) => return stream,
            Err(error) => assert!(begin.elapsed() < Duration::from_secs(20), "port {port}: {error}"),
        }
        pause();
    }
}

/// An address that the office has named is tried until it is free; what cannot be used for https is found before the service starts.
#[test]
fn an_address_that_is_taken_is_waited_for() {
    let root = fresh_root();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let settings = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[portal]\nlisten = \"{address}\"\n")).expect("settings");
    let mut child =
        command(root.path(), &["serve", "--only", "portal"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a service");
    let mut errors = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    let _service = Service { child, address: address.clone() };
    let notice = errors.find_map(|line| line.ok().filter(|line| line.starts_with("注意：网页暂未开放")));
    assert!(notice.is_some_and(|notice| notice.contains(&format!("{address}已被另一个程序占用"))));
    drop(taken);
    let line = lines.find_map(|line| line.ok().filter(|line| line.starts_with("网页：")));
    assert_eq!(line, Some(format!("网页：http://{address}/")));

    let tls = |name: &str| super::helpers::home().join("tests/fixtures/tls").join(name).display().to_string();
    std::fs::write(
        &settings,
        format!("{text}\n[portal]\nlisten = \"{address}\"\ncertificate = \"{}\"\nkey = \"{}\"\n", tls("good.pem"), tls("expired.key")),
    )
    .expect("settings");
    let refused = duban(root.path(), &["check"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("不是一对"), "{}", stderr(&refused));
}
