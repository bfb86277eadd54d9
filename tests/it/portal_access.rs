//! Requests at random by every role of every kind of unit, against what the table at the beginning of this file expects: who gets a page, and
//! that no answer holds the name of a project that its reader may not see. `DUBAN_REQUESTS` is how many (`.ci/long portal`: 10,000).

use super::helpers::{duban, edit, first_seed, fresh_root, import, number, stderr, stdout};
use super::portal::{Service, link, password_file, with_pages};
use fastrand::Rng;
use std::collections::BTreeSet;

/// One project: code, name, county, stage, industry, marked as secret, late.
struct Project {
    code: &'static str,
    name: &'static str,
    county: &'static str,
    stage: &'static str,
    industry: &'static str,
    is_secret: bool,
    is_late: bool,
}

const fn project(code: &'static str, name: &'static str, county: &'static str, industry: &'static str) -> Project {
    Project { code, name, county, stage: "签约", industry, is_secret: false, is_late: true }
}

const PROJECTS: [Project; 10] = [
    project("FW001", "甲子茶园", "瓮安县", "茶叶"),
    project("FW002", "乙丑药厂", "瓮安县", "中药材"),
    project("FW003", "丙寅果园", "福泉市", "水果"),
    project("FW004", "丁卯茶厂", "福泉市", "茶叶"),
    project("FW005", "戊辰食品", "南明区", "茶叶"),
    Project { stage: "洽谈", is_late: false, ..project("FW006", "己巳酒厂", "瓮安县", "茶叶") },
    Project { stage: "洽谈", is_late: false, ..project("FW007", "庚午纸厂", "南明区", "水果") },
    Project { is_secret: true, ..project("FW008", "辛未电池", "瓮安县", "茶叶") },
    Project { is_secret: true, ..project("FW009", "壬申材料", "福泉市", "水果") },
    Project { stage: "开工", is_late: false, ..project("FW010", "癸酉园区", "瓮安县", "茶叶") },
];

const CITIES: [(&str, &str); 3] = [("瓮安县", "黔南布依族苗族自治州"), ("福泉市", "黔南布依族苗族自治州"), ("南明区", "贵阳市")];
const OFFICE: &str = "省投资促进局";

fn city_of(county: &str) -> &'static str {
    CITIES.iter().find(|(known, _)| *known == county).expect("a county").1
}

/// Whoever asks: account, unit, role.
const ACCOUNTS: [(&str, &str, &str); 12] = [
    ("o-viewer", OFFICE, "viewer"),
    ("o-handler", OFFICE, "handler"),
    ("o-clerk", OFFICE, "clerk"),
    ("o-releaser", OFFICE, "releaser"),
    ("o-admin", OFFICE, "administrator"),
    ("o-auditor", OFFICE, "auditor"),
    ("wengan", "瓮安县", "handler"),
    ("fuquan", "福泉市", "viewer"),
    ("nanming", "南明区", "handler"),
    ("qiannan", "黔南布依族苗族自治州", "viewer"),
    ("guiyang", "贵阳市", "handler"),
    ("tea", "茶叶牵头部门", "viewer"),
];

/// Whether a unit may see the row of a project: its own, a subordinate's, or of an industry that it leads; one under negotiation its own unit
/// alone; a secret one nobody but the office.
fn sees(unit: &str, project: &Project) -> bool {
    let is_own = project.county == unit;
    let concerns = is_own || city_of(project.county) == unit || unit == format!("{}牵头部门", project.industry);
    unit == OFFICE || !project.is_secret && if project.stage == "洽谈" { is_own } else { concerns }
}

/// What a request asks for.
enum Wanted<'a> {
    /// A page of the menu.
    Page(&'static str),
    Record(&'a Project),
    Finding(&'a Project),
    /// A file or mail of a unit; `None` = of the office.
    OfUnit(Option<&'a str>),
    Unit(&'static str),
    /// What there is not.
    Nothing,
}

/// Whether an account gets an answer to what it asks for.
fn is_admitted(unit: &str, role: &str, wanted: &Wanted<'_>) -> bool {
    let is_office = unit == OFFICE;
    let works = role != "auditor";
    match wanted {
        Wanted::Page(path) => match *path {
            "/account" => true,
            "/" | "/reports" | "/findings" | "/records" | "/records/project" | "/sending" => works,
            "/runs" => is_office && matches!(role, "clerk" | "releaser" | "administrator"),
            "/units" => !is_office || role == "administrator",
            "/system" | "/system/accounts" => role == "administrator",
            "/system/audit" => matches!(role, "administrator" | "auditor"),
            other => panic!("{other} is not in the table"),
        },
        Wanted::Record(project) => works && sees(unit, project),
        Wanted::Finding(project) => works && project.is_late && sees(unit, project),
        Wanted::OfUnit(of) => works && (is_office || *of == Some(unit)),
        Wanted::Unit(of) => {
            if is_office {
                role == "administrator"
            } else {
                *of == unit
            }
        }
        Wanted::Nothing => false,
    }
}

const PAGES: [&str; 12] = [
    "/",
    "/reports",
    "/findings",
    "/records",
    "/records/project",
    "/sending",
    "/runs",
    "/units",
    "/system",
    "/system/accounts",
    "/system/audit",
    "/account",
];
/// Filters that must lead to no more.
const FILTERS: [&str; 9] = [
    "",
    "?page=2",
    "?unit=520000",
    "?unit=522725",
    "?text=FW008",
    "?code=FW",
    "?source=0&of=x&after=FW",
    "?as_of=2026-09-30",
    "?light=red&order=unit",
];

fn register() -> String {
    let head = "项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,签约时间,计划开工时间,实际开工时间,是否涉密";
    let row = |project: &Project| {
        let Project { code, name, county, stage, industry, is_secret, is_late } = project;
        let signed = if *stage == "洽谈" { "," } else { "合同," };
        let (at, planned) = if *stage == "洽谈" { ("", "") } else { ("2026-01-05", "2026-03-31") };
        let started = if *is_late || *stage == "洽谈" { "" } else { "2026-03-01" };
        let secret = if *is_secret { "是" } else { "否" };
        format!("{code},{name},{industry},{},{county},{signed}{stage},{at},{planned},{started},{secret}\n", city_of(county))
    };
    format!("{head}\n{}", PROJECTS.iter().map(row).collect::<String>())
}

/// A list of the office: unit and address of each row.
fn of_units(page: &str, cell: &str, beginning: &str) -> Vec<(String, String)> {
    let rows = page.split("<tr>").skip(2);
    rows.map(|row| {
        let unit = row.split_once(cell).map(|(_, rest)| rest.split('<').next().expect("a unit").to_owned()).unwrap_or_default();
        (unit, link(row, beginning))
    })
    .collect()
}

#[test]
fn nobody_gets_what_the_table_does_not_give() {
    let root = fresh_root();
    with_pages(root.path());
    let file = password_file(root.path());
    for (name, unit, role) in ACCOUNTS {
        let added = duban(root.path(), &["portal", "user", "add", name, "--unit", unit, "--role", role, "--password-file", &file]);
        assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    }
    edit(root.path(), "config/duban.toml", "[database]", "[start]\nenforce_on = \"2026-01-01\"\n\n[database]");
    let read = import(root.path(), "台账.csv", register(), &["--covers", "2026-09-30", "--accept"]);
    assert_eq!(read.status.code(), Some(0), "{}{}", stdout(&read), stderr(&read));
    for arguments in [
        &["run", "daily-pull"][..],
        &["run", "quarterly-supervision", "--as-of", "2026-09-30"],
        &["run", "county-monthly-study", "--as-of", "2026-09-30"],
    ] {
        let ran = duban(root.path(), arguments);
        assert!(matches!(ran.status.code(), Some(0 | 2)), "{}{}", stdout(&ran), stderr(&ran));
    }
    let service = Service::start(root.path(), &["serve", "--only", "portal"]);
    let cookies: Vec<String> = ACCOUNTS.iter().map(|(name, ..)| service.login(name)).collect();
    let clerk = &cookies[2];
    let files = of_units(&service.get("/reports", clerk), "data-head=\"单位\">", "/reports/file");
    // a draft is the office's own, until it is released
    let mails = of_units(&service.get("/sending?state=accepted", clerk), "data-head=\"单位\">", "/sending/one");
    let drafts = of_units(&service.get("/sending?state=draft", clerk), "data-head=\"单位\">", "/sending/one");
    let run = link(&service.get("/runs", clerk), "/runs/one");
    // a letter goes to the unit directly below the office, with the lines of its counties
    for (name, list, of) in [("files", &files, "瓮安县"), ("mails", &mails, "瓮安县"), ("drafts", &drafts, "黔南布依族苗族自治州")]
    {
        assert!(list.iter().any(|(unit, _)| unit == of), "{name}: {list:?}");
    }
    let (mut admitted, mut refused) = (0, 0);
    let count = number("DUBAN_REQUESTS").unwrap_or(400);
    for seed in first_seed()..first_seed() + count {
        let mut random = Rng::with_seed(seed);
        let at = random.usize(..ACCOUNTS.len());
        let (name, unit, role) = ACCOUNTS[at];
        let project = &PROJECTS[random.usize(..PROJECTS.len())];
        let (wanted, path) = match random.usize(..9) {
            0 | 1 => {
                let page = PAGES[random.usize(..PAGES.len())];
                (Wanted::Page(page), format!("{page}{}", FILTERS[random.usize(..FILTERS.len())]))
            }
            2 | 3 => (Wanted::Record(project), format!("/records/project/{}", project.code)),
            4 => {
                let rule = ["unstarted", "unstarted", "stale"][random.usize(..3)];
                let path = format!("/findings/one?rule={rule}&key={}", project.code);
                (if rule == "unstarted" { Wanted::Finding(project) } else { Wanted::Nothing }, path)
            }
            5 => {
                let (of, path) = &files[random.usize(..files.len())];
                (Wanted::OfUnit(Some(of.as_str()).filter(|of| *of != "—")), path.clone())
            }
            6 => {
                let list = if random.bool() { &mails } else { &drafts };
                let (of, path) = &list[random.usize(..list.len())];
                let is_draft = std::ptr::eq(list, &drafts);
                (Wanted::OfUnit(Some(of.as_str()).filter(|_| !is_draft)), path.clone())
            }
            7 => {
                let of = ACCOUNTS[random.usize(..ACCOUNTS.len())].1;
                (Wanted::Unit(of), format!("/units/one?unit={of}"))
            }
            _ => {
                let paths = [
                    "/reports/file?path=config/duban.toml",
                    "/reports/file?path=..%2F..%2Fetc%2Fpasswd",
                    "/records/project/FW999",
                    "/records/none",
                    "/sending/one?id=none",
                ];
                let path = paths[random.usize(..paths.len())].to_owned();
                (Wanted::Nothing, path)
            }
        };
        let is_expected = is_admitted(unit, role, &wanted);
        // a browser writes an address in ASCII
        let path: String =
            path.bytes().map(|byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect();
        let answer = service.get(&path, &cookies[at]);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        let place = format!("seed {seed}: {name} asks for {path}");
        assert!(!status.starts_with('5'), "{place}: {answer}");
        let leads_on = path.split('?').next() == Some("/") && role == "auditor";
        let expected = if is_expected {
            "200"
        } else if leads_on {
            "303"
        } else {
            "404"
        };
        assert_eq!(status, expected, "{place}");
        if is_expected {
            admitted += 1
        } else {
            refused += 1
        }
        let hidden: BTreeSet<&str> =
            PROJECTS.iter().filter(|project| !sees(unit, project) || role == "auditor").map(|project| project.name).collect();
        for name in hidden {
            assert!(!answer.contains(name), "{place}: {name} in {answer}");
        }
    }
    // a run belongs to the office
    for (cookie, (name, unit, role)) in cookies.iter().zip(ACCOUNTS) {
        let expected = if is_admitted(unit, role, &Wanted::Page("/runs")) { "HTTP/1.1 200" } else { "HTTP/1.1 404" };
        assert!(service.get(&run, cookie).starts_with(expected), "{name}");
    }
    assert!(admitted > count / 10 && refused > count / 10, "{admitted} {refused}");
}
