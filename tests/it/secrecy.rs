//! Secrecy, tested with random registers: no mail, draft, attachment or form has a row of another unit, anything of a restricted record, or
//! a full phone number, and mails to addresses outside the trusted domains have counts only. Who may see a row is computed here from the
//! register, independently of the program. A failure prints its seed.

pub mod binary_workbooks;
pub mod formats;
pub mod grades;
pub mod marks;
pub mod mentions;
pub mod producers;

use super::detection::JudgingInput;
use super::helpers::{duban, files_below, fresh_root, home, seeds, stdout};
use super::outputs::{as_read, cells, run_on};
use super::properties::register;
use chrono::{Days, NaiveDate};
use duban::config::load::{Config, read_files};
use duban::domain::audience::Audience;
use duban::domain::judging::finding::Identity;
use duban::domain::judging::indicators::Indicators;
use duban::domain::judging::judge::Judged;
use duban::domain::judging::roster::Rosters;
use duban::domain::notify::digest::{Digest, Draft};

use duban::domain::notify::feedback::{Answer, Answers};
use duban::domain::notify::form_seal::FormKey;
use duban::domain::notify::inputs::{DataState, PlanInputs, Rhythm};
use duban::domain::notify::plan::{Plan, plan};
use duban::domain::register::ledger::{Ledger, Role};
use duban::domain::register::levels::Level;
use duban::domain::register::record::{Cell, Record};
use duban::domain::register::units::UnitId;
use duban::domain::restriction::Restrictions;
use duban::domain::rules::owner::owner_of;
use duban::domain::rules::policy::Policy;
use duban::domain::rules::rule::{Act, Light};
use duban::mail::templates::{Rendered, Templates};
use duban::workbook::build::build;
use duban::workbook::material::{IntakeIssue, Material};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

const OFFICE_PHONE: &str = "085185812345";
const ACTS: [Act; 3] = [Act::Supervise, Act::Circulate, Act::Interview];

/// A record and who may see it.
struct Secret {
    code: String,
    /// Code, name and commercial words of the record.
    words: Vec<String>,
    restricted: bool,
    /// The units that may see the record.
    audience: BTreeSet<UnitId>,
}

/// A register, with the phone numbers in it.
struct World<'a> {
    policy: &'a Policy,
    register: Vec<(usize, Record)>,
    phones: Vec<String>,
    as_of: NaiveDate,
}

fn set(shape: &Ledger, record: &mut Record, field: &str, text: impl Into<String>) {
    if let Some(field) = shape.field(field) {
        record.cells[field] = Cell::Text(text.into().into());
        record.columns.insert(field);
    }
}

/// A random mobile or fixed number, in one of the notations that clerks use. Its digits are added to `phones`.
fn phone(dice: &mut Rng, phones: &mut Vec<String>) -> String {
    let digits = if dice.usize(..4) == 0 {
        format!("0854{:07}", 2_000_000 + dice.usize(..7_999_999))
    } else {
        format!("13{:09}", dice.usize(..999_999_999))
    };
    phones.push(digits.clone());
    let head = if digits.starts_with('1') { 3 } else { 4 };
    let (first, middle, last) = (&digits[..head], &digits[head..7], &digits[7..]);
    match dice.usize(..10) {
        0 => format!("{first} {middle} {last}"),
        1 => format!("{}-{}", &digits[..4], &digits[4..]),
        2 => digits.chars().map(|digit| char::from_u32(digit as u32 - '0' as u32 + 0xff10).expect("a digit")).collect(),
        3 => format!("({first}){middle}{last}"),
        4 => format!("（{first}）{middle}–{last}"),
        5 => format!("{first}.{middle}.{last}"),
        6 => format!("{first}\u{3000}{middle}  {last}"),
        7 => format!("{first}/{middle}/{last}"),
        8 => digits.chars().map(|digit| CHINESE_DIGITS.chars().nth(digit as usize - '0' as usize).expect("a digit")).collect(),
        _ => digits,
    }
}

const CHINESE_DIGITS: &str = "〇一二三四五六七八九";

/// A text with the signs between digits removed, and digits of any width or script as plain ones.
fn joined(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, ' ' | '-' | '\u{a0}' | '\u{3000}' | '–' | '.' | '/' | '(' | ')' | '（' | '）'))
        .map(|c| match c {
            '\u{ff10}'..='\u{ff19}' => char::from_u32(c as u32 - 0xff10 + '0' as u32).unwrap_or(c),
            c => CHINESE_DIGITS.chars().position(|digit| digit == c).and_then(|at| char::from_digit(at as u32, 10)).unwrap_or(c),
        })
        .collect()
}

impl<'a> World<'a> {
    fn new(policy: &'a Policy, dice: &mut Rng, as_of: NaiveDate) -> World<'a> {
        let mut phones = vec![OFFICE_PHONE.to_owned()];
        let mut register = register(dice, policy, 24, as_of);
        for (ledger, record) in &mut register {
            let shape = &policy.ledgers[*ledger];
            let code = record.code.clone();
            // Distinguishable names, persons and free texts, with phone numbers in every field where clerks write them.
            set(shape, record, "name", format!("名{code}称"));
            set(shape, record, "investor", format!("资{code}方"));
            for field in ["officer", "leader", "difficulty", "progress_note", "phone", "unit_text"] {
                if dice.usize(..3) != 0 {
                    let number = phone(dice, &mut phones);
                    set(shape, record, field, if field == "phone" { number } else { format!("李某{number}") });
                }
            }
            if dice.usize(..6) == 0 {
                set(shape, record, "name", format!("名{code}称 电话{}", phone(dice, &mut phones)));
            }
            set(shape, record, "restricted", "否");
            if dice.usize(..7) == 0 {
                set(shape, record, "restricted", *dice.choice(&["是", "内部", "不便公开"]).expect("one"));
            }
        }
        World { policy, register, phones, as_of }
    }

    /// Moves the day on and changes random records: restricted marks, owners, stages, completion; some are removed. Returns those removed.
    fn age(&mut self, dice: &mut Rng, days: u64) -> BTreeSet<(usize, String)> {
        self.as_of = self.as_of + Days::new(days);
        let (policy, mut gone) = (self.policy, BTreeSet::new());
        let places: Vec<String> = policy.units.units.iter().filter(|unit| unit.level.is_place()).map(|unit| unit.name.clone()).collect();
        for (ledger, record) in &mut self.register {
            let shape = &policy.ledgers[*ledger];
            match dice.usize(..12) {
                0 => set(shape, record, "restricted", "涉密"),
                1 if shape.id == "project" => set(shape, record, "county", dice.choice(&places).expect("one").clone()),
                2 => set(shape, record, "stage", *dice.choice(&["洽谈", "终止"]).expect("one")),
                3 => {
                    for field in ["completed_on", "solved_on", "started_on", "terminated_on"].iter().filter_map(|id| shape.field(id)) {
                        record.cells[field] = Cell::Date(self.as_of);
                    }
                }
                // a file adds rows to an append-only ledger and takes none away
                4 if shape.append_only.is_empty() => {
                    gone.insert((*ledger, record.code.clone()));
                }
                _ => {}
            }
        }
        self.register.retain(|(ledger, record)| !gone.contains(&(*ledger, record.code.clone())));
        gone
    }

    fn text(&self, (ledger, record): &(usize, Record), role: Role) -> String {
        record.text(self.policy.ledgers[*ledger].role(role)).to_owned()
    }

    /// A unit and all units above it.
    fn unit_and_superiors(&self, unit: Option<UnitId>) -> BTreeSet<UnitId> {
        let units = &self.policy.units.units;
        std::iter::successors(unit, |at| units[*at].place.or(units[*at].parent)).collect()
    }

    /// Every record with its audience: its owner with all superiors, the lead of its industry, the same units of the records of its project,
    /// and the office. A project under negotiation and a target enterprise are visible to their own unit, the recipients of their findings,
    /// and the office.
    fn secrets(&self, judged: &Judged) -> Vec<Secret> {
        let policy = self.policy;
        let input = JudgingInput::new(policy, &self.register, self.as_of, false);
        let owner = |row: &(usize, Record)| owner_of(policy, &policy.ledgers[row.0], &row.1, &input.projects).unit;
        let lead = |row: &(usize, Record)| {
            policy.units.industry(&self.text(row, Role::Industry)).and_then(|industry| policy.units.lead(industry, self.as_of))
        };
        let projects: HashMap<&str, &(usize, Record)> = self
            .register
            .iter()
            .filter(|(ledger, _)| policy.ledgers[*ledger].id == "project")
            .map(|row| (row.1.code.as_str(), row))
            .collect();
        let marked = |row: &(usize, Record)| {
            let field = policy.ledgers[row.0].role(Role::Restricted);
            field.is_some_and(|field| !matches!(row.1.text(Some(field)), "" | "否"))
        };
        let project_of = |row: &(usize, Record)| projects.get(self.text(row, Role::Project).as_str()).copied();
        self.register
            .iter()
            .map(|row| {
                let shape = &policy.ledgers[row.0];
                let recipients = judged
                    .findings
                    .iter()
                    .filter(|finding| policy.rules[finding.rule].ledger == row.0 && *finding.key == *row.1.code)
                    .flat_map(|finding| finding.recipients().flatten());
                let mut audience: BTreeSet<UnitId> = [policy.units.office()].into();
                if shape.id == "contact" || (shape.id == "project" && self.text(row, Role::Stage) == "洽谈") {
                    audience.extend(owner(row));
                    audience.extend(recipients);
                } else {
                    audience.extend(self.unit_and_superiors(owner(row)));
                    audience.extend(lead(row));
                    if let Some(project) = project_of(row) {
                        audience.extend(self.unit_and_superiors(owner(project)));
                        audience.extend(lead(project));
                    }
                    if shape.id == "project" {
                        for part in self.register.iter().filter(|part| self.text(part, Role::Project) == row.1.code) {
                            audience.extend(self.unit_and_superiors(owner(part)));
                        }
                    }
                }
                Secret {
                    code: row.1.code.clone(),
                    words: vec![row.1.code.clone(), format!("名{}称", row.1.code), format!("资{}方", row.1.code)],
                    restricted: marked(row) || project_of(row).is_some_and(marked),
                    audience,
                }
            })
            .collect()
    }
}

/// Renders the mails of one run.
struct Renderer<'a> {
    config: &'a Config,
    templates: &'a Templates,
    judged: &'a Judged,
    records: &'a HashMap<(usize, String), Record>,
    rosters: &'a Rosters,
    indicators: &'a Indicators,
    answers: &'a Answers,
    intake: &'a [IntakeIssue],
    as_of: NaiveDate,
}

impl Renderer<'_> {
    /// Every cell of a unit's workbook and feedback form.
    fn workbook(&self, unit: UnitId, rows: &[usize], withheld: usize) -> String {
        let material = Material {
            policy: &self.config.policy,
            as_of: self.as_of,
            office: "省投资促进局",
            contact: "项目督查处0851-85812345",
            made_on: self.as_of,
            data_line: "",
            reply_by: self.as_of,
            judged: self.judged,
            records: self.records,
            rosters: self.rosters,
            origins: &[],
            indicators: self.indicators,
            sources: &[],
            intake: self.intake,
            restrictions: &Restrictions::default(),
            audience: Audience::Unit(unit),
            only_findings: Some(rows),
            only_counted: Some(withheld),
            answers: self.answers,
            form_key: &FormKey::new(1, b"the key of the tests"),
            silent: &[],
            gone: &[],
            unsigned: Default::default(),
            previous_run: None,
            inputs: &[],
        };
        let book = build(&self.config.templates["unit-list"], &material).unwrap();
        let mut out = format!("{} {}", book.title, book.subject);
        for sheet in &book.sheets {
            write!(out, "{} {} {} {:?} {:?}", sheet.name, sheet.header, sheet.footer, sheet.rows, sheet.closing_rows).expect("text");
            if let Some(later) = &sheet.lazy_rows {
                (0..later.count).for_each(|number| write!(out, "{:?}", later.row(number)).expect("text"));
            }
        }
        out
    }

    fn digest(&self, digest: &Digest) -> String {
        let own = |index: &usize| digest.roll_up.is_none() || self.judged.findings[*index].is_addressed_to(digest.recipient.unit);
        let rows: Vec<usize> = digest.findings.iter().copied().filter(own).collect();
        let Rendered { html, text } = self.templates.render("digest", digest).expect("a digest");
        let book =
            if digest.recipient.counts_only { String::new() } else { self.workbook(digest.recipient.unit, &rows, digest.restricted) };
        format!("{}\n{text}\n{html}\n{book}", digest.subject)
    }

    fn draft(&self, draft: &Draft) -> String {
        let Rendered { html, text } = self.templates.render("act", draft).expect("a draft");
        let book = if draft.recipient.counts_only {
            String::new()
        } else {
            self.workbook(draft.recipient.unit, &draft.findings, draft.restricted)
        };
        format!("{}\n{text}\n{html}\n{book}", draft.subject)
    }
}

/// A part of a text that its reader may not see. `known`: codes of which an earlier mail has notified the unit.
fn leak(text: &str, unit: UnitId, counts_only: bool, secrets: &[Secret], phones: &[String], known: &BTreeSet<String>) -> Option<String> {
    for secret in secrets {
        let may_see = !counts_only && !secret.restricted && (secret.audience.contains(&unit) || known.contains(&secret.code));
        if let Some(word) = secret.words.iter().find(|word| !may_see && text.contains(word.as_str())) {
            let line = text.lines().find(|line| line.contains(word.as_str())).unwrap_or_default();
            return Some(format!("{word}{} in “{line:.400}”", if secret.restricted { "（涉密）" } else { "" }));
        }
    }
    let joined = joined(text);
    let (phone, at) = phones.iter().find_map(|phone| Some((phone, joined.find(phone.as_str())?)))?;
    let before: String = joined[..at].chars().rev().take(30).collect();
    Some(format!("{phone} after “{}”", before.chars().rev().collect::<String>()))
}

/// Whether mails to an address may have rows.
fn is_trusted(address: &str) -> bool {
    address.ends_with(".example")
}

fn config() -> Config {
    Config::parse(read_files(home()).expect("files")).expect("the shipped configuration")
}

/// Renders and checks every mail of the registers of these seeds. Returns the number of mails, or the first leak. `tamper` may change the
/// digests before they are rendered.
fn check_mails(seeds: std::ops::Range<u64>, tamper: impl Fn(&mut Plan, &[Secret])) -> Result<usize, String> {
    let mut config = config();
    let templates = Templates::new(&config.mail_templates, &config.policy.units.levels).expect("templates");
    let mut checked = 0;
    for seed in seeds {
        let mut dice = Rng::with_seed(seed * 101 + 13);
        for unit in &mut config.policy.units.units {
            let code = unit.code.to_lowercase();
            unit.mailbox = match dice.usize(..8) {
                0 => None,
                1 => Some(format!("{code}@mail.test")),
                _ => Some(format!("{code}@gz.example")),
            };
        }
        let policy = &config.policy;
        let start = "2026-03-01".parse::<NaiveDate>().expect("a day") + Days::new(dice.usize(..300) as u64);
        let mut world = World::new(policy, &mut dice, start);
        let mut answers = Answers::new();
        for (ledger, record) in world.register.iter().filter(|_| dice.usize(..2) == 0) {
            let ledger = &policy.ledgers[*ledger].id;
            let remark = format!("找张某13{:09}", 7);
            let answer = Answer {
                acts: Vec::new(),
                ledger: ledger.clone(),
                code: record.code.clone(),
                unit: String::new(),
                who: "王五13000000007".into(),
                filled_on: start,
                as_of: start,
                on_behalf: String::new(),
                verdict: "有出入".into(),
                remark,
                values: BTreeMap::new(),
                proposals: Vec::new(),
            };
            answers.insert((ledger.clone(), record.code.clone()), answer);
        }
        world.phones.push("13000000007".into());
        let mut notified: HashMap<UnitId, BTreeMap<Identity, Option<Light>>> = HashMap::new();
        let mut last_digest_on: HashMap<UnitId, NaiveDate> = HashMap::new();
        let mut known_codes: HashMap<UnitId, BTreeSet<String>> = HashMap::new();
        let mut gone = BTreeSet::new();
        for slot in 0..2 {
            if slot > 0 {
                gone = world.age(&mut dice, 40);
            }
            let judged = JudgingInput::new(policy, &world.register, world.as_of, false).judge();
            let records: HashMap<(usize, String), Record> =
                world.register.iter().map(|(ledger, record)| ((*ledger, record.code.clone()), record.clone())).collect();
            let mut secrets = world.secrets(&judged);
            // A removed project may still be named to its former recipients and in the records that belong to it.
            for (_, code) in &gone {
                let rows = world.register.iter().zip(&secrets).filter(|(row, _)| world.text(row, Role::Project) == *code);
                let audience = rows.flat_map(|(_, secret)| secret.audience.iter().copied()).collect();
                secrets.push(Secret { code: code.clone(), words: vec![code.clone()], restricted: false, audience });
            }
            let of = PlanInputs {
                policy,
                as_of: world.as_of,
                sent_on: world.as_of,
                office_name: "省投资促进局",
                contact: "项目督查处0851-85812345",
                objection_workdays: 5,
                judged: &judged,
                records: &records,
                last_notified: &notified,
                last_digest_on: &last_digest_on,
                asked_on: &last_digest_on,
                unreached: &[],
                gone: &gone,
                answers: &answers,
                rhythm: Rhythm::Always,
                through_place: &Default::default(),
                covered: &Default::default(),
                drafts: &ACTS,
                unsigned: Default::default(),
                levels: &policy.units.levels.all().collect::<Vec<Level>>(),
                started: seed % 5 != 4,
                data: &DataState::default(),
                source_line: "数据来源：样例",
                next_on: &|_| None,
                is_counts_only: &|address| !is_trusted(address),
            };
            let mut planned = plan(&of);
            let letters = std::mem::take(&mut planned.acts.drafts);
            let drafted: Vec<Draft> = letters.iter().flat_map(|letter| letter.copies.iter().chain([letter])).cloned().collect();
            tamper(&mut planned, &secrets);
            let intake: Vec<IntakeIssue> = world
                .register
                .iter()
                .filter_map(|row| {
                    let owner = owner_of(policy, &policy.ledgers[row.0], &row.1, &HashMap::new()).unit?;
                    Some(IntakeIssue {
                        ledger: policy.ledgers[row.0].title.clone(),
                        level: "提示".into(),
                        raw: world.phones[0].clone(),
                        unit: policy.units.units[owner].name.clone(),
                        code: row.1.code.clone(),
                        ..IntakeIssue::default()
                    })
                })
                .collect();
            let (rosters, indicators) = (Rosters::default(), Indicators::new(policy, world.as_of));
            let renderer = Renderer {
                config: &config,
                templates: &templates,
                judged: &judged,
                records: &records,
                rosters: &rosters,
                indicators: &indicators,
                answers: &answers,
                intake: &intake,
                as_of: world.as_of,
            };
            let texts = planned.digests.iter().map(|digest| (digest.recipient.unit, &digest.recipient.mailbox, renderer.digest(digest)));
            let texts = texts.chain(drafted.iter().map(|draft| (draft.recipient.unit, &draft.recipient.mailbox, renderer.draft(draft))));
            let nothing = BTreeSet::new();
            for (unit, mailbox, text) in texts {
                checked += 1;
                let known = known_codes.get(&unit).unwrap_or(&nothing);
                if let Some(found) = leak(&text, unit, !is_trusted(mailbox), &secrets, &world.phones, known) {
                    let name = &policy.units.units[unit].name;
                    return Err(format!(
                        "seed {seed}, slot {slot}: {name} <{mailbox}> reads {found}\n{}",
                        text.lines().next().unwrap_or_default()
                    ));
                }
            }
            for digest in &planned.digests {
                notified.insert(digest.recipient.unit, digest.notified.iter().cloned().collect());
                last_digest_on.insert(digest.recipient.unit, world.as_of);
                let known = known_codes.entry(digest.recipient.unit).or_default();
                for (identity, _) in &digest.notified {
                    known.insert(identity.key.clone());
                    let ledger = policy.ledger(&identity.ledger).expect("a ledger");
                    let record = &records[&(ledger, identity.key.clone())];
                    known.insert(world.text(&(ledger, record.clone()), Role::Project));
                }
            }
        }
    }
    Ok(checked)
}

#[test]
fn no_mail_attachment_form_or_draft_leaks_what_its_reader_may_not_see() {
    let checked = check_mails(seeds(30), |_, _| {}).unwrap_or_else(|leak| panic!("{leak}"));
    assert!(checked > 500, "{checked} mails are too few to show anything");
}

/// The check of the test above detects each kind of leak.
#[test]
fn every_kind_of_leak_is_detected() {
    let detects = |what: &str, tamper: fn(&mut Digest, &Secret) -> bool| {
        let result = check_mails(0..1, |planned, secrets| {
            // A record that the unit of a digest may not see.
            for digest in &mut planned.digests {
                let foreign = secrets.iter().find(|secret| secret.restricted || !secret.audience.contains(&digest.recipient.unit));
                if foreign.is_some_and(|secret| tamper(digest, secret)) {
                    return;
                }
            }
            panic!("{what}: nothing to tamper with");
        });
        assert!(result.is_err(), "{what} is not detected");
    };
    detects("a code in the subject", |digest, secret| {
        digest.subject.push_str(&secret.code);
        true
    });
    detects("a foreign name", |digest, secret| {
        digest.sections.urgent.first_mut().map(|item| item.name = secret.words[1].clone()).is_some()
    });
    detects("a commercial word", |digest, secret| {
        digest.sections.urgent.first_mut().map(|item| item.line = secret.words[2].clone()).is_some()
    });
    detects("the office's number", |digest, _| {
        digest.letterhead.contact = "0851-85812345".into();
        true
    });
    detects("rows outside the trusted domains", |digest, _| {
        let outside = !is_trusted(&digest.recipient.mailbox) && !digest.recipient.counts_only;
        digest.recipient.mailbox = "x@mail.test".into();
        !outside && !digest.sections.urgent.is_empty()
    });
}

const PROJECTS: &str = "\
项目编号,项目名称,产业类别,市（州）,县（市、区）,协议类型,项目阶段,合同投资额（亿元）,签约时间,录入平台时间,履约时间,计划开工时间,实际开工时间,终止时间,是否涉密,责任人,联系电话
GZS1,机密甲项目,基础材料,黔南布依族苗族自治州,瓮安县,合同,签约,10,2025-01-20,2025-02-01,2025-03-01,2025-07-01,,,是,李某,13812345678
GZS2,机密乙项目,基础材料,黔南布依族苗族自治州,瓮安县,合同,签约,10,2023-02-30,2025-02-01,,2025-07-01,,,敏感,李某,13812345678
GZS3,公开丙项目,基础材料,黔南布依族苗族自治州,瓮安县,合同,签约,10,2025-01-20,2025-02-01,2025-03-01,2025-07-01,,,否,李某,13812345678
GZS4,公开丁项目,基础材料,黔南布依族苗族自治州,瓮安县,合同,签约,10,2023-02-30,2025-02-01,,2025-07-01,,,,李某,13812345678
";

const ORDERS: &str = "\
工作单编号,项目编号,项目名称,派发日期,承办类型,承办单位,办结时限,签收日期,最近反馈日期,办结日期
GZD1,GZS1,机密甲项目,2026-07-01,属地,瓮安县,2026-08-01,2026-07-02,2026-07-20,
";

/// A restricted record is listed only in the office's own workbook, even if its row is quarantined. Everyone else gets a count.
#[tokio::test]
async fn a_restricted_record_is_only_counted_outside_the_office() {
    let root = fresh_root();
    run_on(root.path(), &[("台账.csv", PROJECTS), ("工作单.csv", ORDERS)]).await;
    let mut texts: Vec<(String, String)> =
        files_below(&root.path().join("var/outbox")).iter().map(|(name, bytes)| (name.clone(), as_read(bytes))).collect();
    let drafts = stdout(&duban(root.path(), &["outbox", "list", "--state", "draft"]));
    for id in drafts.lines().filter_map(|line| line.split(' ').next()) {
        let bytes = duban(root.path(), &["outbox", "show", id, "--eml"]).stdout;
        texts.push((id.to_owned(), as_read(&bytes)));
    }
    assert!(texts.iter().any(|(name, _)| name.ends_with("_circulate")), "{drafts}");
    for (name, text) in &texts {
        for secret in ["GZS1", "GZS2", "GZD1", "机密", "13812345678"] {
            assert!(!text.contains(secret), "{name} holds {secret}:\n{text}");
        }
    }
    let county: Vec<&String> =
        texts.iter().filter(|(name, _)| name.contains("瓮安县") || name.contains("_522725_")).map(|(_, text)| text).collect();
    assert_eq!(county.len(), 1, "a digest");
    // 通报 is one paper for all
    let circular = texts.iter().filter(|(name, _)| name.ends_with("_circulate")).map(|(_, text)| text);
    for text in county.iter().copied().chain(circular) {
        // The note is in the mail and on each sheet of the attachment.
        assert!(text.matches("另有1件不便列示。").count() >= 2 && text.contains("公开丙项目"), "{text}");
    }
    let form = county[0].split_once("-- 反馈表").expect("a form").1;
    assert!(form.contains("GZS3"), "{form}");
    let quality = county[0].split_once("-- 数据质量").expect("a sheet").1;
    assert!(quality.contains("GZS4") && quality.contains("2023-02-30"), "{quality}");
    let reports = files_below(&root.path().join("var/reports"));
    let (_, book) = reports.iter().find(|(name, _)| name.contains("季度督办工作簿")).expect("the workbook");
    let office = cells(book);
    assert!(office.contains("GZS1") && office.contains("GZS2") && office.contains("GZD1"), "{office}");
}
