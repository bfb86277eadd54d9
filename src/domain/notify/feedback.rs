//! Feedback (反馈): the form that goes out with a digest, and what a form that came back says, row by row.
//!
//! A form is filled in for what only the unit knows: reasons, measures, the next date, difficulties (fields a ledger file marks
//! `editable`). What the register reports is never overwritten: a fact that a form shows otherwise is a proposal (待核实) for the unit
//! to report and the office to check.
//!
//! Invariant: every row of a form has exactly one [`Outcome`], and one that was not taken says why.

use crate::domain::audience::masked;
use crate::domain::intake::note::SheetAccount;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::register::ledger::{Field, FieldKind, Ledger, Privacy, Role};
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::{Cell, Columns, Record};
use crate::domain::register::units::UnitId;
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Condition, Operand, Rule, RuleKind};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Above the table of a form: who filled it in and when.
pub const WHO: &str = "填报人";
pub const FILLED_ON: &str = "填报日期";
/// Before the number that says whose form it is, and of which day.
pub const NUMBER: &str = "表号";

/// The columns a form has beside those of its ledger.
const VERDICT: (&str, &str) = ("feedback_verdict", "核对结果");
const REMARK: (&str, &str) = ("feedback_remark", "有关说明");
const CHECK: (&str, &str) = ("feedback_check", "校验码");

/// What a unit may say of the facts shown to it.
pub const VERDICTS: [&str; 2] = ["属实", "有出入"];

/// What a unit said of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub ledger: String,
    pub code: String,
    /// Code of the unit whose form it was.
    pub unit: String,
    /// Who filled it in; empty where the form does not say.
    pub who: String,
    pub filled_on: NaiveDate,
    /// The day the form's facts describe.
    pub as_of: NaiveDate,
    pub verdict: String,
    pub remark: String,
    /// Field id → what was written.
    pub values: BTreeMap<String, String>,
    pub proposals: Vec<Proposal>,
}

/// A fact that a form shows otherwise than the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub field: String,
    /// What the register holds; empty = nothing.
    pub was: String,
    pub now: String,
}

/// The last answer on each record, by ledger id and code.
pub type Answers = BTreeMap<(String, String), Answer>;

impl Answer {
    /// Whether both say the same, whoever wrote them and whenever.
    fn agrees(&self, other: &Answer) -> bool {
        (&self.verdict, &self.remark, &self.values, &self.proposals) == (&other.verdict, &other.remark, &other.values, &other.proposals)
    }

    /// What was said, as a person reads it: `未推进原因：…；下步措施：…`.
    pub fn said(&self, ledger: &Ledger) -> String {
        let title = |id: &str| ledger.field(id).map_or(id.to_owned(), |field| ledger.fields[field].title.clone());
        // in the order of the ledger's fields
        let mut values: Vec<(usize, String)> =
            self.values.iter().map(|(id, text)| (ledger.field(id).unwrap_or(usize::MAX), format!("{}：{text}", title(id)))).collect();
        values.sort();
        let mut parts: Vec<String> = values.into_iter().map(|(_, text)| text).collect();
        if !self.verdict.is_empty() {
            parts.insert(0, format!("核对{}", self.verdict));
        }
        if !self.remark.is_empty() {
            parts.push(format!("说明：{}", self.remark));
        }
        parts.join("；")
    }

    /// The facts it shows otherwise: `实际开工时间台账未填，反馈为2026-08-01`.
    pub fn proposed(&self, ledger: &Ledger) -> String {
        let one = |proposal: &Proposal| {
            let title = ledger.field(&proposal.field).map_or(proposal.field.as_str(), |field| ledger.fields[field].title.as_str());
            let was = if proposal.was.is_empty() { "未填".to_owned() } else { format!("为{}", proposal.was) };
            format!("{title}台账{was}，反馈为{}", proposal.now)
        };
        self.proposals.iter().map(one).collect::<Vec<_>>().join("；")
    }

    /// `10月12日 张三`.
    pub fn by(&self) -> String {
        format!("{}{}{}", chinese_day(self.filled_on), if self.who.is_empty() { "" } else { " " }, self.who)
    }
}

/// The ledger as a form has it: its own fields, and behind them those of the form.
pub fn form_ledger(ledger: &Ledger) -> Ledger {
    let own = |(id, title): (&str, &str), values: &[&str]| Field {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: FieldKind::Text,
        aliases: Vec::new(),
        required: false,
        editable: true,
        privacy: Privacy::None,
        role: None,
        values: values.iter().map(|word| (*word).to_owned()).collect(),
    };
    let mut fields = ledger.fields.clone();
    fields.extend([own(VERDICT, &VERDICTS), own(REMARK, &[]), own(CHECK, &[])]);
    Ledger::new(ledger.id.clone(), ledger.title.clone(), ledger.counted.clone(), fields, ledger.owner, ledger.money_power, ledger.confined)
}

/// The titles of the form's own columns: 核对结果, 有关说明, 校验码.
pub fn own_titles() -> [&'static str; 3] {
    [VERDICT.1, REMARK.1, CHECK.1]
}

/// The number of a form: whose it is, and of which day.
pub fn form_number(unit_code: &str, as_of: NaiveDate) -> String {
    format!("{NUMBER} {unit_code}/{}", as_of.format("%Y%m%d"))
}

/// Reads a [`form_number`] out of a text: the unit's code and the day.
pub fn read_number(text: &str) -> Option<(String, NaiveDate)> {
    let rest = text.split(NUMBER).nth(1)?.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '：'));
    let (unit, rest) = rest.split_once('/')?;
    let day: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((unit.trim().to_owned(), NaiveDate::parse_from_str(&day, "%Y%m%d").ok()?))
}

/// The fields of a ledger that a unit fills in.
pub fn editable(ledger: &Ledger) -> impl Iterator<Item = usize> {
    ledger.fields.iter().enumerate().filter(|(_, field)| field.editable).map(|(index, _)| index)
}

/// The facts whose change would settle a finding of a rule; what it was counted from stands in its own words.
fn facts_of(rule: &Rule) -> Vec<usize> {
    let of = |condition: &Condition| match condition {
        Condition::Filled(field) | Condition::NotFilled(field) | Condition::Within { field, .. } => vec![*field],
        Condition::Compare { field, operand: Operand::Field(other), .. } => vec![*field, *other],
        Condition::Compare { field, .. } => vec![*field],
        Condition::NotTerminated | Condition::KeyIndustry => Vec::new(),
    };
    match &rule.kind {
        RuleKind::Deadline { until, .. } => until.iter().copied().collect(),
        RuleKind::Lag { actual, .. } => vec![*actual],
        RuleKind::Missing { must } => must.iter().flat_map(of).collect(),
        RuleKind::Periodic { .. } => Vec::new(),
    }
}

/// One sheet of a form: the records of one ledger that a unit is asked about.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Index of the ledger.
    pub ledger: usize,
    /// The facts shown, in field order; none of them is personal, none the unit fills in anyway.
    pub facts: Vec<usize>,
    /// The codes of the records in the order of their first finding.
    pub records: Vec<String>,
}

/// What a unit is asked about among these findings: its own, of ledgers with fields to fill in.
pub fn asked(policy: &Policy, unit: UnitId, findings: &[&Finding]) -> Vec<Asked> {
    let mut by_ledger: BTreeMap<usize, Asked> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for finding in findings {
        let rule = &policy.rules[finding.rule];
        let ledger = &policy.ledgers[rule.ledger];
        let is_its_own = finding.owner == Some(unit) && finding.state != State::Exempt;
        if !is_its_own || matches!(rule.kind, RuleKind::Periodic { .. }) || editable(ledger).next().is_none() {
            continue;
        }
        let asked = by_ledger.entry(rule.ledger).or_insert_with(|| Asked { ledger: rule.ledger, ..Asked::default() });
        let shown = |field: &usize| {
            let named = [Role::Code, Role::Name, Role::Project].into_iter().any(|role| ledger.role(role) == Some(*field));
            !named && !ledger.fields[*field].editable && ledger.fields[*field].privacy == Privacy::None
        };
        asked.facts.extend(facts_of(rule).into_iter().chain(finding.missing.iter().copied()).filter(shown));
        if seen.insert((rule.ledger, &*finding.key)) {
            asked.records.push(finding.key.to_string());
        }
    }
    for asked in by_ledger.values_mut() {
        asked.facts.sort_unstable();
        asked.facts.dedup();
    }
    by_ledger.into_values().collect()
}

/// What stands in a field of the form before anyone fills it in: the last answer, else the register's own word.
pub fn prefilled(ledger: &Ledger, record: &Record, field: usize, last: Option<&Answer>) -> String {
    match last.and_then(|answer| answer.values.get(&ledger.fields[field].id)) {
        Some(text) => text.clone(),
        None => record.cell(field).to_string(),
    }
}

/// A short sum over the facts of a row (FNV-1a), by which a changed cell is told from an old form.
pub fn check_code(ledger: &Ledger, code: &str, cells: &[Cell], facts: impl Iterator<Item = usize>) -> String {
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(&ledger.id);
    add(code);
    for field in facts {
        add(&ledger.fields[field].id);
        add(&masked(&cells.get(field).unwrap_or(&Cell::Empty).to_string()));
    }
    format!("{:08X}", (sum >> 32) ^ (sum & 0xffff_ffff))
}

/// The head of a form that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormHead {
    pub unit: UnitId,
    pub as_of: NaiveDate,
    pub who: String,
    pub filled_on: NaiveDate,
}

/// One row of a form that came back, read by the fields of [`form_ledger`].
pub struct FormRow<'a> {
    pub code: &'a str,
    pub cells: &'a [Cell],
    /// The fields the form has columns for.
    pub columns: Columns,
}

/// What is known of the record a row speaks of.
pub struct Known<'a> {
    pub record: Option<&'a Record>,
    pub owner: Option<UnitId>,
    pub last: Option<&'a Answer>,
}

/// What a row of a form came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, with what a person should know of it.
    Taken { answer: Answer, notes: Vec<String> },
    /// Nothing was filled in.
    Blank,
    /// The same as the last answer.
    Same,
    /// Not taken, and why.
    Returned { reason: String, hint: String },
}

/// Judges one row of a form.
pub fn settle(policy: &Policy, ledger: &Ledger, head: &FormHead, row: &FormRow<'_>, known: &Known<'_>) -> Outcome {
    let returned = |reason: String, hint: &str| Outcome::Returned { reason, hint: hint.to_owned() };
    let unit = &policy.units.units[head.unit];
    let Some(record) = known.record else {
        return returned(format!("{}中没有这个编号", ledger.title), "编号不要改动；新项目请先在台账中填报");
    };
    if known.owner != Some(head.unit) {
        let owner = known.owner.map_or("其他单位", |owner| policy.units.units[owner].name.as_str());
        return returned(format!("该事项的责任单位是{owner}，不是{}", unit.name), "请由责任单位反馈；责任单位有误的，请先更正台账");
    }
    let own = |(id, _): (&str, &str)| ledger.fields.len() + [VERDICT.0, REMARK.0, CHECK.0].iter().position(|own| *own == id).unwrap_or(0);
    let text = |field: usize| row.cells.get(field).map_or(String::new(), |cell| cell.to_string().trim().to_owned());
    let mut answer = Answer {
        ledger: ledger.id.clone(),
        code: row.code.to_owned(),
        unit: unit.code.clone(),
        who: head.who.clone(),
        filled_on: head.filled_on,
        as_of: head.as_of,
        verdict: text(own(VERDICT)),
        remark: text(own(REMARK)),
        values: BTreeMap::new(),
        proposals: Vec::new(),
    };
    let mut notes = Vec::new();
    let mut touched = !answer.verdict.is_empty() || !answer.remark.is_empty();
    for field in editable(ledger).filter(|field| row.columns.contains(*field)) {
        let said = text(field);
        let before = prefilled(ledger, record, field, known.last);
        // what a form hides of a telephone number is no change
        if said != before && said != masked(&before) {
            touched = true;
        }
        let was_said = known.last.is_some_and(|last| last.values.contains_key(&ledger.fields[field].id));
        if !said.is_empty() && (was_said || said != record.cell(field).to_string() && said != masked(&record.cell(field).to_string())) {
            answer.values.insert(ledger.fields[field].id.clone(), if said == masked(&before) { before } else { said });
        }
    }
    let facts: Vec<usize> = (0..ledger.fields.len())
        .filter(|field| row.columns.contains(*field) && !ledger.fields[*field].editable)
        .filter(|field| ![Role::Code, Role::Name].into_iter().any(|role| ledger.role(role) == Some(*field)))
        .collect();
    let stated = text(own(CHECK));
    let as_sent = stated == check_code(ledger, row.code, row.cells, facts.iter().copied());
    let differs = |field: &usize| masked(&text(*field)) != masked(record.cell(*field).to_string().trim());
    let differing: Vec<usize> = facts.iter().copied().filter(differs).collect();
    if as_sent {
        // the facts are as they were sent: where they differ, the register has moved on
        for field in differing {
            let now = record.cell(field).to_string();
            let now = if now.is_empty() { "未填".to_owned() } else { now };
            notes.push(format!("反馈表发出后台账的{}已改为{now}，事实以台账为准", ledger.fields[field].title));
        }
    } else {
        for field in differing {
            let now = text(field);
            if now.is_empty() {
                notes.push(format!("{}被清空，未作改动；如台账有误请在说明中写明", ledger.fields[field].title));
                continue;
            }
            answer.proposals.push(Proposal { field: ledger.fields[field].id.clone(), was: record.cell(field).to_string(), now });
        }
        touched |= !answer.proposals.is_empty();
    }
    if known.last.is_some_and(|last| answer.agrees(last)) {
        return Outcome::Same;
    }
    if !touched {
        return Outcome::Blank;
    }
    if !answer.verdict.is_empty() && !VERDICTS.contains(&answer.verdict.as_str()) {
        return returned(format!("核对结果“{}”不在“{}”之内", answer.verdict, VERDICTS.join("、")), "请从下拉列表中选择");
    }
    if let Some(last) = known.last {
        if last.as_of > head.as_of {
            let (newer, older) = (chinese_date(last.as_of), chinese_date(head.as_of));
            return returned(format!("已收到截至{newer}的反馈表，本表截至{older}，是较早的表"), "请在最近一次提醒所附的反馈表上填写");
        }
        if last.as_of == head.as_of && last.who != head.who && !last.values.is_empty() {
            notes.push(format!("与{}的反馈不同，以本次为准，前次留存备查", last.by()));
        }
    }
    if head.who.is_empty() {
        notes.push("表上未写填报人".to_owned());
    }
    if !answer.proposals.is_empty() {
        notes.push(format!("{}，列为待核实，请责任单位在台账中更新", answer.proposed(ledger)));
    }
    Outcome::Taken { answer, notes }
}

/// How one form came out.
#[derive(Clone, Debug, Default)]
pub struct FormAccount {
    pub unit: String,
    pub as_of: NaiveDate,
    pub sheets: Vec<SheetAccount>,
    pub taken: usize,
    pub blank: usize,
    pub same: usize,
    pub returned: usize,
    /// Columns that are to be filled in and that the form no longer has.
    pub lacking: Vec<String>,
    /// Place, code, and what there is to say.
    pub lines: Vec<(String, String, String)>,
}

/// A record that its unit was asked about and has not answered for: unit, index of the ledger, code.
pub type Silent = (UnitId, usize, String);

/// Records whose unit has not answered since the day it was asked, in administrative order, each once. `open` gives those that are
/// still open, `asked_on` the day a unit was asked where its time to answer has passed.
pub fn silent<'a>(
    policy: &Policy,
    asked_on: impl Fn(UnitId) -> Option<NaiveDate>,
    open: impl Iterator<Item = (UnitId, usize, &'a str)>,
    answers: &Answers,
) -> Vec<Silent> {
    let mut records: BTreeSet<Silent> = BTreeSet::new();
    for (unit, ledger, code) in open {
        let Some(asked) = asked_on(unit) else { continue };
        let key = (policy.ledgers[ledger].id.clone(), code.to_owned());
        if answers.get(&key).is_none_or(|answer| answer.filled_on < asked) {
            records.insert((unit, ledger, key.1));
        }
    }
    records.into_iter().collect()
}
