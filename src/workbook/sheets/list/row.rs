//! The rows of lists: the cells of a finding or of a notice.

use crate::domain::audience::is_named;
use crate::domain::judging::finding::{Finding, Notice, State};
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::record::{Cell, Decimal, Record};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Act, Light, Rule, RuleKind};
use crate::domain::rules::sentence::clause;
use crate::workbook::model::{Row, Tag, Value};
use crate::workbook::sheets::list::columns::{BuiltIn, ColumnKey, ListColumn};
use crate::workbook::visible::{LinkedProject, VisibleMaterial};
use hashbrown::HashMap;
use std::sync::Arc;

/// The other findings of each project by state, in a list with one row per project.
pub(crate) type FoldedFindings<'a> = HashMap<(State, &'a str), Vec<&'a Finding>>;

/// What a row of a list shows.
struct ListedItem<'a> {
    rule: usize,
    key: &'a str,
    project: &'a str,
    /// `None` for a notice.
    finding: Option<&'a Finding>,
    notice: Option<&'a Notice>,
    /// Other findings of the same project, in a list with one row per project.
    folded: &'a [&'a Finding],
}

impl VisibleMaterial<'_> {
    /// The row of a finding; `number` is its running number.
    pub(crate) fn finding_row(&self, columns: &[ListColumn], number: usize, finding: &Finding, folded: &FoldedFindings<'_>) -> Row {
        let others = folded.get(&(finding.state, &*finding.project)).map_or(&[][..], Vec::as_slice);
        let item = ListedItem {
            rule: finding.rule,
            key: &finding.key,
            project: &finding.project,
            finding: Some(finding),
            notice: None,
            folded: others,
        };
        self.item_row(columns, number, &item)
    }

    /// The row of a notice; `number` is its running number.
    pub(crate) fn notice_row(&self, columns: &[ListColumn], number: usize, notice: &Notice) -> Row {
        let item =
            ListedItem { rule: notice.rule, key: &notice.key, project: &notice.project, finding: None, notice: Some(notice), folded: &[] };
        self.item_row(columns, number, &item)
    }

    fn item_row(&self, columns: &[ListColumn], number: usize, item: &ListedItem<'_>) -> Row {
        let policy = self.policy();
        let ledger = policy.rules[item.rule].ledger;
        let own = self.record(ledger, item.key);
        let record = own.as_deref();
        let project = policy.project_ledger();
        let other = project.filter(|project| *project != ledger).and_then(|project| self.record(project, item.project));
        let linked = match project {
            Some(project) if project == ledger => record.map_or(LinkedProject::None, LinkedProject::Visible),
            Some(project) => self.linked_project(project, other.as_deref()),
            None => LinkedProject::None,
        };
        let cells = columns
            .iter()
            .map(|column| match &column.key {
                ColumnKey::BuiltIn(key) => self.built_in_cell(*key, number, item, record),
                ColumnKey::Field(fields) => match (record, fields.get(ledger).copied().flatten()) {
                    (Some(record), Some(field)) => self.cell(ledger, field, record),
                    _ => Value::Blank,
                },
                ColumnKey::Project(field) => project.map_or(Value::Blank, |project| self.project_cell(&linked, project, *field)),
            })
            .collect();
        let (tag, key) = item.finding.map(|finding| (Tag::of(finding), Arc::clone(&finding.key))).unzip();
        let mut row = Row { cells, tag, key, ..Row::default() };
        if item.finding.is_some_and(|finding| !is_named(finding)) || item.notice.is_some_and(|notice| !is_named(notice)) {
            self.mark_restricted(&mut row, name_column(policy, ledger, columns));
        }
        row
    }

    fn built_in_cell(&self, key: BuiltIn, number: usize, item: &ListedItem<'_>, record: Option<&Record>) -> Value {
        let rule = &self.policy().rules[item.rule];
        match key {
            BuiltIn::No => Value::count(number),
            BuiltIn::Key => Value::text(item.key),
            BuiltIn::Basis => Value::text(clause(&rule.basis)),
            BuiltIn::Feedback => {
                let handled = item.finding.and_then(|finding| finding.handled.as_deref()).unwrap_or_default();
                let feedback = self.feedback(rule.ledger, item.key);
                let parts = [handled, &feedback].into_iter().filter(|part| !part.is_empty());
                Value::text(self.text(&parts.collect::<Vec<_>>().join("；")))
            }
            BuiltIn::Place => record.map_or(Value::Blank, |record| Value::text(self.place(rule.ledger, record.place))),
            key => match (item.finding, item.notice) {
                (Some(finding), _) => self.finding_cell(key, finding, item.folded),
                (None, Some(notice)) => self.notice_cell(key, notice),
                (None, None) => Value::Blank,
            },
        }
    }

    fn notice_cell(&self, key: BuiltIn, notice: &Notice) -> Value {
        let policy = self.policy();
        let rule = &policy.rules[notice.rule];
        match (key, notice.ends) {
            (BuiltIn::Rule, Some(kind)) => Value::text(format!("{}到期，恢复催办：{}", kind.title(), rule.title)),
            (BuiltIn::Rule, None) => Value::text(upcoming_title(&policy.ledgers[rule.ledger], rule)),
            (BuiltIn::Subject, _) => Value::text(self.text(&notice.name)),
            (BuiltIn::DueOn, _) => Value::Date(notice.due_on),
            (BuiltIn::Unit, _) => notice.owner.map_or(Value::Blank, |unit| Value::text(policy.units.units[unit].name.clone())),
            _ => Value::Blank,
        }
    }

    fn finding_cell(&self, key: BuiltIn, finding: &Finding, folded: &[&Finding]) -> Value {
        let policy = self.policy();
        let rule = &policy.rules[finding.rule];
        let unit_name = |unit: usize| policy.units.units[unit].name.clone();
        match key {
            BuiltIn::OtherFindings => {
                let others = folded.iter().map(|other| {
                    let light = if other.is_service(policy) { "服务" } else { other.light.map_or("", Light::title) };
                    format!("{}（{light}）", policy.rules[other.rule].title)
                });
                Value::text(others.collect::<Vec<_>>().join("、"))
            }
            BuiltIn::Rule => Value::text(rule.title.clone()),
            BuiltIn::Subject => Value::text(self.text(&finding.name)),
            BuiltIn::Light if finding.is_service(policy) => Value::text("服务"),
            BuiltIn::Light => finding.light.map_or(Value::Blank, Value::Light),
            BuiltIn::State => Value::text(state_word(finding.state)),
            BuiltIn::Act => Value::text(self.act_text(finding)),
            // the cell of an owner that is no known unit may hold anything
            BuiltIn::Unit => Value::text(self.text(&finding.unit)),
            BuiltIn::City => {
                let division = finding.owner.and_then(|owner| policy.units.division_of(owner));
                division.map_or(Value::Blank, |division| Value::text(unit_name(division)))
            }
            BuiltIn::DueOn => finding.due_on.map_or(Value::Blank, Value::Date),
            BuiltIn::OverdueDays => finding.overdue_days().map_or(Value::Blank, Value::Count),
            BuiltIn::LagPoints => {
                finding.lag.as_ref().map_or(Value::Blank, |lag| Value::Number(Decimal { mantissa: lag.tenths(), scale: 1 }))
            }
            BuiltIn::Missing => {
                let fields = &policy.ledgers[rule.ledger].fields;
                Value::text(finding.missing.iter().map(|field| fields[*field].title.as_str()).collect::<Vec<_>>().join("、"))
            }
            BuiltIn::Change if finding.waits_for_data => Value::text("待数据更新"),
            BuiltIn::Change => Value::text(finding.change.title()),
            BuiltIn::Quarters if finding.quarters > 0 => Value::count(finding.quarters),
            BuiltIn::Quarters => Value::Blank,
            BuiltIn::Cause => Value::text(finding.cause.to_string()),
            BuiltIn::WaitingOn => finding.waiting_on().map_or(Value::Blank, |unit| Value::text(unit_name(unit))),
            BuiltIn::Recipients => {
                let mut names: Vec<String> = finding.recipients().flatten().map(unit_name).collect();
                if finding.recipients().any(|unit| unit.is_none()) {
                    names.push("（有单位未落实）".into());
                }
                Value::text(names.join("、"))
            }
            BuiltIn::Major => finding.major.map_or(Value::Blank, |level| Value::text(policy.units.levels.major_mark(level))),
            BuiltIn::No
            | BuiltIn::Key
            | BuiltIn::Basis
            | BuiltIn::Place
            | BuiltIn::Feedback
            | BuiltIn::Items
            | BuiltIn::Serial
            | BuiltIn::Fill => Value::Blank,
        }
    }

    /// The act in words. An act from 督办 on is a draft until a person releases it: the office sees it marked as draft, units see 催办.
    fn act_text(&self, finding: &Finding) -> String {
        if let Some(done) = &finding.done_since {
            return done.to_string();
        }
        match (finding.state, finding.act) {
            (State::Open, Some(act)) if act <= Act::Urge => act.title().into(),
            (State::Open, Some(act)) if self.material.audience.sees_drafts() => format!("{}（拟办）", act.title()),
            (State::Open, Some(_)) => Act::Urge.title().into(),
            (State::Open, None) => String::new(),
            (State::Exempt, _) => finding
                .exempt
                .map_or_else(|| state_word(State::Exempt).into(), |exempt| format!("{}至{}", exempt.kind.title(), exempt.expires)),
            (state, _) => state_word(state).into(),
        }
    }

    /// A cell of the register as the audience may read it.
    pub(crate) fn cell(&self, ledger: usize, field: usize, record: &Record) -> Value {
        match record.cell(field) {
            Cell::Empty => Value::Blank,
            Cell::Text(text) => Value::text(self.material.audience.field_text(&self.policy().ledgers[ledger].fields[field], text)),
            Cell::Date(date) => Value::Date(*date),
            Cell::Money(fen) => Value::Amount(i128::from(*fen)),
            Cell::Decimal(value) => Value::Number(*value),
            Cell::Int(value) => Value::Count(*value),
            Cell::Bool(value) => Value::text(if *value { "是" } else { "否" }),
        }
    }
}

/// The column that shows the name of a record.
pub(crate) fn name_column(policy: &Policy, ledger: usize, columns: &[ListColumn]) -> Option<usize> {
    let name_of = |ledger: usize| policy.ledgers[ledger].role(Role::Name);
    let is_own = |column: &ListColumn| match &column.key {
        ColumnKey::BuiltIn(key) => *key == BuiltIn::Subject,
        ColumnKey::Field(fields) => name_of(ledger).is_some() && fields.get(ledger).copied().flatten() == name_of(ledger),
        ColumnKey::Project(_) => false,
    };
    let is_of_project = |column: &ListColumn| match &column.key {
        ColumnKey::Project(field) => policy.project_ledger().and_then(name_of) == Some(*field),
        ColumnKey::BuiltIn(_) | ColumnKey::Field(_) => false,
    };
    columns.iter().position(is_own).or_else(|| columns.iter().position(is_of_project))
}

/// The title of a notice names what must happen by the due date, because the rule's own title names the overdue state.
fn upcoming_title(ledger: &Ledger, rule: &Rule) -> String {
    match &rule.kind {
        RuleKind::Deadline { until, .. } if !until.is_empty() => {
            format!("应有{}", until.iter().map(|field| ledger.fields[*field].title.as_str()).collect::<Vec<_>>().join("或"))
        }
        _ => rule.title.clone(),
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Open => "督办",
        State::Exempt => "豁免",
        State::Unjudged => "无法判定",
    }
}
