//! Feedback forms that are mailed with a digest and imported filled in or damaged. One case is one file below tests/cases/feedback: the
//! changes made to the form of 瓮安县, and the expected output and answers. Also: releasing and rejecting drafts of acts.

use super::helpers::{cases, duban, files_below, fresh_root, import, service, stderr, stdout};
use super::outputs::{as_read, run};
use calamine::{Data, Reader, Xlsx};
use duban::cli::run::outcome_text;
use duban::domain::notify::feedback::Answers;
use duban::worker::run::runner::{RunRequest, RunWhen};
use mail_parser::{MessageParser, MimeHeaders};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use std::io::Cursor;
use std::path::Path;

/// The cells of a workbook: name and rows of each sheet.
pub type Cells = Vec<(String, Vec<Vec<Data>>)>;

/// The first attachment of a unit's mail.
pub fn attachment(root: &Path, unit: &str) -> Vec<u8> {
    attachment_named(root, unit, "")
}

/// The first attachment of a unit's mail whose name begins so.
pub fn attachment_named(root: &Path, unit: &str, begin: &str) -> Vec<u8> {
    let (_, mail) =
        files_below(&root.join("var/outbox")).into_iter().find(|(name, _)| name.ends_with(&format!("_{unit}.eml"))).expect("a mail");
    let mail = MessageParser::default().parse(&mail).expect("a mail");
    let is_named = |file: &&mail_parser::MessagePart<'_>| file.attachment_name().is_some_and(|name| name.starts_with(begin));
    let file = mail.attachments().find(is_named).expect("an attachment");
    assert!(file.attachment_name().is_some_and(|name| name.ends_with(".xlsx")));
    file.contents().to_vec()
}

pub fn read(bytes: &[u8]) -> Cells {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let names = book.sheet_names();
    let sheet = |name: String| {
        let range = book.worksheet_range(&name).expect("a sheet");
        let (height, width) = range.end().map_or((0, 0), |(row, column)| (row + 1, column + 1));
        let cell = |row: u32, column: u32| range.get_value((row, column)).cloned().unwrap_or(Data::Empty);
        let rows = (0..height).map(|row| (0..width).map(|column| cell(row, column)).collect()).collect();
        (name, rows)
    };
    names.into_iter().map(sheet).collect()
}

pub fn write(cells: &Cells) -> Vec<u8> {
    let mut book = Workbook::new();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    for (name, rows) in cells {
        let sheet = book.add_worksheet();
        sheet.set_name(name).expect("a name");
        for (at, row) in rows.iter().enumerate() {
            for (column, cell) in row.iter().enumerate() {
                let (at, column) = (at as u32, column as u16);
                match cell {
                    Data::Empty => continue,
                    Data::Float(number) => sheet.write_number(at, column, *number),
                    Data::Int(number) => sheet.write_number(at, column, *number as f64),
                    Data::DateTime(serial) => {
                        let (year, month, date, ..) = serial.to_ymd_hms_milli();
                        sheet.write_datetime_with_format(at, column, ExcelDateTime::from_ymd(year, month, date).expect("a day"), &day)
                    }
                    other => sheet.write_string(at, column, other.to_string()),
                }
                .expect("a cell");
            }
        }
    }
    book.save_to_buffer().expect("a workbook")
}

/// The row with the column titles of a feedback form.
pub fn head_of(rows: &[Vec<Data>]) -> usize {
    rows.iter().position(|row| row.iter().any(|cell| cell.to_string().starts_with("校验码"))).expect("a head")
}

pub fn column_of(rows: &[Vec<Data>], title: &str) -> usize {
    let head = &rows[head_of(rows)];
    head.iter().position(|cell| cell.to_string().replace('\n', "") == title).unwrap_or_else(|| panic!("no column {title}"))
}

fn value(value: &toml::Value) -> Data {
    match value {
        toml::Value::String(text) if text.is_empty() => Data::Empty,
        toml::Value::String(text) => Data::String(text.clone()),
        toml::Value::Integer(number) => Data::Int(*number),
        toml::Value::Float(number) => Data::Float(*number),
        other => panic!("{other}"),
    }
}

/// Applies the changes of a case to a form.
fn fill(form: &mut Cells, case: &toml::Table) {
    form.retain(|(name, _)| name.starts_with("反馈表"));
    let text = |table: &toml::Table, key: &str| table.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let list = |key: &str| case.get(key).and_then(|value| value.as_array()).cloned().unwrap_or_default();
    for (_, rows) in form.iter_mut() {
        for (label, entered) in case.get("head").and_then(|head| head.as_table()).into_iter().flatten() {
            for row in rows.iter_mut() {
                if let Some(at) = row.iter().position(|cell| cell.to_string() == *label) {
                    row[at + 1] = value(entered);
                }
            }
        }
    }
    for edit in list("set") {
        let edit = edit.as_table().expect("an edit");
        let (code, column) = (text(edit, "code"), text(edit, "column"));
        let mut done = false;
        for (_, rows) in form.iter_mut() {
            if let Some(row) = rows.iter().position(|row| row.get(1).is_some_and(|cell| cell.to_string() == code)) {
                let at = column_of(rows, &column);
                rows[row][at] = value(&edit["value"]);
                done = true;
            }
        }
        assert!(done, "no row {code}");
    }
    for edit in list("replace") {
        let edit = edit.as_table().expect("an edit");
        for row in form.iter_mut().flat_map(|(_, rows)| rows) {
            for cell in row.iter_mut() {
                if let Data::String(content) = cell
                    && content.contains(&text(edit, "from"))
                {
                    *content = content.replace(&text(edit, "from"), &text(edit, "to"));
                }
            }
        }
    }
    if let [one, other] = &list("cross_rows")[..] {
        for (_, rows) in form.iter_mut() {
            let at =
                |code: &toml::Value| rows.iter().position(|row| row.get(1).is_some_and(|cell| *cell == code.as_str().expect("a code")));
            let (Some(one), Some(other)) = (at(one), at(other)) else { continue };
            let check = column_of(rows, "校验码");
            for column in (0..rows[one].len()).filter(|column| *column != 1 && *column != check) {
                let cell = rows[one][column].clone();
                rows[one][column] = std::mem::replace(&mut rows[other][column], cell);
            }
        }
    }
    for code in list("copy_row") {
        for (_, rows) in form.iter_mut() {
            if let Some(row) = rows.iter().position(|row| row.get(1).is_some_and(|cell| *cell == code.as_str().expect("a code"))) {
                let copy = rows[row].clone();
                rows.insert(row, copy);
            }
        }
    }
    for edit in list("copy_with") {
        let edit = edit.as_table().expect("an edit");
        let (code, column) = (text(edit, "code"), text(edit, "column"));
        for (_, rows) in form.iter_mut() {
            if let Some(row) = rows.iter().position(|row| row.get(1).is_some_and(|cell| cell.to_string() == code)) {
                let at = column_of(rows, &column);
                let mut copy = rows[row].clone();
                copy[at] = value(&edit["value"]);
                rows.insert(row + 1, copy);
            }
        }
    }
    for code in list("drop_row") {
        for (_, rows) in form.iter_mut() {
            rows.retain(|row| row.get(1).is_none_or(|cell| *cell != code.as_str().expect("a code")));
        }
    }
    for title in list("drop_column") {
        for (_, rows) in form.iter_mut() {
            let at = column_of(rows, title.as_str().expect("a title"));
            for row in rows.iter_mut().filter(|row| row.len() > at) {
                row.remove(at);
            }
        }
    }
    for name in list("drop_sheet") {
        form.retain(|(sheet, _)| sheet != name.as_str().expect("a name"));
    }
    for prefix in list("drop_above") {
        for (_, rows) in form.iter_mut() {
            rows.retain(|row| !row.iter().any(|cell| cell.to_string().contains(prefix.as_str().expect("a text"))));
        }
    }
}

/// Imports a form. Returns the exit code and the output.
fn import_form(root: &Path, name: &str, bytes: &[u8]) -> (Option<i32>, String) {
    let done = import(root, name, bytes, &["--ledger", "feedback"]);
    (done.status.code(), stdout(&done) + &stderr(&done))
}

fn copy_of(root: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for (name, bytes) in files_below(root) {
        let target = copy.path().join(name);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        std::fs::write(target, bytes).expect("a copy");
    }
    copy
}

async fn answers(root: &Path) -> Answers {
    let service = service(root, "2026-10-12T00:00:00Z").await;
    let answers = service.store().feedback().up_to(i64::MAX).await.expect("answers");
    service.store().close().await;
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_of_returned_forms() {
    let base = fresh_root();
    run(base.path()).await;
    let form = read(&attachment(base.path(), "瓮安县"));
    let mut failed = Vec::new();
    for (name, case) in cases("feedback") {
        let root = copy_of(base.path());
        if let Some(first) = case.get("first").and_then(|first| first.as_table()) {
            let mut filled = form.clone();
            fill(&mut filled, first);
            let (code, printed) = import_form(root.path(), "先到.xlsx", &write(&filled));
            assert_eq!(code, Some(0), "{name}: {printed}");
        }
        if let Some(register) = case.get("register").and_then(|rows| rows.as_str()) {
            let file = root.path().join("新台账.csv");
            std::fs::write(&file, register).expect("a register");
            let done = duban(root.path(), &["import", file.to_str().expect("a path"), "--covers", "2026-10-10", "--accept"]);
            assert!(done.status.success(), "{name}: {}{}", stdout(&done), stderr(&done));
        }
        let mut filled = form.clone();
        fill(&mut filled, &case);
        let bytes = case.get("bytes").and_then(|text| text.as_str()).map_or_else(|| write(&filled), |text| text.as_bytes().to_vec());
        let (code, printed) = import_form(root.path(), "反馈表.xlsx", &bytes);
        let expected = case.get("exit").and_then(|exit| exit.as_integer()).unwrap_or(0);
        if code != Some(expected as i32) {
            failed.push(format!("{name}: exit {code:?}, not {expected}: {printed}"));
        }
        for text in case["said"].as_array().expect("the expected output").iter().map(|text| text.as_str().expect("a text")) {
            if !printed.contains(text) {
                failed.push(format!("{name}: not printed: {text}\n{printed}"));
            }
        }
        let stored = answers(root.path()).await;
        let stored: Vec<String> = stored
            .values()
            .map(|answer| {
                let values: Vec<String> = answer.values.iter().map(|(field, text)| format!("{field}={text}")).collect();
                let proposals: Vec<String> =
                    answer.proposals.iter().map(|one| format!("{}: {} -> {}", one.field, one.was, one.now)).collect();
                let parts = [answer.who.clone(), answer.verdict.clone(), answer.remark.clone(), values.join(" "), proposals.join(" ")];
                format!("{} {}", answer.code, parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | "))
            })
            .collect();
        let expected: Vec<&str> =
            case.get("answers").and_then(|list| list.as_array()).into_iter().flatten().map(|text| text.as_str().expect("a text")).collect();
        if stored != expected {
            failed.push(format!("{name}: answers {stored:#?}, not {expected:#?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_digest_and_workbook_contain_the_answer() {
    let root = fresh_root();
    run(root.path()).await;
    let mut form = read(&attachment(root.path(), "瓮安县"));
    let case: toml::Table = toml::from_str(
        "head = { '填报人' = '张三', '填报日期' = '2026-10-10' }\n\
         set = [{ code = 'GZ202500123', column = '未推进原因', value = '用地指标未下达，联系13812345678' },\n\
         { code = 'GZ202500123', column = '实际开工时间', value = '2026-10-01' }]",
    )
    .expect("a case");
    fill(&mut form, &case);
    // The next run imports the form from the folder that the configuration names, once.
    let settings = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[feedback]\nfolder = \"incoming\"\n")).expect("settings");
    std::fs::create_dir_all(root.path().join("incoming")).expect("a folder");
    std::fs::write(root.path().join("incoming/瓮安县.xlsx"), write(&form)).expect("a form");
    let service = service(root.path(), "2027-01-08T00:00:00Z").await;
    for job in ["daily-pull", "quarterly-supervision"] {
        let when = RunWhen::AsOf("2026-12-31".parse().expect("a day"));
        let outcome = service.runner().run_job(&RunRequest { job: job.into(), when, revise: false }).await.expect("a run");
        assert!(
            !outcome_text(&outcome, &service.config().policy.units.levels).contains("反馈表 "),
            "{}",
            outcome_text(&outcome, &service.config().policy.units.levels)
        );
    }
    let history = service.store().feedback().on_record("project", "GZ202500123").await.expect("answers");
    service.store().close().await;
    assert_eq!(history.len(), 1, "the form was imported once");
    let mails = files_below(&root.path().join("var/outbox"));
    let mail = |unit: &str| {
        let ends = format!("_{unit}.eml");
        let (_, bytes) = mails.iter().find(|(name, _)| name.contains("2026-12-31") && name.ends_with(&ends)).expect("a mail");
        as_read(bytes)
    };
    let county = mail("瓮安县");
    assert!(
        county.contains(
            "已反馈：10月10日 张三：未推进原因：用地指标未下达，联系138****5678；待核实：实际开工时间台账未填，反馈为2026-10-01。"
        ),
        "{county}"
    );
    assert!(!county.contains("13812345678"));
    let office = mail("省投资促进局");
    assert!(office.contains("已收到反馈1件，其中所报事实与台账不一致、待核实1件"), "{office}");
    assert!(office.contains("未按期反馈（"), "{office}");
    let reports = files_below(&root.path().join("var/reports"));
    let (_, workbook) =
        reports.iter().find(|(name, _)| name.contains("2026-12-31") && name.contains("季度督办工作簿")).expect("a workbook");
    let rows = super::outputs::cells(workbook);
    assert!(rows.contains("-- 反馈情况") && rows.contains("联系13812345678"), "the office reads the number in full");
}

/// A form that was taken back and is sent anew with the same bytes is taken anew; the file that lies there still is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_form_that_is_sent_anew_is_taken() {
    let root = fresh_root();
    run(root.path()).await;
    let mut form = read(&attachment(root.path(), "瓮安县"));
    let case: toml::Table =
        toml::from_str("head = { '填报人' = '张三' }\nset = [{ code = 'GZ202500123', column = '未推进原因', value = '用地指标未下达' }]")
            .expect("a case");
    fill(&mut form, &case);
    let settings = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(&settings, format!("{text}\n[feedback]\nfolder = \"incoming\"\n")).expect("settings");
    std::fs::create_dir_all(root.path().join("incoming")).expect("a folder");
    let bytes = write(&form);
    let lay = |name: &str, at: &str| {
        let path = root.path().join("incoming").join(name);
        std::fs::write(&path, &bytes).expect("a form");
        let at: chrono::DateTime<chrono::Utc> = at.parse().expect("a time");
        std::fs::File::options().append(true).open(&path).expect("a form").set_modified(at.into()).expect("a time");
    };
    let withdraw = async |service: &duban::app::compose::App| {
        let list = service.store().feedback().list(None, 9).await.expect("answers");
        let no = list.iter().find(|row| !row.withdrawn).expect("an answer").no;
        let at = duban::clock::stamp(service.clock().now());
        let entry = duban::store::audit::AuditEntry { at: &at, who: "张三", why: "填错了行" };
        service.store().feedback().withdraw(no, "test", entry).await.expect("withdrawn").expect("an answer");
    };
    let taken = async |time: &str| {
        let service = service(root.path(), time).await;
        let came = service.importer().take_forms().await.expect("the folder");
        let came =
            came.into_iter().map(|(_, done)| done.map(|forms| forms[0].taken).map_err(|error| error.to_string())).collect::<Vec<_>>();
        (service, came)
    };
    lay("甲.xlsx", "2026-10-10T08:00:00Z");
    let (first, came) = taken("2026-10-11T00:00:00Z").await;
    assert_eq!(came, [Ok(1)]);
    withdraw(&first).await;
    first.store().close().await;
    let (still, came) = taken("2026-10-12T00:00:00Z").await;
    assert_eq!(came, [], "the file that was taken back lies there still");
    still.store().close().await;
    lay("乙.xlsx", "2026-10-12T08:00:00Z");
    let (anew, came) = taken("2026-10-13T00:00:00Z").await;
    assert_eq!(came, [Ok(1)], "sent anew");
    assert_eq!(anew.store().feedback().on_record("project", "GZ202500123").await.expect("answers").len(), 1);
    anew.store().close().await;
    let (idle, came) = taken("2026-10-14T00:00:00Z").await;
    assert_eq!(came, [], "each is taken once");
    withdraw(&idle).await;
    idle.store().close().await;
    // a copy that retains the time of the file cannot be distinguished from an old one: the clerk reads of it
    lay("丙.xlsx", "2026-10-10T08:00:00Z");
    let (copied, came) = taken("2026-10-15T00:00:00Z").await;
    assert!(
        came.iter().any(|came| came.as_ref().is_err_and(|error| error.contains("与已撤回的反馈表“乙.xlsx”一字不差，没有再收"))),
        "{came:?}"
    );
    copied.store().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_above_urging_is_sent_only_after_its_release() {
    let root = fresh_root();
    let printed = run(root.path()).await;
    assert!(printed.contains("签发后发送") && printed.contains("拟办件：待签发"), "{printed}");
    let outbox = |arguments: &[&str]| duban(root.path(), &[&["outbox"], arguments].concat());
    let listed = stdout(&outbox(&["list", "--state", "draft"]));
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
    let circular = *ids.iter().find(|id| id.ends_with("_520000_circulate")).unwrap_or_else(|| panic!("no circular: {listed}"));
    let order = *ids.iter().find(|id| id.ends_with("_522700_supervise")).unwrap_or_else(|| panic!("no order: {listed}"));
    assert!(listed.contains("【通报】省投资促进局 截至2026年9月30日："), "{listed}");
    // A draft can be shown before its release, and found by the findings it lists.
    let shown = stdout(&outbox(&["show", circular]));
    for text in [
        "状态：待签发",
        "拟在全省通报，请先核实。",
        "〔签发日期〕",
        "年产2万吨磷酸铁锂生产线项目",
        "附件：省投资促进局通报事项清单（截至2026年9月30日）.xlsx（",
        "duban outbox release ",
    ] {
        assert!(shown.contains(text), "{text} is not in\n{shown}");
    }
    let found = stdout(&outbox(&["list", "--finding", "unstarted", "GZ202500123"]));
    let line = found.lines().find(|line| line.starts_with(circular)).unwrap_or_else(|| panic!("no circular in {found}"));
    assert!(line.contains("待签发") && line.contains("所列：●红"), "{line}");
    assert!(found.lines().any(|line| line.contains("告知：●红")), "{found}");
    let explained = stdout(&duban(root.path(), &["explain", "unstarted", "GZ202500123", "--as-of", "2026-09-30"]));
    assert!(explained.contains("瓮安县") && !explained.contains("circulate"), "a draft notifies nobody: {explained}");
    let sent = |act: &str| {
        let mails = files_below(&root.path().join("var/outbox"));
        mails.into_iter().find(|(name, _)| name.contains(&format!("_{act}"))).map(|(_, bytes)| as_read(&bytes))
    };
    // A draft is not sent by `send`, by releasing mails on hold, or by a release without name or reason.
    for arguments in [&["send"][..], &["release"], &["release", circular], &["release", circular, "--by", "张三"]] {
        outbox(arguments);
        assert!(sent("circulate").is_none(), "{arguments:?}");
    }
    let released = outbox(&["release", circular, "--by", "王局长", "--reason", "局务会研究同意"]);
    assert!(released.status.success() && stdout(&released).contains("签发1件"), "{}{}", stdout(&released), stderr(&released));
    let rejected = outbox(&["reject", "--act", "supervise", "--by", "王局长", "--reason", "已电话督促"]);
    assert!(rejected.status.success() && stdout(&rejected).contains("不予签发"), "{}{}", stdout(&rejected), stderr(&rejected));
    assert!(outbox(&["send"]).status.success());
    let circular_text = sent("circulate").expect("the circular went out");
    assert!(
        circular_text.contains("拟在全省通报，请先核实。")
            && circular_text.contains("省投资促进局通报事项清单")
            && !circular_text.contains('〔'),
        "{circular_text}"
    );
    assert!(sent("supervise").is_none());
    let shown = stdout(&outbox(&["show", order]));
    assert!(shown.contains("不予签发（王局长）系统用户") && shown.contains(" 已电话督促"), "{shown}");
    let released = stdout(&outbox(&["show", circular]));
    assert!(
        released.contains("签发或重发（王局长）系统用户") && released.contains(" 局务会研究同意") && released.contains("送达"),
        "{released}"
    );
    // A rejection cannot be undone.
    let late = outbox(&["release", order, "--by", "王局长", "--reason", "改主意"]);
    assert_eq!(late.status.code(), Some(2), "{}", stdout(&late));
}

/// A form on which the reason of one project is filled in.
fn form_with_reason(root: &Path, reason: &str) -> Vec<u8> {
    let mut form = read(&attachment(root, "瓮安县"));
    let case = format!("head = {{ '填报人' = '张三' }}\nset = [{{ code = 'GZ202500123', column = '未推进原因', value = '{reason}' }}]");
    fill(&mut form, &toml::from_str(&case).expect("a case"));
    write(&form)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_taken_on_behalf_and_taken_back_and_keys_are_revoked() {
    let root = fresh_root();
    run(root.path()).await;
    let bytes = form_with_reason(root.path(), "用地");
    // our own form needs no word beside it
    let done = import(root.path(), "反馈表.xlsx", &bytes, &[]);
    assert!(done.status.success() && stdout(&done).contains("收下1"), "{}{}", stdout(&done), stderr(&done));
    let listed = stdout(&duban(root.path(), &["feedback", "list", "--unit", "瓮安县"]));
    assert!(
        listed.starts_with("1 project GZ202500123 瓮安县 ") && listed.contains("反馈表.xlsx") && !listed.contains("已撤回"),
        "{listed}"
    );

    // a form without number: only a clerk takes it, for the unit
    let mut form = read(&form_with_reason(root.path(), "资金"));
    form.retain(|(name, _)| name.starts_with("反馈表"));
    for (_, rows) in &mut form {
        rows.retain(|row| !row.iter().any(|cell| cell.to_string().contains("表号")));
    }
    let (code, printed) = import_form(root.path(), "无表号.xlsx", &write(&form));
    assert_eq!(code, Some(1), "{printed}");
    let clerk = ["--for-unit", "瓮安县", "--by", "王五"];
    let done = import(root.path(), "无表号.xlsx", write(&form), &clerk);
    assert!(stdout(&done).contains("收下1"), "{}{}", stdout(&done), stderr(&done));
    let answer = |answers: &Answers| answers[&("project".to_owned(), "GZ202500123".to_owned())].clone();
    let taken = answer(&answers(root.path()).await);
    assert_eq!((taken.values["reason"].as_str(), taken.on_behalf.as_str()), ("资金", "王五"));
    assert!(taken.by().ends_with("（办公室王五代录）"), "{}", taken.by());

    // taken back, the answer before it counts
    let person = ["--by", "王五", "--reason", "录错"];
    let withdraw = |which: &[&str]| duban(root.path(), &[&["feedback", "withdraw"], which, &person].concat());
    let done = withdraw(&["project", "GZ202500123"]);
    assert!(done.status.success(), "{}", stderr(&done));
    assert_eq!(answer(&answers(root.path()).await).values["reason"], "用地");
    assert_eq!(withdraw(&["2"]).status.code(), Some(1), "it is taken back once");
    assert_eq!(withdraw(&["9"]).status.code(), Some(1));

    // a new key leaves the forms that were sent valid; a revoked one does not
    let key = |arguments: &[&str]| duban(root.path(), &[&["key"], arguments].concat());
    assert!(key(&["rotate", "--by", "王五", "--reason", "年度更换"]).status.success());
    let done = import(root.path(), "反馈表.xlsx", form_with_reason(root.path(), "要素"), &["--ledger", "feedback"]);
    assert!(stdout(&done).contains("收下1"), "{}{}", stdout(&done), stderr(&done));
    assert!(key(&["revoke", "1", "--by", "王五", "--reason", "外泄"]).status.success());
    assert_eq!(key(&["revoke", "1", "--by", "王五", "--reason", "外泄"]).status.code(), Some(1));
    let (code, printed) = import_form(root.path(), "反馈表.xlsx", &form_with_reason(root.path(), "其他"));
    assert!(code == Some(1) && printed.contains("密钥已作废（第1号）"), "{printed}");
    assert!(printed.contains("请在作废以后发出的提醒所附的反馈表上重新填写") && printed.contains("--for-unit 单位"), "{printed}");
    let listed = stdout(&key(&["list"]));
    assert!(listed.contains("1 form ") && listed.contains("已作废") && listed.contains("2 form ") && listed.contains("使用中"), "{listed}");
    assert!(!listed.contains("the key of the tests"));
}

/// What a clerk enters is shown as that to the unit and to the office; a form of an earlier day is taken as long as its key is valid.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_behalf_is_shown_as_that_and_an_older_form_is_taken() {
    let root = fresh_root();
    run(root.path()).await;
    let older = read(&attachment(root.path(), "瓮安县"));
    let mut form = read(&form_with_reason(root.path(), "用地"));
    form.retain(|(name, _)| name.starts_with("反馈表"));
    for (_, rows) in &mut form {
        rows.retain(|row| !row.iter().any(|cell| cell.to_string().contains("表号")));
    }
    let done = import(root.path(), "无表号.xlsx", write(&form), &["--for-unit", "瓮安县", "--by", "王五"]);
    assert!(stdout(&done).contains("收下1"), "{}{}", stdout(&done), stderr(&done));
    let listed = stdout(&duban(root.path(), &["feedback", "list"]));
    assert!(listed.contains("瓮安县 ") && listed.contains("张三（办公室王五代录）"), "{listed}");
    let service = service(root.path(), "2027-01-08T00:00:00Z").await;
    let when = RunWhen::AsOf("2026-12-31".parse().expect("a day"));
    service.runner().run_job(&RunRequest { job: "quarterly-supervision".into(), when, revise: false }).await.expect("a run");
    service.store().close().await;
    let mails = files_below(&root.path().join("var/outbox"));
    let (_, county) = mails.iter().find(|(name, _)| name.contains("2026-12-31") && name.ends_with("_瓮安县.eml")).expect("a mail");
    assert!(as_read(county).contains("张三（办公室王五代录）：未推进原因：用地"), "{}", as_read(county));
    let reports = files_below(&root.path().join("var/reports"));
    let (_, workbook) =
        reports.iter().find(|(name, _)| name.contains("2026-12-31") && name.contains("季度督办工作簿")).expect("a workbook");
    assert!(super::outputs::cells(workbook).contains("（办公室王五代录）"), "the office reads it too");

    let mut older = older;
    let case = "head = { '填报人' = '李四' }\nset = [{ code = 'GZ202500124', column = '有关说明', value = '已加快' }]";
    fill(&mut older, &toml::from_str(case).expect("a case"));
    let (code, printed) = import_form(root.path(), "上季度的反馈表.xlsx", &write(&older));
    assert!(code == Some(0) && printed.contains("截至2026年9月30日") && printed.contains("收下1"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_the_grade_of_a_state_secret_is_refused_and_restricts_what_its_unit_owns() {
    let base = fresh_root();
    run(base.path()).await;
    let mut form = read(&attachment(base.path(), "瓮安县"));
    form.retain(|(name, _)| name.starts_with("反馈表"));
    let restricted = |root: &Path| -> Vec<String> {
        let text = stdout(&duban(root, &["restricted", "list", "--format", "json"]));
        let marks: serde_json::Value = serde_json::from_str(&text).expect("a list");
        let of_forms = marks.as_array().into_iter().flatten().filter(|mark| mark["source"] == "feedback");
        of_forms.map(|mark| mark["code"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let exported = stdout(&duban(base.path(), &["snapshot", "export", "project", "--as-of", "2026-09-30"]));
    let foreign = exported.lines().skip(1).find(|line| !line.contains("瓮安县")).and_then(|line| line.split(',').next()).expect("a code");
    let rows = &form[0].1;
    let (head, reason) = (head_of(rows), column_of(rows, "未推进原因"));
    let codes: Vec<String> = rows[head + 1..].iter().map(|row| row[1].to_string()).filter(|code| code.starts_with("GZ")).collect();
    assert!(codes.len() > 2, "{codes:?}");
    // in cells of two rows, of which one names a record of another unit
    let root = copy_of(base.path());
    let mut filled = form.clone();
    filled[0].1[head + 1][reason] = Data::String("机密★5年".into());
    filled[0].1[head + 2][1] = Data::String(foreign.to_owned());
    filled[0].1[head + 2][reason] = Data::String("绝密".into());
    let (code, printed) = import_form(root.path(), "反馈表.xlsx", &write(&filled));
    assert!(code == Some(1) && printed.contains("国家秘密") && !printed.contains('★'), "{printed}");
    assert_eq!(restricted(root.path()), codes[..1], "{printed}");
    assert!(answers(root.path()).await.is_empty());
    // above the table: all rows of the unit
    let root = copy_of(base.path());
    let mut filled = form.clone();
    filled[0].1[0][0] = Data::String("秘密★1年　反馈表".into());
    let (code, printed) = import_form(root.path(), "反馈表.xlsx", &write(&filled));
    assert!(code == Some(1) && printed.contains("第1行（标题或说明）"), "{printed}");
    let tables = filled.iter().flat_map(|(_, rows)| &rows[head_of(rows) + 1..]);
    let mut all: Vec<String> = tables.map(|row| row[1].to_string()).filter(|code| code.starts_with("GZ")).collect();
    all.sort();
    assert_eq!(restricted(root.path()), all, "{printed}");
    // a form whose number was changed marks nothing: nobody knows whose it is
    let root = copy_of(base.path());
    for cell in filled.iter_mut().flat_map(|(_, rows)| rows).flatten() {
        if let Data::String(text) = cell
            && text.contains("522725")
        {
            *text = text.replace("522725", "522702");
        }
    }
    let (code, printed) = import_form(root.path(), "反馈表.xlsx", &write(&filled));
    assert!(code == Some(1) && restricted(root.path()).is_empty(), "{printed}");
}
