//! Feedback (反馈): the feedback form that goes out with a digest, and how each row of a returned form is taken.
//!
//! A unit fills in what only it knows: reasons, measures, the next date, difficulties (fields that a ledger file marks `editable`). A form
//! never overwrites the register: a fact that a form states differently is a proposal (待核实), which the unit reports and the office
//! checks.
//!
//! Invariant: every row of a form has exactly one [`Outcome`], and a row that was not taken has a reason.

use crate::domain::audience::{NOT_SHOWN, is_open_field, masked};
use crate::domain::intake::note::SheetAccount;
use crate::domain::intake::text::half_width;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::notify::form_acts;
use crate::domain::notify::form_acts::{FormAct, FormFields, FormRow};
use crate::domain::notify::form_seal::{FormKey, RowCheck, SealedRow, plain};
use crate::domain::plain_text::on_one_line;
use crate::domain::register::ledger::{Field, FieldKind, Ledger, Privacy, Role, Roles};
use crate::domain::register::period::{chinese_date, chinese_day};
use crate::domain::register::record::{Columns, Record};
use crate::domain::register::units::UnitId;
use crate::domain::rules::condition::{Condition, Operand};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Rule, RuleKind, RuleOwner};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Labels above the table of a feedback form: who filled it in, and when.
pub const WHO: &str = "填报人";
pub const FILLED_ON: &str = "填报日期";
/// Label of the form number, which identifies the unit and the day.
pub const NUMBER: &str = "表号";

/// Id and title of the columns a form has beside those of its ledger.
const VERDICT: (&str, &str) = ("feedback_verdict", "核对结果");
const REMARK: (&str, &str) = ("feedback_remark", "有关说明");
const CHECK: (&str, &str) = ("feedback_check", "校验码");
/// The column with the findings in words, which a unit only reads.
pub const FINDINGS: (&str, &str) = ("feedback_findings", "督办事项");

/// The two verdicts a unit may give on the facts shown to it.
pub const VERDICTS: [&str; 2] = ["属实", "有出入"];

/// The answer of a unit on one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub ledger: String,
    pub code: String,
    /// Code of the unit whose form it was.
    pub unit: String,
    /// Who filled it in; empty where the form names nobody.
    pub who: String,
    pub filled_on: NaiveDate,
    /// The day the form's facts describe.
    pub as_of: NaiveDate,
    /// The clerk who recorded it for the unit (代录); empty = the unit's own form.
    #[serde(default)]
    pub on_behalf: String,
    pub verdict: String,
    pub remark: String,
    /// Text by field id.
    pub values: BTreeMap<String, String>,
    pub proposals: Vec<Proposal>,
    /// What was done on the record by the form, in words: `签收（9月28日）`.
    #[serde(default)]
    pub acts: Vec<String>,
}

/// A fact that a form states differently from the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    pub field: String,
    /// The value in the register; empty = none.
    pub was: String,
    pub now: String,
}

/// The last answer on each record, by ledger id and code.
pub type Answers = BTreeMap<(String, String), Answer>;

impl Answer {
    /// The answer as others than the office read it: without the texts that name a restricted record.
    pub fn for_others(&self, names_restricted: impl Fn(&str) -> bool) -> Answer {
        let shown = |text: &str| if names_restricted(text) { NOT_SHOWN.to_owned() } else { text.to_owned() };
        let proposal = |one: &Proposal| Proposal { was: shown(&one.was), now: shown(&one.now), ..one.clone() };
        Answer {
            who: shown(&self.who),
            verdict: shown(&self.verdict),
            remark: shown(&self.remark),
            values: self.values.iter().map(|(id, text)| (id.clone(), shown(text))).collect(),
            proposals: self.proposals.iter().map(proposal).collect(),
            ..self.clone()
        }
    }

    /// Whether both have the same content, whoever wrote them and on whatever day.
    fn has_same_content(&self, other: &Answer) -> bool {
        (&self.verdict, &self.remark, &self.values, &self.proposals) == (&other.verdict, &other.remark, &other.values, &other.proposals)
    }

    /// The answer as text, in the order of the ledger's fields: `未推进原因：…；下步措施：…`.
    pub fn text(&self, ledger: &Ledger) -> String {
        let title = |id: &str| ledger.field(id).map_or(id.to_owned(), |field| ledger.fields[field].title.clone());
        let mut values: Vec<(usize, String)> =
            self.values.iter().map(|(id, text)| (ledger.field(id).unwrap_or(usize::MAX), format!("{}：{text}", title(id)))).collect();
        values.sort();
        let acts = (!self.acts.is_empty()).then(|| self.acts.join("、"));
        let mut parts: Vec<String> = acts.into_iter().chain(values.into_iter().map(|(_, text)| text)).collect();
        if !self.verdict.is_empty() {
            parts.insert(0, format!("核对{}", self.verdict));
        }
        if !self.remark.is_empty() {
            parts.push(format!("说明：{}", self.remark));
        }
        parts.join("；")
    }

    /// The proposals as text: `实际开工时间台账未填，反馈为2026-08-01`.
    pub fn proposed(&self, ledger: &Ledger) -> String {
        let one = |proposal: &Proposal| {
            let title = ledger.field(&proposal.field).map_or(proposal.field.as_str(), |field| ledger.fields[field].title.as_str());
            let was = if proposal.was.is_empty() { "未填".to_owned() } else { format!("为{}", proposal.was) };
            format!("{title}台账{was}，反馈为{}", proposal.now)
        };
        self.proposals.iter().map(one).collect::<Vec<_>>().join("；")
    }

    /// Day and author: `10月12日 张三`, `10月12日 张三（办公室李四代录）`.
    pub fn by(&self) -> String {
        let clerk = if self.on_behalf.is_empty() { String::new() } else { format!("（办公室{}代录）", self.on_behalf) };
        format!("{}{}{}{clerk}", chinese_day(self.filled_on), if self.who.is_empty() { "" } else { " " }, on_one_line(&self.who))
    }
}

/// The ledger of the feedback form of a ledger (index): its fields, followed by the form's own columns.
pub fn form_ledger(policy: &Policy, index: usize) -> Ledger {
    let (ledger, filled) = (&policy.ledgers[index], FormFields::of(policy, index));
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
        words: Vec::new(),
        own: false,
        latest: false,
    };
    let as_shown = |(index, field): (usize, &Field)| Field {
        editable: filled.contains(index),
        own: field.own && !filled.contains(index),
        ..field.clone()
    };
    let mut fields: Vec<Field> = ledger.fields.iter().enumerate().map(as_shown).collect();
    fields.extend([own(VERDICT, &VERDICTS), own(REMARK, &[]), own(CHECK, &[])]);
    fields.push(Field { editable: false, ..own(FINDINGS, &[]) });
    Ledger { roles: Roles::of(&fields), fields, append_only: Vec::new(), ..ledger.clone() }
}

/// The titles of the form's own columns: 核对结果, 有关说明, 校验码.
pub fn own_titles() -> [&'static str; 3] {
    [VERDICT.1, REMARK.1, CHECK.1]
}

/// The form number, made of the unit's code, the day, the number of the key and its seal: `表号 522725/20260930/1-ABCD…`.
pub fn form_number(unit_code: &str, as_of: NaiveDate, key: &FormKey) -> String {
    format!("{}/{}-{}", form_name(unit_code, as_of), key.id, key.number_seal(unit_code, as_of))
}

/// What names a form in the log: `表号 522725/20260930`.
pub fn form_name(unit_code: &str, as_of: NaiveDate) -> String {
    format!("{NUMBER} {unit_code}/{}", as_of.format("%Y%m%d"))
}

/// What a form's number names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormNumber {
    /// Code of the unit.
    pub unit: String,
    pub as_of: NaiveDate,
    /// The number of the key; 0 = the form names none.
    pub key: i64,
    pub seal: String,
}

impl FormNumber {
    /// Reads a [`form_number`] in a text.
    pub fn read(text: &str) -> Option<FormNumber> {
        let text = half_width(text).replace(['\u{2013}', '\u{2014}', '\u{2212}'], "-");
        let rest = text.split(NUMBER).nth(1)?.trim_start_matches(|c: char| c.is_whitespace() || c == ':');
        let (unit, rest) = rest.split_once('/')?;
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let day = digits(rest);
        let sealed = rest[day.len()..].strip_prefix('/').and_then(|rest| rest.split_once('-'));
        let (key, seal) = sealed.unwrap_or_default();
        Some(FormNumber {
            unit: unit.trim().to_owned(),
            as_of: NaiveDate::parse_from_str(&day, "%Y%m%d").ok()?,
            key: key.parse().unwrap_or(0),
            seal: seal.chars().take_while(char::is_ascii_alphanumeric).collect(),
        })
    }

    /// Whether the key made this number.
    pub fn is_of(&self, key: &FormKey) -> bool {
        self.key == key.id && plain(&self.seal) == plain(&key.number_seal(&self.unit, self.as_of))
    }
}

/// The fields whose change would resolve a finding of a rule. The fields it was counted from are named in the finding itself.
fn facts_of(ledger: &Ledger, rule: &Rule) -> Vec<usize> {
    let of = |condition: &Condition| match condition {
        Condition::Compare { field, operand: Operand::Field(other), .. } => vec![*field, *other],
        Condition::NotTerminated | Condition::KeyIndustry => Vec::new(),
        other => other.fields(ledger).iter().collect(),
    };
    match &rule.kind {
        RuleKind::Deadline { until, .. } => until.clone(),
        RuleKind::Lag { actual, .. } => vec![*actual],
        RuleKind::Missing { must } => must.iter().flat_map(of).collect(),
        RuleKind::Periodic { .. } => Vec::new(),
    }
}

/// One sheet of a feedback form: the records of one ledger that a unit is asked about.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Index of the ledger.
    pub ledger: usize,
    /// The fields shown as facts, in field order; without personal fields and those the unit fills in.
    pub facts: Vec<usize>,
    /// The codes of the records in the order of their first finding.
    pub records: Vec<String>,
    /// Those of them on which the unit is asked because it raised them.
    pub raised: BTreeSet<String>,
}

/// What a unit is asked about: those of the findings that it owns and whose ledger has fields to fill in.
pub fn asked(policy: &Policy, unit: UnitId, findings: &[&Finding]) -> Vec<Asked> {
    let mut by_ledger: BTreeMap<usize, Asked> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for finding in findings {
        let rule = &policy.rules[finding.rule];
        let ledger = &policy.ledgers[rule.ledger];
        // what waits at the desk of an office is decided there, not answered by a form
        let is_its_own =
            finding.owner == Some(unit) && finding.state != State::Exempt && finding.done_since.is_none() && !finding.is_of_desk;
        let filled = FormFields::of(policy, rule.ledger);
        if !is_its_own || matches!(rule.kind, RuleKind::Periodic { .. }) || filled.is_empty() {
            continue;
        }
        let asked = by_ledger.entry(rule.ledger).or_insert_with(|| Asked { ledger: rule.ledger, ..Asked::default() });
        let shown = |field: &usize| {
            let named = [Role::Code, Role::Name, Role::Project].into_iter().any(|role| ledger.role(role) == Some(*field));
            !named && !filled.contains(*field) && !ledger.fields[*field].own && is_open_field(&ledger.fields[*field])
        };
        asked.facts.extend(facts_of(ledger, rule).into_iter().chain(finding.missing.iter().copied()).filter(shown));
        if seen.insert((rule.ledger, &*finding.key)) {
            asked.records.push(finding.key.to_string());
        }
        if rule.owner == RuleOwner::Raiser {
            asked.raised.insert(finding.key.to_string());
        }
    }
    for asked in by_ledger.values_mut() {
        asked.facts.sort_unstable();
        asked.facts.dedup();
    }
    by_ledger.into_values().collect()
}

/// The text of a field before the unit fills it in: the last answer, else the value in the register.
pub fn prefilled(ledger: &Ledger, filled: FormFields, record: &Record, field: usize, last: Option<&Answer>) -> String {
    if filled.acts.contains(field) {
        return form_acts::shown(ledger, record, field);
    }
    match last.and_then(|answer| answer.values.get(&ledger.fields[field].id)) {
        Some(text) => text.clone(),
        None => record.cell(field).to_string(),
    }
}

/// The cells of a row as its 校验码 counts them: pairs of field id and text, in field order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedCells<'a> {
    pub facts: Vec<(&'a str, String)>,
    pub all: Vec<(&'a str, String)>,
    pub name: Vec<(&'a str, String)>,
    pub findings: Vec<(&'a str, String)>,
}

impl<'a> SealedCells<'a> {
    /// The cells of the fields that are columns of the form; `text` gives what a cell reads, `findings` what the one with the findings does.
    pub fn new(
        ledger: &'a Ledger,
        filled: FormFields,
        is_column: impl Fn(usize) -> bool,
        text: impl Fn(usize) -> String,
        findings: &str,
    ) -> SealedCells<'a> {
        let is = |field: usize, role: Role| ledger.role(role) == Some(field);
        let mut cells = SealedCells { findings: vec![(FINDINGS.0, masked(findings))], ..SealedCells::default() };
        for (index, field) in ledger.fields.iter().enumerate().filter(|(index, _)| is_column(*index) && !is(*index, Role::Code)) {
            let cell = (field.id.as_str(), masked(&text(index)));
            if is(index, Role::Name) {
                cells.name.push(cell.clone());
            } else if !filled.contains(index) {
                cells.facts.push(cell.clone());
            }
            cells.all.push(cell);
        }
        cells
    }
}

/// What the 校验码 of a returned row shows.
fn check_row(ledger: &Ledger, filled: FormFields, unit_code: &str, as_of: NaiveDate, row: &FormRow<'_>, key: &FormKey) -> RowCheck {
    let findings = row.text(own_field(ledger, FINDINGS));
    let cells = SealedCells::new(ledger, filled, |field| row.columns.contains(field), |field| row.text(field), &findings);
    // sent empty
    let filled = [VERDICT, REMARK].into_iter().map(|column| (column.0, row.text(own_field(ledger, column))));
    let all: Vec<(&str, String)> = cells.all.iter().cloned().chain(filled.filter(|(_, text)| !text.is_empty())).collect();
    let SealedCells { facts, name, findings, .. } = &cells;
    let sealed = SealedRow { unit: unit_code, as_of, ledger: &ledger.id, code: row.code, facts, cells: &all, name, findings };
    key.check(&sealed, &row.text(own_field(ledger, CHECK)))
}

/// The head of a returned form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormHead {
    pub unit: UnitId,
    pub as_of: NaiveDate,
    pub who: String,
    pub filled_on: NaiveDate,
    /// The clerk who records it for the unit; empty = the unit's own form.
    pub on_behalf: String,
}

/// What makes a returned row one of ours.
#[derive(Clone, Copy, Debug)]
pub enum RowProof<'a> {
    /// The key of the form's number, with which its 校验码 is checked.
    Key(&'a FormKey),
    /// A clerk takes it for the unit, whatever its 校验码.
    Clerk,
}

/// The index of one of the form's own columns in [`form_ledger`].
fn own_field(ledger: &Ledger, column: (&str, &str)) -> usize {
    ledger.fields.len() + [VERDICT, REMARK, CHECK, FINDINGS].iter().position(|own| *own == column).unwrap_or(0)
}

/// What is known of the record of a row.
pub struct KnownRecord<'a> {
    pub record: Option<&'a Record>,
    pub owner: Option<UnitId>,
    /// Whether the unit of the form may make one of the acts that a form can mean.
    pub may_act: bool,
    pub last: Option<&'a Answer>,
    /// The findings on it in the unit's mail of that day, in words; `None` = there is no such mail.
    pub sent_findings: Option<String>,
}

/// How a row of a form was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, with remarks for the office.
    Taken { answer: Box<Answer>, notes: Vec<String> },
    /// The unit filled in nothing, or the row is as it was sent. With remarks on cells that were emptied or written over.
    Blank { notes: Vec<String> },
    /// The same as the last answer, with the same remarks.
    Same { notes: Vec<String> },
    /// Not taken, with the reason and what the unit can do.
    Returned { reason: String, hint: String },
}

/// Decides how one row of a returned form of a ledger (index) is taken, and which acts it means. The row is taken only if all of them are made.
pub fn assess_row(
    policy: &Policy,
    index: usize,
    head: &FormHead,
    row: &FormRow<'_>,
    known: &KnownRecord<'_>,
    proof: RowProof<'_>,
) -> (Outcome, Vec<FormAct>) {
    let mut acts = Vec::new();
    let outcome = assess(policy, index, head, row, known, proof, &mut acts);
    if !matches!(outcome, Outcome::Taken { .. }) {
        acts.clear();
    }
    (outcome, acts)
}

fn assess(
    policy: &Policy,
    index: usize,
    head: &FormHead,
    row: &FormRow<'_>,
    known: &KnownRecord<'_>,
    proof: RowProof<'_>,
    acts: &mut Vec<FormAct>,
) -> Outcome {
    let (ledger, filled) = (&policy.ledgers[index], FormFields::of(policy, index));
    let returned = |reason: String, hint: &str| Outcome::Returned { reason, hint: hint.to_owned() };
    let unit = &policy.units.units[head.unit];
    let Some(record) = known.record else {
        return returned(format!("{}中没有这个编号", ledger.title), "编号不要改动；新项目请先在台账中填报");
    };
    if known.owner != Some(head.unit) && !known.may_act {
        let owner = known.owner.map_or("其他单位", |owner| policy.units.units[owner].name.as_str());
        return returned(format!("该事项的责任单位是{owner}，不是{}", unit.name), "请由责任单位反馈；责任单位有误的，请先更正台账");
    }
    let check = match proof {
        RowProof::Key(key) => check_row(ledger, filled, &unit.code, head.as_of, row, key),
        RowProof::Clerk => {
            RowCheck { is_ours: true, has_facts_as_sent: false, is_untouched: false, has_name_as_sent: true, has_findings_as_sent: true }
        }
    };
    if !check.is_ours {
        return returned(
            "校验码与表号、编号不符，这一行不是发给本单位的原件".to_owned(),
            "请在最近一次提醒所附的反馈表上填写，编号和校验码不要改动",
        );
    }
    if check.is_untouched {
        return Outcome::Blank { notes: Vec::new() };
    }
    let mut answer = Answer {
        ledger: ledger.id.clone(),
        code: row.code.to_owned(),
        unit: unit.code.clone(),
        who: head.who.clone(),
        filled_on: head.filled_on,
        as_of: head.as_of,
        on_behalf: head.on_behalf.clone(),
        verdict: row.text(own_field(ledger, VERDICT)),
        remark: row.text(own_field(ledger, REMARK)),
        values: BTreeMap::new(),
        proposals: Vec::new(),
        acts: Vec::new(),
    };
    let mut used = Columns::default();
    if let Some(life) = policy.life(index) {
        let form = form_name(&unit.code, head.as_of);
        *acts = form_acts::acts_of(ledger, life, &form, record, row, &answer.remark);
        used = form_acts::used_by(ledger, life, acts);
        // a cell that nothing is made of is not passed over
        if let Some(reason) = form_acts::unused(ledger, life, record, row, used) {
            return returned(reason, "请一起填写，或清空这一栏");
        }
    }
    let has_new_text = fill_values(ledger, filled, record, row, known.last, &mut answer);
    let mismatches = mismatches(ledger, record, row, &check, known.sent_findings.as_deref());
    let mut notes = compare_facts(ledger, filled, record, row, check.has_facts_as_sent, used, &mut answer);
    let is_filled_in =
        !acts.is_empty() || has_new_text || !answer.verdict.is_empty() || !answer.remark.is_empty() || !answer.proposals.is_empty();
    if acts.is_empty() && known.last.is_some_and(|last| answer.has_same_content(last)) {
        return Outcome::Same { notes };
    }
    if !is_filled_in {
        let emptied = left_empty(ledger, filled, record, row, known.last, false);
        return Outcome::Blank { notes: mismatches.into_iter().chain(notes).chain(emptied).collect() };
    }
    if !mismatches.is_empty() {
        return returned(
            format!("{}，与校验码所封的内容不符，不能确认填的是哪一项", mismatches.join("；")),
            "请在这一项原来的行上填写；编号、名称、督办事项和校验码都不要改动，也不要把内容移到别的行",
        );
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
    notes.extend(left_empty(ledger, filled, record, row, known.last, true));
    if head.who.is_empty() {
        notes.push("表上未写填报人".to_owned());
    }
    if !answer.proposals.is_empty() {
        notes.push(format!("{}，列为待核实，请责任单位在台账中更新", answer.proposed(ledger)));
    }
    Outcome::Taken { answer: Box::new(answer), notes }
}

/// Takes the texts of the fields to fill in into the answer. Returns whether the unit wrote any that was not there before.
fn fill_values(
    ledger: &Ledger,
    filled: FormFields,
    record: &Record,
    row: &FormRow<'_>,
    last: Option<&Answer>,
    answer: &mut Answer,
) -> bool {
    let mut has_new_text = false;
    for field in filled.answers.iter().filter(|field| row.columns.contains(*field)) {
        let id = &ledger.fields[field].id;
        let before = prefilled(ledger, filled, record, field, last);
        // an earlier answer that the form does not show is unchanged
        let written = Some(row.text(field)).filter(|written| written != NOT_SHOWN).unwrap_or_else(|| before.clone());
        // a phone number that the form shows masked is unchanged, and an emptied cell is no answer
        has_new_text |= !written.is_empty() && written != before && written != masked(&before);
        let was_answered = last.is_some_and(|last| last.values.contains_key(id));
        let in_register = record.cell(field).to_string();
        if !written.is_empty() && (was_answered || written != in_register && written != masked(&in_register)) {
            answer.values.insert(id.clone(), if written == masked(&before) { before } else { written });
        }
    }
    has_new_text
}

/// Remarks on fields to fill in that are empty although they had a text before: an empty cell clears nothing in the register. `replaces`: the answer
/// of this row takes the place of the last one.
fn left_empty(
    ledger: &Ledger,
    filled: FormFields,
    record: &Record,
    row: &FormRow<'_>,
    last: Option<&Answer>,
    replaces: bool,
) -> Vec<String> {
    let remark = |field: usize| {
        let Field { id, title, .. } = &ledger.fields[field];
        let before = prefilled(ledger, filled, record, field, last);
        let was_answered = last.is_some_and(|last| last.values.contains_key(id));
        let (of, becomes) = match (was_answered, replaces) {
            (true, true) => ("前次反馈", "不再沿用，前次留存备查"),
            (true, false) => ("前次反馈", "照旧有效；有误的请写上正确的内容"),
            (false, _) => ("台账", "未作改动；有误的请写上正确的内容"),
        };
        let is_left = row.text(field).is_empty() && !before.trim().is_empty();
        is_left.then(|| format!("{title}空着，{of}的“{}”{becomes}", masked(&on_one_line(&before))))
    };
    filled.iter().filter(|field| row.columns.contains(*field)).filter_map(remark).collect()
}

/// What of the cells by which a person knows the row is not as its 校验码 seals it: what was written over, and what had been there.
fn mismatches(ledger: &Ledger, record: &Record, row: &FormRow<'_>, check: &RowCheck, sent_findings: Option<&str>) -> Vec<String> {
    let written = |field: usize| match row.text(field) {
        empty if empty.is_empty() => "清空".to_owned(),
        text => format!("改成“{}”", masked(&text.replace('\n', "；"))),
    };
    let mut out = Vec::new();
    if let Some(name) = ledger.role(Role::Name).filter(|name| row.columns.contains(*name) && !check.has_name_as_sent) {
        let title = &ledger.fields[name].title;
        out.push(format!("{title}被{}（台账为“{}”）", written(name), masked(&record.cell(name).to_string())));
    }
    let findings = own_field(ledger, FINDINGS);
    if row.columns.contains(findings) && !check.has_findings_as_sent {
        let sent = sent_findings.map_or_else(String::new, |sent| format!("（所发为“{sent}”）"));
        out.push(format!("{}被{}{sent}", FINDINGS.1, written(findings)));
    }
    out
}

/// Compares the facts of a row with the register: a fact that the unit changed becomes a proposal, unless an act has used it. Returns remarks on the
/// others.
fn compare_facts(
    ledger: &Ledger,
    filled: FormFields,
    record: &Record,
    row: &FormRow<'_>,
    is_unchanged: bool,
    used: Columns,
    answer: &mut Answer,
) -> Vec<String> {
    let facts: Vec<usize> = (0..ledger.fields.len())
        .filter(|field| row.columns.contains(*field) && !filled.contains(*field) && !used.contains(*field))
        .filter(|field| ![Role::Code, Role::Name].into_iter().any(|role| ledger.role(role) == Some(*field)))
        .collect();
    let mut notes = Vec::new();
    for field in facts {
        let title = &ledger.fields[field].title;
        let (in_form, in_register) = (row.text(field), record.cell(field).to_string());
        if masked(&in_form) == masked(in_register.trim()) {
            continue;
        }
        if is_unchanged {
            // the unit changed no fact, so the register was changed since
            let now = if in_register.is_empty() { "未填" } else { &in_register };
            notes.push(format!("反馈表发出后台账的{title}已改为{now}，事实以台账为准"));
        } else if in_form.is_empty() {
            notes.push(format!("{title}被清空，未作改动；如台账有误请在说明中写明"));
        } else {
            answer.proposals.push(Proposal { field: ledger.fields[field].id.clone(), was: in_register, now: in_form });
        }
    }
    notes
}

/// How the remark on a row begins that is sent back.
pub const RETURNED: &str = "退回";

/// How one form was taken: rows by outcome.
#[derive(Clone, Debug, Default)]
pub struct FormAccount {
    pub unit: String,
    pub as_of: NaiveDate,
    pub sheets: Vec<SheetAccount>,
    pub taken: usize,
    pub blank: usize,
    pub same: usize,
    pub returned: usize,
    /// Records of the unit that its rows mark as restricted, and marks on records of others, which are not taken.
    pub restricted: usize,
    pub foreign_marks: usize,
    /// Columns to fill in that are missing from the form.
    pub missing_columns: Vec<String>,
    /// Place, code and remark.
    pub lines: Vec<(String, String, String)>,
}

/// A record that its unit was asked about and has not answered. Ordered by unit, ledger and code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SilentRecord {
    pub unit: UnitId,
    /// Index of the ledger.
    pub ledger: usize,
    pub code: String,
}

/// The records whose unit has not answered since the day it was asked, in administrative order, each once. `open` are the candidates;
/// `asked_on` returns the day a unit was asked, if its day to reply has passed.
pub(crate) fn silent(
    policy: &Policy,
    asked_on: impl Fn(UnitId) -> Option<NaiveDate>,
    open: impl Iterator<Item = SilentRecord>,
    answers: &Answers,
) -> Vec<SilentRecord> {
    let is_silent = |record: &SilentRecord| {
        let key = (policy.ledgers[record.ledger].id.clone(), record.code.clone());
        asked_on(record.unit).is_some_and(|asked| answers.get(&key).is_none_or(|answer| answer.filled_on < asked))
    };
    let records: BTreeSet<SilentRecord> = open.filter(is_silent).collect();
    records.into_iter().collect()
}
