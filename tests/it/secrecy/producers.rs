//! Everything that is produced from a random register: workbooks, documents, packs, mails with their attachments and forms, drafts and
//! printed lines. Each text is held against what its readers may see, which is computed here from the register.

use super::super::bulletin::texts_of_package;
use super::super::detection::JudgingInput;
use super::super::helpers::{duban, edit, files_below, fresh_root, seeds, service, stdout};
use super::super::properties::record;
use super::mentions::name_marked_projects;
use super::{World, joined, phone, set};
use chrono::{DateTime, NaiveDate, Utc};
use duban::app::compose::App;
use duban::cli::run::outcome_text;
use duban::config::load::Config;
use duban::domain::notify::feedback::Answer;
use duban::domain::register::ledger::{FieldKind, Role};
use duban::domain::register::record::{Cell, Columns, Record, fen_as_yi};
use duban::domain::register::units::UnitId;
use duban::domain::rules::policy::Policy;
use duban::store::feedback::HandedIn;
use duban::store::outbox::OutboxFilter;
use duban::worker::import::input::Input;
use duban::worker::import::puller::PullRequest;
use duban::worker::run::runner::{RunRequest, RunWhen};
use fastrand::Rng;
use mail_parser::{MessageParser, MimeHeaders};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The ledgers of the register with the number of their records.
const LEDGERS: [(&str, usize); 8] = [
    ("project", 30),
    ("work-order", 20),
    ("difficulty", 20),
    ("decision", 10),
    ("contact", 10),
    ("evaluation", 10),
    ("session", 6),
    ("exemption", 6),
];

/// Few places and units, so that the same ones own, supervise and are asked.
const PLACES: [&str; 5] = ["瓮安县", "福泉市", "白云区", "贵阳市", "贵安新区"];
const HOLDERS: [&str; 6] = ["基础材料牵头部门", "瓮安县", "贵阳市", "省自然资源厅", "白云区", "不知道的单位"];
const INDUSTRIES: [&str; 2] = ["基础材料", "刺梨"];
/// Units for which every template is made as a pack, whether a job does so or not.
const PACKED: [&str; 8] = ["瓮安县", "福泉市", "白云区", "贵安新区", "贵阳市", "黔南布依族苗族自治州", "基础材料牵头部门", "省自然资源厅"];

/// Who reads a produced text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// The office, in its own workbooks.
    Office,
    /// The office, on its screen.
    Screen,
    /// Every unit.
    Everyone,
    Unit {
        unit: UnitId,
        /// The template is for whoever needs all open records of a kind.
        reaches_all: bool,
        counts_only: bool,
    },
}

/// What a token of a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Code,
    /// The name, or what a unit has answered.
    Row,
    /// A business secret.
    Commercial,
}

/// A record and who may see it.
#[derive(Clone, Debug, Default)]
struct Guarded {
    restricted: bool,
    /// Under negotiation, or part of a project under negotiation.
    negotiation: bool,
    project_negotiation: bool,
    audience: BTreeSet<UnitId>,
    /// Units that have a row in which its code is written.
    code_audience: BTreeSet<UnitId>,
    /// A text that only a business secret of it contains.
    amount: Option<String>,
}

/// What is known of the register when a text is made.
struct Guard {
    records: BTreeMap<String, Guarded>,
    phones: Vec<String>,
    /// By unit the codes that its earlier mails named.
    known: BTreeMap<UnitId, BTreeSet<String>>,
}

/// A produced text.
struct Output {
    name: String,
    reader: Reader,
    text: String,
}

/// The codes in a text with the part of the record each is written in.
fn tokens(text: &str) -> BTreeSet<(String, Part)> {
    let mut out = BTreeSet::new();
    for (ledger, _) in LEDGERS {
        let prefix = ledger.to_uppercase();
        for (at, _) in text.match_indices(&prefix) {
            let digits: String = text[at + prefix.len()..].chars().take_while(char::is_ascii_digit).collect();
            if digits.len() == 4 {
                let part = match text[..at].chars().next_back() {
                    Some('名' | '说') => Part::Row,
                    Some('资') => Part::Commercial,
                    _ => Part::Code,
                };
                out.insert((format!("{prefix}{digits}"), part));
            }
        }
    }
    out
}

impl Guard {
    fn may_see(&self, reader: Reader, code: &str, part: Part) -> bool {
        let Some(record) = self.records.get(code) else { return true };
        let open = !record.restricted && !record.negotiation;
        match reader {
            Reader::Office | Reader::Screen => true,
            Reader::Everyone => open && !record.project_negotiation && part != Part::Commercial,
            Reader::Unit { counts_only: true, .. } => false,
            Reader::Unit { unit, reaches_all, .. } => {
                let is_known = || self.known.get(&unit).is_some_and(|codes| codes.contains(code)) && part != Part::Commercial;
                let is_part = || part == Part::Code && record.code_audience.contains(&unit);
                let is_selected = || reaches_all && part != Part::Commercial && (open || part == Part::Code);
                !record.restricted && (record.audience.contains(&unit) || is_part() || is_known() || is_selected())
            }
        }
    }

    /// What a text holds that its reader may not see.
    fn leak(&self, output: &Output) -> Option<String> {
        let around = |at: usize| {
            let before: String = output.text[..at].chars().rev().take(60).collect();
            let behind: String = output.text[at..].chars().take(40).collect();
            format!("“{}{behind}”", before.chars().rev().collect::<String>()).replace('\n', "⏎")
        };
        let named = |what: String, at: usize| Some(format!("{} ({:?}): {what} in {}", output.name, output.reader, around(at)));
        for (code, part) in tokens(&output.text) {
            if !self.may_see(output.reader, &code, part) {
                let word = match part {
                    Part::Code => code.clone(),
                    Part::Row => format!("名{code}"),
                    Part::Commercial => format!("资{code}"),
                };
                let at = output.text.find(&word).or_else(|| output.text.find(&code)).unwrap_or(0);
                let secrecy = if self.records[&code].restricted { "restricted" } else { "another unit's" };
                return named(format!("{part:?} of {secrecy} {code}"), at);
            }
        }
        for (code, record) in &self.records {
            if let Some(at) = record.amount.as_ref().and_then(|amount| output.text.find(amount))
                && !self.may_see(output.reader, code, Part::Commercial)
            {
                return named(format!("the amount of {code}"), at);
            }
        }
        if output.reader != Reader::Office {
            let joined = joined(&output.text);
            // numbers are looked up among the runs of digits, of which a text has few
            let runs: BTreeSet<&str> = joined.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 10).collect();
            for number in &self.phones {
                if !number.starts_with(|c: char| c.is_ascii_digit()) {
                    if let Some(at) = output.text.find(number.as_str()) {
                        return named(format!("the account {number}"), at);
                    }
                    continue;
                }
                if runs.iter().any(|run| run.contains(number.as_str())) {
                    let at = joined.find(number.as_str()).unwrap_or(0);
                    let before: String = joined[..at].chars().rev().take(40).collect();
                    let before: String = before.chars().rev().collect();
                    return Some(format!("{} ({:?}): the number {number} after “{before}”", output.name, output.reader));
                }
            }
        }
        None
    }
}

/// A phone number, the number of an identity card, a mail address or an account of a messenger.
fn number(dice: &mut Rng, phones: &mut Vec<String>) -> String {
    match dice.usize(..8) {
        0..=4 => return phone(dice, phones),
        kind @ (5 | 6) => {
            let account = format!("wang_{:05}", dice.usize(..99_999));
            phones.push(account.clone());
            return if kind == 5 { format!(" {account}@qq.example") } else { format!(" 微信{account}") };
        }
        _ => {}
    }
    let digits = format!("5227251980{:07}", dice.usize(..9_999_999));
    phones.push(digits.clone());
    format!("{digits}X")
}

/// A random register. The texts of a record hold its code, and numbers are wherever clerks write them.
pub fn random_register(dice: &mut Rng, policy: &Policy, as_of: NaiveDate, phones: &mut Vec<String>) -> Vec<(usize, Record)> {
    let mut register: Vec<(usize, Record)> = Vec::new();
    for (name, count) in LEDGERS {
        let ledger = policy.ledger(name).expect("a ledger");
        let shape = &policy.ledgers[ledger];
        for index in 0..count {
            let mut record = record(dice, policy, ledger, index, as_of);
            // intake writes codes in capitals
            record.code = record.code.to_uppercase();
            let code = record.code.clone();
            set(shape, &mut record, "code", code.clone());
            let free = |field: &duban::domain::register::ledger::Field| {
                let role = matches!(field.role, None | Some(Role::Officer | Role::Leader | Role::Difficulty | Role::Phone | Role::Event));
                field.kind == FieldKind::Text && field.values.is_empty() && role
            };
            for (field, id) in shape.fields.iter().enumerate().filter(|(_, field)| free(field)).map(|(at, field)| (at, field.id.clone())) {
                record.cells[field] = match dice.usize(..3) {
                    0 => Cell::Empty,
                    1 if id == "phone" => Cell::Text(number(dice, phones).into()),
                    1 => Cell::Text(format!("李某{}", number(dice, phones)).into()),
                    _ => Cell::Text("王某".into()),
                };
            }
            set(shape, &mut record, "investor", format!("资{code}方"));
            let name_number = if dice.usize(..6) == 0 { format!(" 电话{}", number(dice, phones)) } else { String::new() };
            set(shape, &mut record, "name", format!("名{code}称{name_number}"));
            for (field, words) in [
                ("county", &PLACES[..]),
                ("holder", &HOLDERS),
                ("unit", &HOLDERS),
                ("industry", &INDUSTRIES),
                ("department", &["自然资源部门"]),
                ("category", &["用地", "融资", "审批"]),
                ("rule", &["unstarted", "unproduced", "没有的规则"]),
                ("unit_text", &[]),
            ] {
                if !words.is_empty() && dice.usize(..12) != 0 {
                    set(shape, &mut record, field, *dice.choice(words).expect("one"));
                }
            }
            if let Some(holder) = shape.role(Role::Holder)
                && dice.usize(..8) == 0
            {
                record.cells[holder] = Cell::Text(format!("不知道的单位 联系人{}", number(dice, phones)).into());
            }
            if name == "exemption" {
                set(shape, &mut record, "key", format!("PROJECT{:04}", dice.usize(..30)));
            }
            if let Some(project) = shape.role(Role::Project)
                && dice.usize(..8) != 0
            {
                record.cells[project] = Cell::Text(format!("PROJECT{:04}", dice.usize(..30)).into());
            } else if let Some(project) = shape.role(Role::Project) {
                record.cells[project] = Cell::Text(record.text(Some(project)).to_uppercase().into());
            }
            if name == "contact" {
                let field = shape.field("intended_amount").expect("an amount");
                // 亿元 with two decimals, as no other amount is
                record.cells[field] = Cell::Money((70_000 + index as i64) * 10_000_000_000 + 7_700_000_000);
            }
            // a row whose form is empty is no record
            if !shape.append_only.is_empty() && shape.append_only.iter().all(|field| record.cell(*field).is_empty()) {
                set(shape, &mut record, "remark", "王某");
            }
            if dice.usize(..6) == 0 {
                set(shape, &mut record, "restricted", *dice.choice(&["是", "内部", "不便公开"]).expect("one"));
            } else if dice.usize(..3) == 0 {
                set(shape, &mut record, "restricted", "否");
            }
            register.push((ledger, record));
        }
    }
    name_marked_projects(dice, policy, &mut register);
    for (ledger, record) in &mut register {
        record.columns = Columns::default();
        (0..policy.ledgers[*ledger].fields.len()).for_each(|field| record.columns.insert(field));
    }
    register
}

/// A row that intake does not accept: its first date is a day that does not exist.
struct FaultyRow {
    ledger: usize,
    record: Record,
}

/// One faulty row of each ledger that has a date, half of them restricted or of a restricted project.
fn faulty_rows(dice: &mut Rng, world: &World<'_>, phones: &mut Vec<String>) -> Vec<FaultyRow> {
    let policy = world.policy;
    let restricted = world.register.iter().find(|row| is_marked(policy, row)).map(|(_, record)| record.code.clone());
    let mut out = Vec::new();
    for (name, _) in LEDGERS {
        let ledger = policy.ledger(name).expect("a ledger");
        let shape = &policy.ledgers[ledger];
        let Some(date) = shape.fields.iter().position(|field| matches!(field.kind, FieldKind::Date { .. })) else { continue };
        for number_of_row in 9001..9003 {
            let code = format!("{}{number_of_row}", name.to_uppercase());
            let mut record = Record { code: code.clone(), cells: vec![Cell::Empty; shape.fields.len()], ..Record::default() };
            set(shape, &mut record, "code", code.clone());
            set(shape, &mut record, "name", format!("名{code}称"));
            set(shape, &mut record, "investor", format!("资{code}方"));
            for field in ["county", "holder", "unit"] {
                set(shape, &mut record, field, *dice.choice(&["瓮安县", "白云区"]).expect("one"));
            }
            if number_of_row == 9002 {
                set(shape, &mut record, "restricted", "是");
                set(shape, &mut record, "project_code", restricted.clone().unwrap_or_default());
            }
            record.cells[date] = Cell::Text(format!("2023-02-30 张某{}", number(dice, phones)).into());
            out.push(FaultyRow { ledger, record });
        }
    }
    out
}

/// Whether the row itself is marked.
pub fn is_marked(policy: &Policy, (ledger, record): &(usize, Record)) -> bool {
    let text = record.text(policy.ledgers[*ledger].role(Role::Restricted));
    !text.is_empty() && text != "否"
}

/// The rows of a ledger as a file.
pub fn csv_of(policy: &Policy, ledger: usize, rows: &[&Record]) -> String {
    let shape = &policy.ledgers[ledger];
    let mut csv = csv::Writer::from_writer(Vec::new());
    let heads = shape.fields.iter().map(|field| match field.kind {
        FieldKind::Money => format!("{}（亿元）", field.title),
        _ => field.title.clone(),
    });
    csv.write_record(heads).expect("a head");
    for row in rows {
        let cells = row.cells.iter().map(|cell| match cell {
            Cell::Money(fen) => fen_as_yi(*fen).to_string(),
            Cell::Bool(yes) => if *yes { "是" } else { "否" }.to_owned(),
            cell => cell.to_string(),
        });
        csv.write_record(cells).expect("a row");
    }
    String::from_utf8(csv.into_inner().expect("the rows")).expect("UTF-8")
}

async fn import(service: &App, root: &Path, world: &World<'_>, faulty: &[FaultyRow]) {
    for (name, _) in LEDGERS {
        let ledger = world.policy.ledger(name).expect("a ledger");
        let mut rows: Vec<&Record> = world.register.iter().filter(|(of, _)| *of == ledger).map(|(_, record)| record).collect();
        let accepted = rows.len();
        rows.extend(faulty.iter().filter(|row| row.ledger == ledger).map(|row| &row.record));
        let path = root.join(format!("{name}.csv"));
        std::fs::write(&path, csv_of(world.policy, ledger, &rows)).expect("a file");
        let request = PullRequest {
            input: Input::File(path),
            source: "import".into(),
            sample: false,
            covers_on: Some(world.as_of),
            accept: true,
            only: None,
        };
        let report = service.importer().pull(&service.config().policy, &request).await.expect("a pull");
        assert_eq!(report.ledgers.len(), 1, "{name}: {:?}", report.unread);
        let (ledger, faults) = (&report.ledgers[0], || report.ledgers[0].notes.iter().map(|note| &note.reason).collect::<BTreeSet<_>>());
        assert_eq!((ledger.ledger.as_str(), ledger.accepted), (name, accepted as u64), "{:?}", faults());
    }
}

/// Marks open records by rows that are not those of their register: of a second source, set aside, or in a snapshot that is held. Returns
/// their codes.
async fn mark_elsewhere(service: &App, root: &Path, world: &World<'_>, dice: &mut Rng) -> BTreeSet<String> {
    const HEADERS: [(&str, &str); 4] = [("密级程度", "内部"), ("是否公开", "否"), ("敏感项目", "是"), ("是否保密（是/否）", "Y")];
    let policy = world.policy;
    let mut marked = BTreeSet::new();
    for way in 0..6 {
        let is_open = |row: &&(usize, Record)| {
            let shape = &policy.ledgers[row.0];
            let cell = row.1.text(shape.role(Role::Restricted));
            ["project", "work-order", "difficulty"].contains(&shape.id.as_str()) && cell.is_empty() && !marked.contains(&row.1.code)
        };
        let open: Vec<&(usize, Record)> = world.register.iter().filter(is_open).collect();
        let (ledger, record) = dice.choice(&open).expect("an open record");
        let shape = &policy.ledgers[*ledger];
        let (header, cell) = *dice.choice(&HEADERS).expect("one");
        let title = |role: Role| shape.fields[shape.role(role).expect("a role")].title.clone();
        let date = shape.fields.iter().find(|field| matches!(field.kind, FieldKind::Date { .. })).expect("a date");
        let day = if way % 3 == 1 { "2023-02-30" } else { "" };
        let text = format!(
            "{},{},{},{header}\n{},名{}称,{day},{cell}\n",
            title(Role::Code),
            title(Role::Name),
            date.title,
            record.code,
            record.code
        );
        let path = root.join(format!("mark-{way}.csv"));
        std::fs::write(&path, text).expect("a file");
        let source = if way % 3 == 2 { "import".to_owned() } else { format!("second{way}") };
        let request =
            PullRequest { input: Input::File(path), source, sample: false, covers_on: Some(world.as_of), accept: false, only: None };
        let report = service.importer().pull(&service.config().policy, &request).await.expect("a pull");
        assert_eq!((report.ledgers[0].restricted, report.held()), (1, way % 3 == 2), "{way}: {report:?}");
        marked.insert(record.code.clone());
    }
    marked
}

/// Answers of units on half of the records, with numbers in them.
async fn answer(service: &App, world: &mut World<'_>, dice: &mut Rng) {
    let mut answers = Vec::new();
    let is_marked = |row: &&(usize, Record)| world.policy.ledgers[row.0].id == "project" && is_marked(world.policy, row);
    let marked: Vec<String> = world.register.iter().filter(is_marked).map(|(_, record)| record.code.clone()).collect();
    for (ledger, record) in &world.register {
        if dice.bool() {
            continue;
        }
        answers.push(Answer {
            acts: Vec::new(),
            ledger: world.policy.ledgers[*ledger].id.clone(),
            code: record.code.clone(),
            unit: String::new(),
            who: "王五13000000007".into(),
            filled_on: world.as_of,
            as_of: world.as_of,
            on_behalf: String::new(),
            verdict: "有出入".into(),
            remark: match dice.usize(..3) {
                0 => format!("与{}一并推进", dice.choice(&marked).map_or("它", |code| code.as_str())),
                _ => format!("说{}话 找张某13000000008", record.code),
            },
            values: BTreeMap::new(),
            proposals: Vec::new(),
        });
    }
    world.phones.extend(["13000000007".to_owned(), "13000000008".to_owned()]);
    let form =
        HandedIn { file: "反馈表.xlsx", sha256: "0", received_at: "2026-09-30T00:00:00.000Z", sender: "test", who: "test", why: "" };
    service.store().feedback().add(&form, &answers).await.expect("answers");
}

/// Who may see each record on these days.
fn guard(
    world: &World<'_>,
    faulty: &[FaultyRow],
    marked: &BTreeSet<String>,
    days: &[NaiveDate],
    known: BTreeMap<UnitId, BTreeSet<String>>,
) -> Guard {
    let policy = world.policy;
    let is_marked = |policy: &Policy, row: &(usize, Record)| is_marked(policy, row) || marked.contains(&row.1.code);
    let mut records: BTreeMap<String, Guarded> = BTreeMap::new();
    let text = |row: &(usize, Record), role: Role| row.1.text(policy.ledgers[row.0].role(role)).to_owned();
    let negotiation = |row: &(usize, Record)| {
        policy.ledgers[row.0].id == "contact" || policy.ledgers[row.0].id == "project" && text(row, Role::Stage) == "洽谈"
    };
    for day in days {
        let judged = JudgingInput::new(policy, &world.register, *day, true).judge();
        for (row, secret) in world.register.iter().zip(world.secrets(&judged)) {
            let tie = text(row, Role::Project);
            // of several projects in one cell a marked one counts
            let named = |known: &&(usize, Record)| policy.ledgers[known.0].id == "project" && tie.contains(known.1.code.as_str());
            let named: Vec<&(usize, Record)> = world.register.iter().filter(named).collect();
            let project = named.iter().find(|project| is_marked(policy, project)).or(named.first()).copied();
            let entry = records.entry(row.1.code.clone()).or_default();
            entry.restricted = is_marked(policy, row) || project.is_some_and(|project| is_marked(policy, project));
            entry.negotiation = negotiation(row);
            entry.project_negotiation = project.is_some_and(negotiation);
            entry.audience.extend(secret.audience);
            let amount = policy.ledgers[row.0].field("intended_amount").and_then(|field| row.1.cell(field).money());
            entry.amount = amount.map(|fen| fen_as_yi(fen).to_string());
        }
    }
    for row in &world.register {
        let readers = records[&row.1.code].audience.clone();
        if let Some(project) = records.get_mut(&text(row, Role::Project)) {
            project.code_audience.extend(readers);
        }
    }
    for row in faulty {
        let named = ["county", "holder", "unit"].iter().find_map(|field| policy.ledgers[row.ledger].field(field));
        let unit = policy.units.find(row.record.text(named));
        let row_of_project = (row.ledger, row.record.clone());
        let project = world.register.iter().find(|known| known.1.code == text(&row_of_project, Role::Project));
        records.insert(
            row.record.code.clone(),
            Guarded {
                restricted: is_marked(policy, &row_of_project) || project.is_some_and(|project| is_marked(policy, project)),
                negotiation: true,
                audience: unit.into_iter().chain([policy.units.office()]).collect(),
                ..Guarded::default()
            },
        );
    }
    Guard { records, phones: world.phones.clone(), known }
}

/// The reader of a file below `var/reports`, by its folder and name.
fn reader_of_file(config: &Config, name: &str) -> Reader {
    let parts: Vec<&str> = name.split('/').collect();
    if name.starts_with("导入报告") {
        return Reader::Office;
    }
    let [job, _, level, file] = parts[..] else {
        return if name.contains("办理情况通报") { Reader::Everyone } else { Reader::Office };
    };
    let units = &config.policy.units;
    let job = config.job(job).unwrap_or_else(|| panic!("{name} is of no job"));
    let packs = job.packs.iter().flat_map(|pack| pack.units(units).map(move |unit| (&config.templates[&pack.template], unit)));
    let mut found = packs.filter(|(template, unit)| {
        let own = &units.units[*unit];
        units.levels.name(own.level) == level && file.starts_with(&format!("{}（", template.title.replace("{unit}", &own.name)))
    });
    let (template, unit) = found.next().unwrap_or_else(|| panic!("{name} is no pack"));
    let text = &config.files[&format!("report-templates/{}.toml", template.name)];
    Reader::Unit { unit, reaches_all: text.contains("reach = \"all\""), counts_only: false }
}

/// Whether a file that a unit gets is a pack about records beyond its own.
fn reaches_all(config: &Config, unit: UnitId, file: &str) -> bool {
    let own = &config.policy.units.units[unit].name;
    let is_of = |title: &str| file.starts_with(&format!("{}（", title.replace("{unit}", own)));
    let reaches = |name: &str| config.files[&format!("report-templates/{name}.toml")].contains("reach = \"all\"");
    config.templates.values().any(|template| is_of(&template.title) && reaches(&template.name))
}

/// A mail as its reader gets it: subject and both bodies.
fn text_of_mail(mail: &mail_parser::Message<'_>) -> String {
    let html = mail.body_html(0).map(|html| html.into_owned()).unwrap_or_default();
    let plain: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join("\n");
    format!("{}\n{}\n{plain}\n", mail.subject().unwrap_or_default(), mail.body_text(0).unwrap_or_default())
}

/// The mails and drafts that are in the outbox and were not yet read.
async fn new_mails(service: &App, config: &Config, read: &mut BTreeSet<String>) -> Vec<Output> {
    let policy = &config.policy;
    let mut out = Vec::new();
    for message in service.store().outbox().list(&OutboxFilter::default()).await.expect("messages") {
        if read.insert(message.id.clone()) {
            let bytes = service.store().outbox().body(&message.id).await.expect("a body").expect("bytes");
            let unit = policy.units.find(&message.unit).expect("a unit");
            let counts_only = !message.address.ends_with(".example");
            let mail = MessageParser::default().parse(&bytes).expect("a mail");
            let reader = |reaches_all: bool| Reader::Unit { unit, reaches_all, counts_only };
            out.push(Output { name: format!("mail {}", message.id), reader: reader(false), text: text_of_mail(&mail) });
            out.extend(mail.attachments().map(|file| {
                let name = file.attachment_name().expect("a name");
                Output {
                    name: format!("mail {} {name}", message.id),
                    reader: reader(reaches_all(config, unit, name)),
                    text: texts_of_package(file.contents()),
                }
            }));
        }
    }
    out
}

/// A root with a job that makes every template as a pack, and units whose mailboxes are outside the domains of the office.
fn root_of_every_template() -> tempfile::TempDir {
    let root = fresh_root();
    let units = PACKED.map(|unit| format!("{unit:?}")).join(", ");
    let mut job = std::fs::read_to_string(root.path().join("jobs/quarterly-packs.toml")).expect("a job");
    job.truncate(job.find("workbooks = ").expect("the workbooks"));
    job = job.replace("0 0 10 8", "0 0 11 8");
    job.push_str("workbooks = [\"ledgers-quarterly\"]\n");
    for (name, text) in files_below(&root.path().join("report-templates")) {
        let text = String::from_utf8(text).expect("UTF-8");
        // each pack of a unit needs a title of its own
        if let Some(template) =
            name.strip_suffix(".toml").filter(|_| !text.contains("form = \"page\"") && !text.contains("form = \"bulletin\""))
        {
            let title = text.lines().find_map(|line| line.strip_prefix("title = \"")).expect("a title");
            if !title.contains("{unit}") {
                edit(
                    root.path(),
                    &format!("report-templates/{name}"),
                    &format!("title = \"{title}"),
                    &format!("title = \"{{unit}}{title}"),
                );
            }
            let file = text.lines().find_map(|line| line.strip_prefix("file = \"")).expect("a file name").to_owned();
            edit(
                root.path(),
                &format!("report-templates/{name}"),
                &format!("file = \"{file}"),
                &format!("file = \"{{title}}（{template}）{}", &file["{title}".len()..]),
            );
            job.push_str(&format!("\n[[packs]]\ntemplate = \"{template}\"\nunits = [{units}]\n"));
        }
    }
    std::fs::write(root.path().join("jobs/every-template.toml"), job).expect("a job");
    let path = root.path().join("config/duban.toml");
    let text = std::fs::read_to_string(&path).expect("settings");
    std::fs::write(&path, format!("{text}\n[start]\nenforce_on = \"2026-04-01\"\n")).expect("settings");
    edit(root.path(), "config/units.toml", "520113@gz.example", "520113@mail.test");
    root
}

/// What commands print for the office.
fn printed(root: &Path, as_of: NaiveDate) -> Vec<Output> {
    let as_of = as_of.to_string();
    let json = stdout(&duban(root, &["findings", "--as-of", &as_of, "--format", "json"]));
    let found: serde_json::Value = serde_json::from_str(&json).expect("findings");
    let of = |rule: &str| found.as_array().into_iter().flatten().find(|one| one["rule"] == rule).and_then(|one| one["key"].as_str());
    let explained = ["unstarted", "order-overdue", "five-ones"].map(|rule| (rule, of(rule).unwrap_or("PROJECT0001")));
    let commands: [&[&str]; 8] = [
        &["findings", "--as-of", &as_of],
        &["findings", "--as-of", &as_of, "--format", "csv"],
        &["explain", explained[0].0, explained[0].1, "--as-of", &as_of],
        &["explain", explained[1].0, explained[1].1, "--as-of", &as_of],
        &["explain", explained[2].0, explained[2].1, "--as-of", &as_of, "--format", "json"],
        &["preview", "quarterly-supervision", "--as-of", &as_of],
        &["outbox", "list"],
        &["runs"],
    ];
    let run = |arguments: &&[&str]| Output { name: arguments.join(" "), reader: Reader::Screen, text: stdout(&duban(root, arguments)) };
    let findings = Output { name: "findings --format json".to_owned(), reader: Reader::Screen, text: json.clone() };
    commands.iter().map(run).chain([findings]).collect()
}

/// Everything that the jobs of two quarters produce from the register of a seed, each with what its readers may see.
async fn check_seed(seed: u64) -> Vec<String> {
    let root = root_of_every_template();
    let mut dice = Rng::with_seed(seed * 977 + 5);
    let service = service(root.path(), "2026-10-09T02:00:00Z").await;
    let config = service.config().clone();
    let policy = &config.policy;
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let mut phones = vec!["085185812345".to_owned()];
    let register = random_register(&mut dice, policy, day("2026-09-30"), &mut phones);
    let mut world = World { policy, register, phones, as_of: day("2026-09-30") };
    let (mut known, mut read, mut files_read) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let (mut leaks, mut seen, mut marked) = (Vec::new(), [0usize; 3], BTreeSet::new());
    for (slot, jobs) in [
        &["weekly-reminder", "quarterly-supervision", "county-monthly-study", "quarterly-packs", "every-template"][..],
        &["quarterly-supervision", "quarterly-packs", "every-template", "annual-inspection"],
    ]
    .iter()
    .enumerate()
    {
        if slot > 0 {
            world.age(&mut dice, 92);
            let at: DateTime<Utc> = "2027-01-20T02:00:00Z".parse().expect("a time");
            service.clock().set(at);
        }
        let mut numbers = Vec::new();
        let faulty = faulty_rows(&mut dice, &world, &mut numbers);
        world.phones.append(&mut numbers);
        import(&service, root.path(), &world, &faulty).await;
        if slot == 0 {
            answer(&service, &mut world, &mut dice).await;
        }
        let weekly = day("2026-09-28");
        let days: Vec<NaiveDate> = if slot == 0 { vec![world.as_of, weekly] } else { vec![world.as_of] };
        if slot == 0 {
            marked = mark_elsewhere(&service, root.path(), &world, &mut dice).await;
        }
        let mut guard = guard(&world, &faulty, &marked, &days, std::mem::take(&mut known));
        let mut outputs = Vec::new();
        for job in *jobs {
            let when = RunWhen::AsOf(if *job == "weekly-reminder" { weekly } else { world.as_of });
            let outcome = service.runner().run_job(&RunRequest { job: (*job).to_owned(), when, revise: false }).await.expect("a run");
            let text = outcome_text(&outcome, &policy.units.levels);
            assert!(outcome.run.reason.is_empty(), "seed {seed}, {job}: {text}");
            outputs.push(Output { name: format!("run {job}"), reader: Reader::Screen, text });
            let mails = new_mails(&service, &config, &mut read).await;
            for mail in &mails {
                leaks.extend(guard.leak(mail));
            }
            // what a mail has named, later mails may name to the same unit
            for mail in mails {
                if let Reader::Unit { unit, .. } = mail.reader {
                    guard.known.entry(unit).or_default().extend(tokens(&mail.text).into_iter().map(|(code, _)| code));
                }
                seen[0] += 1;
            }
        }
        for (name, bytes) in files_below(&root.path().join("var/reports")) {
            if files_read.insert(name.clone()) && !name.ends_with(".json") {
                outputs.push(Output { reader: reader_of_file(&config, &name), text: texts_of_package(&bytes), name });
            }
        }
        outputs.extend(printed(root.path(), world.as_of));
        for output in &outputs {
            leaks.extend(guard.leak(output));
            seen[if matches!(output.reader, Reader::Unit { .. }) { 1 } else { 2 }] += 1;
        }
        known = guard.known;
    }
    service.store().close().await;
    assert!(seen[0] > 20 && seen[1] > 60 && seen[2] > 15, "seed {seed}: too little is made to show anything: {seen:?}");
    leaks.iter_mut().for_each(|leak| leak.insert_str(0, &format!("seed {seed}: ")));
    leaks
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_produced_shows_what_its_readers_may_not_see() {
    for seed in seeds(1) {
        let leaks = check_seed(seed).await;
        assert!(leaks.is_empty(), "{} texts leak:\n{}", leaks.len(), leaks.join("\n"));
    }
}
