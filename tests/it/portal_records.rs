//! The look-up of records in the pages: what each reader finds, and what a page of a record, of a run and of a mail shows.

use super::helpers::{duban, fresh_root, import, stderr, stdout};
use super::portal::{Service, link, password_file, pause, total, with_pages};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

const HEADER: &str =
    "项目编号,项目名称,投资方,市（州）,县（市、区）,协议类型,项目阶段,签约时间,履约时间,计划开工时间,实际开工时间,联系电话,是否涉密";

/// A register: an own project, one under negotiation, a restricted one, and one of the neighbour.
fn register(stage: &str) -> String {
    format!(
        "{HEADER}\n\
         GZ1,年产一万吨电池项目,某某科技,黔南州,瓮安县,合同,{stage},2026-01-05,,2026-03-31,,13800005678,否\n\
         GZ2,洽谈中的酒厂,秘密投资,黔南州,瓮安县,合同,洽谈,,,,,,否\n\
         GZ3,不便公开的项目,某某集团,黔南州,瓮安县,合同,签约,2026-01-05,,2026-03-31,,,是\n\
         GZ4,福泉的磷肥项目,某某磷业,黔南州,福泉市,合同,签约,2026-01-05,,2026-03-31,,,否\n"
    )
}

fn add(root: &Path, name: &str, unit: &str, role: &str, file: &str) {
    let added = duban(root, &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", file]);
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
}

fn take(root: &Path, name: &str, text: &str, covers: &str) {
    let taken = import(root, name, text, &["--covers", covers, "--accept", "--source", "台账"]);
    assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
}

#[test]
fn a_record_is_found_by_whoever_it_concerns() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in
        [("wangwu", "520000", "clerk"), ("lisi", "瓮安县", "handler"), ("zhaoliu", "福泉市", "viewer"), ("sunqi", "黔南州", "viewer")]
    {
        add(root.path(), name, unit, role, &file);
    }
    take(root.path(), "一.csv", &register("签约"), "2026-08-31");
    take(root.path(), "二.csv", &register("履约"), "2026-09-30");
    take(
        root.path(),
        "单.csv",
        "工作单编号,项目编号,项目名称,派发日期,承办单位,办结时限,签收日期,办结日期\nD1,GZ1,年产一万吨电池项目,2026-09-01,福泉市,2026-09-30,2026-09-04,\n",
        "2026-09-30",
    );
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let [office, own, other, above] = ["wangwu", "lisi", "zhaoliu", "sunqi"].map(|name| service.login(name));
    let status = |path: &str, cookie: &str| service.get(path, cookie).split(' ').nth(1).map(str::to_owned).unwrap_or_default();

    assert!(service.get("/records", &office).contains("<a href=\"/records/project\">项目台账</a>"));
    assert_eq!(total(&service.get("/records/project", &office)), 4);
    for (cookie, seen) in [(&own, &["GZ1", "GZ2"][..]), (&other, &["GZ4"]), (&above, &["GZ1", "GZ4"])] {
        let listed = service.get("/records/project", cookie);
        assert_eq!(total(&listed), seen.len(), "{listed}");
        for code in ["GZ1", "GZ2", "GZ3", "GZ4"] {
            let is_seen = seen.contains(&code);
            assert_eq!(listed.contains(&format!("/records/project/{code}\"")), is_seen, "{code}: {listed}");
            let expected = if is_seen { "200" } else { "404" };
            assert_eq!(status(&format!("/records/project/{code}"), cookie), expected, "{code}");
        }
        // neither a filter nor a position leads to more
        for query in ["?unit=520000", "?source=0&of=%E7%93%AE%E5%AE%89%E5%8E%BF&after=GZ2", "?code=GZ3", "?name=%E4%B8%8D%E4%BE%BF"] {
            let listed = service.get(&format!("/records/project{query}"), cookie);
            assert!(listed.starts_with("HTTP/1.1 200") && !listed.contains("/records/project/GZ3"), "{query}: {listed}");
        }
    }
    let all = service.get("/records/project", &office);
    assert!(all.contains("不便公开的项目〔不便公开〕"), "{all}");
    for (query, count) in [
        ("code=GZ", 4),
        ("code=gz", 4),
        ("code=%EF%BC%A7%EF%BC%BA%EF%BC%91", 1),
        ("code=GZ9", 0),
        ("order=code", 4),
        ("order=name", 4),
        ("order=name&code=gz1", 1),
        ("name=%E5%B9%B4%E4%BA%A7", 1),
        ("unit=%E7%93%AE%E5%AE%89%E5%8E%BF", 3),
        ("unit=522700", 4),
    ] {
        assert_eq!(total(&service.get(&format!("/records/project?{query}"), &office)), count, "{query}");
    }

    let begin = Instant::now();
    let mut page = service.get("/records/project/GZ1", &own);
    while page.contains("正在判定") && begin.elapsed() < Duration::from_secs(60) {
        pause();
        page = service.get("/records/project/GZ1", &own);
    }
    assert!(page.contains("某某科技") && page.contains("138****5678") && !page.contains("13800005678"), "{page}");
    assert!(page.contains("项目阶段：签约 → 履约") && page.contains("首次出现"), "{page}");
    assert!(page.contains("二.csv") && page.contains("/findings/one"), "{page}");
    // the order belongs to the neighbour, and the project that it is about raised it
    assert!(link(&page, "/records/work-order/D1") == "/records/work-order/D1");
    assert_eq!([status("/records/work-order/D1", &other), status("/records/work-order/D1", &own)], ["200", "200"]);
    let orders = service.get("/records/work-order", &other);
    assert!(orders.contains("D1") && !orders.contains("阶段") && !orders.contains("金额"), "a ledger without stages shows none: {orders}");
    let order = service.get("/records/work-order/D1", &other);
    assert!(!order.contains("所属项目"), "the project of another unit is no link: {order}");
    assert!(order.contains("（2026年9月4日签收）") && service.get("/findings", &other).contains("（2026年9月4日签收）"), "{order}");
    take(root.path(), "三.csv", &register("履约").replace("13800005678,否", "13800005678,是"), "2026-10-31");
    let page = service.get("/records/project/GZ1", &office);
    assert!(page.contains("是否涉密：否 → 是"), "{page}");
    assert!(page.contains("<a href=\"/records/project\">回到台账</a>"), "{page}");
    for (path, cookie) in [("/records/project/GZ1", &own), ("/records/work-order/D1", &other)] {
        assert_eq!(status(path, cookie), "404", "a mark that came since the last look counts: {path}");
    }
    for path in ["/records/none", "/records/project/GZ9", "/records/project/..%2f", "/records/project/GZ1/x"] {
        assert_eq!(status(path, &office), "404", "{path}");
    }
}

/// A project under negotiation is in the list of whoever is notified of it, and of nobody else above.
#[test]
fn a_list_holds_what_its_reader_may_open() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit) in [("sunqi", "黔南州"), ("zhouba", "贵阳市")] {
        add(root.path(), name, unit, "viewer", &file);
    }
    let text = "项目编号,项目名称,市（州）,县（市、区）,协议类型,项目阶段,洽谈时间,签约时间\n\
                GZ1,谈了很久的酒厂,黔南州,瓮安县,,洽谈,2025-01-06,\n\
                GZ2,还没有谈的酒厂,黔南州,瓮安县,,洽谈,2030-01-05,\n\
                ..,上级目录,黔南州,瓮安县,,洽谈,2025-01-06,\n";
    take(root.path(), "一.csv", text, "2026-11-30");
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let [above, other] = ["sunqi", "zhouba"].map(|name| service.login(name));
    service.get_current("/findings", &above);
    let listed = service.get("/records/project", &above);
    assert_eq!(total(&listed), 2, "{listed}");
    for path in ["/records/project/GZ1", "/records/project/%7E.."] {
        assert!(listed.contains(&format!("href=\"{path}\"")), "{path}: {listed}");
        assert!(service.get(path, &above).starts_with("HTTP/1.1 200"), "{path}");
        assert!(service.get(path, &other).starts_with("HTTP/1.1 404"), "{path}");
    }
    assert!(service.get("/records/project/GZ2", &above).starts_with("HTTP/1.1 404"));
    assert_eq!(total(&service.get("/records/project", &other)), 0);
}

#[test]
fn a_run_and_a_mail_are_shown_as_they_were() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in [("wangwu", "520000", "clerk"), ("lisi", "瓮安县", "handler"), ("zhaoliu", "福泉市", "viewer")] {
        add(root.path(), name, unit, role, &file);
    }
    let made =
        duban(root.path(), &["sample", "--projects", "400", root.path().join("config/sample/register.xlsx").to_str().expect("a path")]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let ran = duban(root.path(), &["run", "quarterly-supervision", "--as-of", "2026-09-30"]);
    assert!(matches!(ran.status.code(), Some(0 | 2)), "{}{}", stdout(&ran), stderr(&ran));
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let [office, own, other] = ["wangwu", "lisi", "zhaoliu"].map(|name| service.login(name));

    let runs = service.get("/runs", &office);
    assert!(runs.contains("星期") && runs.contains("最近60天没有错过的时点"), "{runs}");
    let run = service.get(&link(&runs, "/runs/one"), &office);
    for word in ["读取来源", "判定", "生成报表", "生成提醒", "用到的台账", "未发提醒"] {
        assert!(run.contains(word), "{word}: {run}");
    }
    assert!(service.get(&link(&runs, "/runs/one"), &own).starts_with("HTTP/1.1 404"));

    let mails = service.get("/sending", &own);
    let mail = link(&mails, "/sending/one");
    let shown = service.get(&mail, &own);
    assert!(shown.contains("<h2>正文</h2>") && shown.contains("瓮安县"), "{shown}");
    let attachment = link(&shown, "/sending/attachment");
    let given = service.get(&attachment, &own);
    assert!(
        given.starts_with("HTTP/1.1 200") && given.contains("PK\u{3}\u{4}") && given.contains("filename*=UTF-8''"),
        "{}",
        &given[..400]
    );
    for path in [&mail, &attachment] {
        assert!(service.get(path, &other).starts_with("HTTP/1.1 404"), "a neighbour's mail: {path}");
        assert!(service.get(path, &office).starts_with("HTTP/1.1 200"), "{path}");
    }
    let shown = service.get(&mail, &office);
    assert!(shown.contains("收件单位：瓮安县"), "the addressee, not the reader: {shown}");
    assert!(service.get(&format!("{mail}&place=99").replace("/one", "/attachment"), &own).starts_with("HTTP/1.1 404"));
    let audit = stdout(&duban(root.path(), &["audit", "--format", "json"]));
    let audit: Vec<serde_json::Value> = serde_json::from_str(&audit).expect("lines");
    let lines = |what: &str, who: &str| audit.iter().filter(|line| line["what"] == what && line["who"] == who).count();
    // the page, its attachment, and one that it does not have
    assert_eq!((lines("look at a mail", "lisi"), lines("refused: look at a mail", "zhaoliu")), (3, 2), "{audit:?}");
}

/// Records of no unit fill several pages: each page shows others.
#[test]
fn records_without_a_unit_are_paged_through() {
    let root = fresh_root();
    with_pages(root.path());
    add(root.path(), "wangwu", "520000", "clerk", &password_file(root.path()));
    let row = |number: usize| format!("GZ{number:03},第{number}个项目,某某科技,,,合同,签约,2026-01-05,,2026-03-31,,,否\n");
    let rows: String = (1..=120).map(row).collect();
    take(root.path(), "一.csv", &format!("{HEADER}\n{rows}"), "2026-09-30");
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let office = service.login("wangwu");
    let mut page = service.get("/records/project", &office);
    let mut seen = Vec::new();
    for number in 0..3 {
        assert_eq!(page.contains("共120条"), number == 0, "they are counted once: {page}");
        seen.extend((1..=120).filter(|number| page.contains(&format!("/records/project/GZ{number:03}\""))));
        let next = page.split("<a href=\"").find(|rest| rest.contains("下一页")).and_then(|rest| rest.split('"').next());
        let Some(next) = next.map(|next| next.replace("&#x2f;", "/").replace("&amp;", "&")) else { break };
        page = service.get(&next, &office);
    }
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
}

/// The bytes of an answer, behind its head.
fn body(service: &Service, path: &str, cookie: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(&service.address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", service.address).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer[answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a body") + 4..].to_vec()
}

#[test]
fn the_files_of_a_day_come_as_one_zip() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    add(root.path(), "wangwu", "520000", "clerk", &file);
    add(root.path(), "lisi", "瓮安县", "viewer", &file);
    let sample = root.path().join("config/sample/register.xlsx");
    let made = duban(root.path(), &["sample", "--projects", "400", sample.to_str().expect("a path")]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    for job in ["quarterly-supervision", "quarterly-packs"] {
        let ran = duban(root.path(), &["run", job, "--as-of", "2026-09-30"]);
        assert!(matches!(ran.status.code(), Some(0 | 2)), "{}{}", stdout(&ran), stderr(&ran));
    }
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let [office, own] = ["wangwu", "lisi"].map(|name| service.login(name));
    let names = |cookie: &str| -> Vec<String> {
        let listed = service.get("/reports?as_of=2026-09-30", cookie);
        let zip = body(&service, &link(&listed, "/reports/period.zip"), cookie);
        let zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).expect("a zip");
        zip.file_names().map(|name| name.expect("a name").into_owned()).collect()
    };
    let all = names(&office);
    assert_eq!(all.len(), total(&service.get("/reports?as_of=2026-09-30", &office)), "{all:?}");
    assert!(all.iter().any(|name| name.contains('/') && name.contains("瓮安县") && name.ends_with(".xlsx")), "{all:?}");
    let of_unit = names(&own);
    assert!(of_unit.iter().any(|name| name.starts_with("邮件附件/")) && of_unit.len() < all.len(), "{of_unit:?}");
    assert!(of_unit.iter().all(|name| !name.contains("福泉市")), "{of_unit:?}");
    assert!(service.get("/reports/period.zip?as_of=2020-01-01", &office).starts_with("HTTP/1.1 404"));
    let audit = stdout(&duban(root.path(), &["audit", "--format", "json"]));
    assert!(audit.contains("\"download of a period\""), "{audit}");
}
