//! Snapshots, as text, of what people receive: the mails of a county, a city, a lead department and the office, workbooks, the leader page,
//! the import report, a blank form.

use super::helpers::{duban, files_below, fresh_root, service, stderr};
use calamine::{Data, Reader, Xlsx};
use duban::cli::run::outcome_text;
use duban::worker::import::input::Input;
use duban::worker::import::puller::PullRequest;
use duban::worker::run::runner::{RunRequest, RunWhen};
use mail_parser::{MessageParser, MimeHeaders};
use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;

pub const PROJECTS: &str = "\
项目编号,项目名称,投资方,产业类别,签约活动名称,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,累计到位资金（亿元）,洽谈时间,评审时间,签约时间,录入平台时间,履约时间,计划开工时间,实际开工时间,计划投产时间,实际投产时间,上规入统时间,终止时间,形象进度(%),责任单位,责任领导,责任人,联系电话,工作专班,推进方案,存在的困难和问题,最近更新时间
GZ202500123,年产2万吨磷酸铁锂生产线项目,某新材料公司,基础材料,,黔南布依族苗族自治州,瓮安县,合同,签约,10,0.5,2025-01-06,2025-03-01,2025-03-31,2025-04-10,2025-06-01,2026-03-31,,,,,,,瓮安县投资促进局,张建国,李敏,13812345678,有,有,项目用地未落实,2026-09-20
GZ202500124,现代冷链物流产业园项目,某物流公司,现代物流,,黔南布依族苗族自治州,瓮安县,合同,开工,3.2,1.1,2024-10-01,,2025-01-20,,2025-05-01,,2025-06-01,2026-12-31,,,,30,瓮安县投资促进局,,王芳,13987654321,有,,用电报装未完成,2026-07-01
GZ202600045,刺梨饮品加工项目,某饮品公司,刺梨,,黔南布依族苗族自治州,瓮安县,合同,签约,0.8,,2026-01-05,2026-02-01,,,,,,,,,,,瓮安县投资促进局,陈晨,赵伟,13711112222,有,有,,2026-09-25
GZ202600046,食用菌工厂化栽培项目,某农业公司,食用菌,,黔南布依族苗族自治州,瓮安县,,洽谈,1.5,,2025-12-01,,,,,,,,,,,,瓮安县投资促进局,陈晨,赵伟,13711112222,有,有,,2026-09-25
GZ202600047,装配式建材基地项目,某建材公司,新型建材,,黔南布依族苗族自治州,福泉市,合同,签约,2.6,0.2,2026-02-01,2026-02-20,2026-03-05,2026-03-20,2026-05-01,2026-10-10,,,,,,,福泉市投资促进局,杨勇,周凤,13633334444,有,有,,2026-09-28
GZ202600048,数据中心项目,某数据公司,大数据电子信息,,贵阳市,贵安新区,合同,投产,12,9,2024-01-01,2024-02-01,2024-03-01,2024-03-10,2024-04-01,,2024-06-01,2025-12-31,2025-12-01,,,100,贵安新区投资促进局,吴伟,徐军,13655556666,有,有,,2026-09-28
";

pub const ORDERS: &str = "\
工作单编号,项目编号,项目名称,来源,派发日期,承办类型,承办单位,办结时限,签收日期,最近反馈日期,办理情况,办结日期,延期至
GZD2026-00001,GZ202500123,年产2万吨磷酸铁锂生产线项目,产业招商推介会,2026-07-01,产业牵头部门,基础材料牵头部门,2026-08-31,2026-07-03,2026-08-01,已召开专题会议,,
GZD2026-00002,GZ202500123,年产2万吨磷酸铁锂生产线项目,产业招商推介会,2026-09-18,属地,瓮安县,2026-10-10,,,,,
";

/// Imports a small register and runs the quarterly job, with enforcement already in force. Returns the output of the run.
pub async fn run(root: &Path) -> String {
    run_on(root, &[("台账.csv", PROJECTS), ("工作单.csv", ORDERS)]).await
}

/// As [`run`], with other registers: file name and content.
pub async fn run_on(root: &Path, registers: &[(&str, &str)]) -> String {
    let settings = root.join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[start]\nenforce_on = \"2026-07-01\"\n")).expect("settings");
    let service = service(root, "2026-10-08T00:00:00Z").await;
    for (name, text) in registers {
        let path = root.join(name);
        std::fs::write(&path, text).expect("a register");
        let request = PullRequest {
            input: Input::File(path),
            source: "import".into(),
            sample: false,
            covers_on: "2026-09-30".parse().ok(),
            accept: false,
            only: None,
        };
        service.importer().pull(&service.config().policy, &request).await.expect("a pull");
    }
    let when = RunWhen::AsOf("2026-09-30".parse().expect("a day"));
    let outcome = service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise: false }).await.expect("a run");
    service.store().close().await;
    outcome_text(&outcome, &service.config().policy.units.levels)
}

/// A mail as a person reads it: headers, plain text, and the cells of the attachments.
pub fn as_read(bytes: &[u8]) -> String {
    let mail = MessageParser::default().parse(bytes).expect("a mail");
    let mut out = String::new();
    let address = |list: Option<&mail_parser::Address<'_>>| {
        list.and_then(mail_parser::Address::first)
            .map_or(String::new(), |one| format!("{} <{}>", one.name().unwrap_or_default(), one.address().unwrap_or_default()))
    };
    writeln!(out, "From: {}\nTo: {}\nReply-To: {}", address(mail.from()), address(mail.to()), address(mail.reply_to())).expect("text");
    writeln!(out, "Subject: {}\nMessage-ID: {}\n", mail.subject().unwrap_or_default(), mail.message_id().unwrap_or_default())
        .expect("text");
    out.push_str(&mail.body_text(0).unwrap_or_default());
    for attachment in mail.attachments() {
        writeln!(out, "\n==== {}", attachment.attachment_name().unwrap_or_default()).expect("text");
        out.push_str(&cells(attachment.contents()));
    }
    out
}

/// A workbook as text: the name of each sheet, then the cells of each row. Numbers begin with `#`, dates with `@`, other types with `?`.
pub fn cells(bytes: &[u8]) -> String {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let mut out = String::new();
    for name in book.sheet_names() {
        writeln!(out, "-- {name}").expect("text");
        let range = book.worksheet_range(&name).expect("a sheet");
        for row in range.rows() {
            let shown: Vec<String> = row
                .iter()
                .map(|cell| match cell {
                    Data::Empty => String::new(),
                    Data::String(text) => text.replace('\n', "⏎"),
                    Data::Float(number) => format!("#{number}"),
                    Data::Int(number) => format!("#{number}"),
                    Data::DateTime(date) => {
                        let (year, month, day, ..) = date.to_ymd_hms_milli();
                        format!("@{year}-{month:02}-{day:02}")
                    }
                    other => format!("?{other}"),
                })
                .collect();
            writeln!(out, "{}", shown.join(" | ").trim_end_matches([' ', '|'])).expect("text");
        }
    }
    out
}

#[tokio::test]
async fn mails_and_workbooks_of_a_quarter() {
    let root = fresh_root();
    let printed = run(root.path()).await;
    insta::assert_snapshot!("printed", printed.lines().filter(|line| !line.starts_with("报表：")).collect::<Vec<_>>().join("\n"));
    let mails = files_below(&root.path().join("var/outbox"));
    let list: Vec<&str> = mails.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!("mails", list.join("\n"));
    let mail = |unit: &str| {
        mails.iter().find(|(name, _)| name.ends_with(&format!("_{unit}.eml"))).map(|(_, bytes)| bytes.as_slice()).expect("a mail")
    };
    for (snapshot, unit) in [
        ("mail_county", "瓮安县"),
        ("mail_city", "黔南布依族苗族自治州"),
        ("mail_department", "基础材料牵头部门"),
        ("mail_office", "省投资促进局"),
    ] {
        insta::assert_snapshot!(snapshot, as_read(mail(unit)));
    }
    let books = files_below(&root.path().join("var/reports/quarterly-supervision"));
    assert_eq!(books.len(), 4);
    let (_, book) = books.iter().find(|(name, _)| name.contains("季度督办工作簿")).expect("the workbook");
    let (_, page) = books.iter().find(|(name, _)| name.contains("专报（一页）")).expect("the leader's page");
    insta::assert_snapshot!("leader_page", cells(page));
    // The fingerprints of configuration files change with every edit, so they are replaced.
    let text: Vec<String> = cells(book)
        .lines()
        .map(|line| match line.split_once(" | ") {
            Some((name, print)) if print.len() == 12 && print.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                format!("{name} | (fingerprint)")
            }
            _ => line.to_owned(),
        })
        .collect();
    insta::assert_snapshot!("workbook_quarterly", text.join("\n"));
}

/// The numbers after `红`, `橙` and `黄` in a line; 0 for a light that the line does not name.
fn lights(line: &str) -> [usize; 3] {
    ['红', '橙', '黄'].map(|mark| {
        let after = line.split_once(mark).map_or("", |(_, rest)| rest);
        after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
    })
}

/// Subject, text, HTML and attachment of a mail have the same counts.
#[tokio::test]
async fn the_counts_of_a_mail_agree() {
    let root = fresh_root();
    run(root.path()).await;
    let mut lit = 0;
    for (name, bytes) in files_below(&root.path().join("var/outbox")) {
        let mail = MessageParser::default().parse(&bytes).expect("a mail");
        let (text, html) = (mail.body_text(0).expect("a text"), mail.body_html(0).expect("a page"));
        let subject = lights(mail.subject().expect("a subject").split_once('：').expect("counts").1);
        let line = text.lines().find(|line| line.starts_with("截至")).expect("the opening");
        let page: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
        assert_eq!(subject, lights(line), "{name}");
        let items: usize = subject.iter().sum();
        // a department may be offered services only
        if items == 0 {
            assert!(line.contains("没有红、橙、黄灯项目") && page.contains("没有红、橙、黄灯项目"), "{name}: {line}");
            assert!(text.contains("服务事项"), "{name}: {text}");
            continue;
        }
        let opening = page.split_once("需办理：").expect("the opening").1;
        assert_eq!(subject, lights(opening), "{name}");
        assert!(line.contains(&format!("有{items}个项目（")), "{name}: {line}");
        lit += items;
        // The office's attachment lists only the findings addressed to the office itself.
        if name.ends_with("_省投资促进局.eml") {
            continue;
        }
        let file = mail.attachments().next().expect("an attachment");
        assert!(file.attachment_name().is_some_and(|name| name.ends_with("督办事项清单（截至2026年9月30日）.xlsx")), "{name}");
        let book = cells(file.contents());
        let sheet = book.split_once("-- 督办事项\n").expect("the list").1.split("\n-- ").next().unwrap_or_default();
        // An item is a project; all its rows have the same name.
        let projects: std::collections::BTreeSet<&str> =
            sheet.lines().filter(|line| line.starts_with('#')).filter_map(|line| line.split(" | ").nth(5)).collect();
        assert_eq!(projects.len(), items, "{name}: {sheet}");
    }
    assert!(lit > 5, "{lit} items are too few to show anything");
}

/// No mail and no attachment has a full phone number or a finding that is not addressed to its unit.
#[tokio::test]
async fn a_unit_sees_only_its_own_findings() {
    let root = fresh_root();
    run(root.path()).await;
    let mails = files_below(&root.path().join("var/outbox"));
    assert!(mails.len() >= 5, "{}", mails.len());
    for (name, bytes) in &mails {
        let read = as_read(bytes);
        let html = MessageParser::default()
            .parse(bytes.as_slice())
            .and_then(|mail| mail.body_html(0).map(|html| html.into_owned()))
            .unwrap_or_default();
        for phone in ["13812345678", "13987654321", "13711112222", "13633334444", "13655556666"] {
            assert!(!read.contains(phone) && !html.contains(phone), "{name} holds a full phone number");
        }
        if name.ends_with("_福泉市.eml") {
            assert!(read.contains("GZ202600047"));
        }
        for (unit, code) in [
            ("瓮安县", "GZ202600047"),
            ("瓮安县", "GZ202600048"),
            ("福泉市", "GZ202500123"),
            ("贵安新区", "GZ202500124"),
            ("贵阳市", "GZ202500124"),
            ("基础材料牵头部门", "GZ202500124"),
        ] {
            if name.ends_with(&format!("_{unit}.eml")) {
                assert!(!read.contains(code) && !html.contains(code), "{name} holds {code}");
            }
        }
    }
}

/// Six records, of which one is accepted without remarks.
const FAULTY: &str = "\
项目编号,项目名称,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,实际投产时间,存在问题
GZ4,丁项目,黔南布依族苗族自治州,瓮安县,合同,签约,2.5,2023-02-30,,=用地
,丙项目,贵阳市,白云区,合同,签约,100美元,2025-01-01,,
GZ2,乙项目,贵阳市,白云区,合约,签约,3,2025-01-01,2024-01-01,-1+2
GZ5,戊项目,某市,某县,合同,签约,三点五,2025-01-01,,
GZ7,庚项目,贵阳市,白云区,合同,签约,1,2025-01-01,,
GZ7,庚项目二,贵阳市,白云区,合同,签约,1,2025-01-01,,
合计,,,,,,7,,,
";

/// The import report of a file with faults, imported after a file without.
#[tokio::test]
async fn import_report_of_a_faulty_file() {
    let root = fresh_root();
    let service = service(root.path(), "2026-10-08T00:00:00Z").await;
    let good = "项目编号,项目名称,市（州）,县（市、区）,协议类型,合同投资额（亿元）\nGZ1,甲项目,贵阳市,白云区,合同,1\nGZ2,乙项目,贵阳市,白云区,合同,2\n";
    let mut reports = Vec::new();
    for (name, text, covers_on) in [("六月.csv", good, "2026-06-30"), ("九月.csv", FAULTY, "2026-09-30")] {
        let path = root.path().join(name);
        std::fs::write(&path, text).expect("a register");
        let request = PullRequest {
            input: Input::File(path),
            source: "import".into(),
            sample: false,
            covers_on: covers_on.parse().ok(),
            accept: true,
            only: None,
        };
        let report = service.importer().pull(&service.config().policy, &request).await.expect("a pull");
        assert_eq!(report.fault, None);
        reports.push(report.workbook.expect("a report"));
    }
    service.store().close().await;
    assert!(reports[1].starts_with("var/reports/导入报告/import/2026-09-30-") && reports[1].ends_with("/导入报告.xlsx"), "{reports:?}");
    let text = cells(&std::fs::read(root.path().join(&reports[1])).expect("the report"));
    insta::assert_snapshot!("workbook_intake_report", text);
}

/// The blank form of the ledger with the most fields.
#[test]
fn blank_form_of_the_project_ledger() {
    let root = fresh_root();
    let file = root.path().join("填报表.xlsx");
    let made = duban(root.path(), &["blank", "project", file.to_str().expect("a path")]);
    assert!(made.status.success(), "{}", stderr(&made));
    insta::assert_snapshot!("workbook_blank_project", cells(&std::fs::read(&file).expect("the form")));
}
