//! The columns of sheets that have one row per finding, notice or record.

use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Field, FieldKind};
use crate::domain::rules::policy::Policy;

/// A column entry for all editable fields of the list's ledgers, which the unit fills in.
const EDITABLE: &str = "editable";

/// A column with its title.
#[derive(Clone, Debug)]
pub struct ListColumn {
    pub title: String,
    pub key: ColumnKey,
    /// The unit fills the column in.
    pub fill: bool,
}

/// Where the cells of a column come from.
#[derive(Clone, Debug)]
pub enum ColumnKey {
    BuiltIn(BuiltIn),
    /// A field of the row's own record: field index by ledger index.
    Field(Vec<Option<usize>>),
    /// A field of the project that the record belongs to: field index of the project ledger.
    Project(usize),
}

/// Columns that are not fields of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// The project's other findings, in a list with one row per project.
    OtherFindings,
    No,
    Light,
    Act,
    State,
    Rule,
    Key,
    Subject,
    Unit,
    City,
    DueOn,
    OverdueDays,
    LagPoints,
    Missing,
    Change,
    Cause,
    Basis,
    WaitingOn,
    /// Units that the finding is addressed to.
    Recipients,
    Major,
    Place,
    Feedback,
    /// How many quarter ends in a row the finding was red.
    Quarters,
    /// All findings of a record, one line per light.
    Items,
    /// Number of the record in this period: its code and the month of the as-of day.
    Serial,
    /// Blank, to be filled in.
    Fill,
}

impl BuiltIn {
    /// Every column with its key in a template.
    pub const NAMES: [(&'static str, BuiltIn); 26] = [
        ("also", BuiltIn::OtherFindings),
        ("no", BuiltIn::No),
        ("light", BuiltIn::Light),
        ("act", BuiltIn::Act),
        ("state", BuiltIn::State),
        ("rule", BuiltIn::Rule),
        ("key", BuiltIn::Key),
        ("subject", BuiltIn::Subject),
        ("unit", BuiltIn::Unit),
        ("city", BuiltIn::City),
        ("due_on", BuiltIn::DueOn),
        ("overdue_days", BuiltIn::OverdueDays),
        ("lag_points", BuiltIn::LagPoints),
        ("missing", BuiltIn::Missing),
        ("change", BuiltIn::Change),
        ("cause", BuiltIn::Cause),
        ("basis", BuiltIn::Basis),
        ("waiting_on", BuiltIn::WaitingOn),
        ("told", BuiltIn::Recipients),
        ("major", BuiltIn::Major),
        ("place", BuiltIn::Place),
        ("feedback", BuiltIn::Feedback),
        ("quarters", BuiltIn::Quarters),
        ("items", BuiltIn::Items),
        ("serial", BuiltIn::Serial),
        ("fill", BuiltIn::Fill),
    ];

    /// The title of the column if the template gives none.
    pub fn title(self) -> &'static str {
        match self {
            BuiltIn::OtherFindings => "同时存在",
            BuiltIn::No => "序号",
            BuiltIn::Light => "灯",
            BuiltIn::Act => "方式",
            BuiltIn::State => "状态",
            BuiltIn::Rule => "督办事项",
            BuiltIn::Key => "编号",
            BuiltIn::Subject => "名称",
            BuiltIn::Unit => "责任单位",
            BuiltIn::City => "市（州）",
            BuiltIn::DueOn => "应完成日期",
            BuiltIn::OverdueDays => "超期天数",
            BuiltIn::LagPoints => "落后百分点",
            BuiltIn::Missing => "缺项",
            BuiltIn::Change => "比上期",
            BuiltIn::Cause => "原因类别",
            BuiltIn::Basis => "依据",
            BuiltIn::WaitingOn => "待答复单位",
            BuiltIn::Recipients => "告知单位",
            BuiltIn::Major => "重大项目",
            BuiltIn::Place => "数据来源",
            BuiltIn::Feedback => "反馈情况",
            BuiltIn::Quarters => "连续红灯季度数",
            BuiltIn::Items => "督办事项",
            BuiltIn::Serial => "本期编号",
            BuiltIn::Fill => "填写",
        }
    }

    /// Whether a sheet of records may have this column.
    pub fn is_of_record(self) -> bool {
        use BuiltIn as B;
        matches!(
            self,
            B::No
                | B::Light
                | B::Items
                | B::Key
                | B::Subject
                | B::Unit
                | B::City
                | B::Cause
                | B::Basis
                | B::WaitingOn
                | B::Major
                | B::Place
                | B::Feedback
                | B::Serial
                | B::Fill
        )
    }

    /// Whether a list of findings may have this column.
    pub fn is_of_finding(self) -> bool {
        !matches!(self, BuiltIn::Items | BuiltIn::Serial | BuiltIn::Fill)
    }
}

/// Whether a sheet lists columns at all; a problem where it does not.
pub(crate) fn has_columns(words: &[String], at: &mut ProblemsAt<'_>) -> bool {
    if words.is_empty() {
        at.report("`columns` is missing or empty", None);
    }
    !words.is_empty()
}

/// The project ledger, if a column shows a field of it beside the row's own record.
pub(crate) fn project_if_shown(columns: &[ListColumn], policy: &Policy) -> Option<usize> {
    let is_shown = columns.iter().any(|column| matches!(column.key, ColumnKey::Project(_)));
    policy.project_ledger().filter(|_| is_shown)
}

/// The columns of a list. An entry is `KEY` or `KEY title of the column`; `KEY` is a built-in key that `is_offered`, a field of one of the
/// ledgers, `project.FIELD`, or `editable`.
pub(crate) fn list_columns(
    words: &[String],
    ledgers: &[usize],
    is_offered: fn(BuiltIn) -> bool,
    policy: &Policy,
    at: &mut ProblemsAt<'_>,
) -> Vec<ListColumn> {
    let entries: Vec<(&str, Option<&str>)> =
        words.iter().map(|word| word.split_once(' ').map_or((word.as_str(), None), |(key, title)| (key, Some(title.trim())))).collect();
    let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
    let mut columns = Vec::new();
    for (key, own_title) in entries {
        let title = |usual: String| own_title.map_or(usual, str::to_owned);
        if key == EDITABLE {
            columns.extend(editable(policy, ledgers, &keys));
        } else if let Some((_, built_in)) = BuiltIn::NAMES.iter().find(|(name, built_in)| *name == key && is_offered(*built_in)) {
            let fill = *built_in == BuiltIn::Fill;
            columns.push(ListColumn { title: title(built_in.title().to_owned()), key: ColumnKey::BuiltIn(*built_in), fill });
        } else if let Some(id) = key.strip_prefix("project.") {
            let Some(project) = policy.project_ledger() else { continue };
            let ledger = &policy.ledgers[project];
            match ledger.field(id) {
                Some(field) => {
                    let title = title(title_of(&ledger.fields[field]));
                    columns.push(ListColumn { title, key: ColumnKey::Project(field), fill: false });
                }
                None => at.report(
                    format!("column \"{key}\": the project ledger has no field \"{id}\""),
                    suggest(id, ledger.fields.iter().map(|field| field.id.as_str())),
                ),
            }
        } else {
            let fields = field_by_ledger(policy, ledgers, key);
            let first = fields.iter().enumerate().find_map(|(ledger, field)| Some(&policy.ledgers[ledger].fields[(*field)?]));
            match first {
                Some(field) => {
                    columns.push(ListColumn { title: title(title_of(field)), key: ColumnKey::Field(fields), fill: false });
                }
                None => at.report(
                    format!("column \"{key}\" is no key of this form and no field of its ledgers"),
                    suggest(key, known_keys(ledgers, is_offered, policy)),
                ),
            }
        }
    }
    columns
}

fn known_keys<'a>(ledgers: &'a [usize], is_offered: fn(BuiltIn) -> bool, policy: &'a Policy) -> impl Iterator<Item = &'a str> {
    let built_in = BuiltIn::NAMES.iter().filter(move |(_, key)| is_offered(*key)).map(|(name, _)| *name);
    let fields = ledgers.iter().flat_map(|ledger| policy.ledgers[*ledger].fields.iter().map(|field| field.id.as_str()));
    built_in.chain([EDITABLE]).chain(fields)
}

/// The editable fields of the ledgers that no other entry names, each id once.
fn editable(policy: &Policy, ledgers: &[usize], taken: &[&str]) -> Vec<ListColumn> {
    let mut ids: Vec<&str> = Vec::new();
    let mut columns = Vec::new();
    for field in ledgers.iter().flat_map(|ledger| &policy.ledgers[*ledger].fields).filter(|field| field.editable) {
        if taken.contains(&field.id.as_str()) || ids.contains(&field.id.as_str()) {
            continue;
        }
        ids.push(&field.id);
        let key = ColumnKey::Field(field_by_ledger(policy, ledgers, &field.id));
        columns.push(ListColumn { title: title_of(field), key, fill: true });
    }
    columns
}

/// For every ledger of the policy: the index of its field with this id, where the ledger is among those given.
fn field_by_ledger(policy: &Policy, ledgers: &[usize], id: &str) -> Vec<Option<usize>> {
    (0..policy.ledgers.len()).map(|ledger| ledgers.contains(&ledger).then(|| policy.ledgers[ledger].field(id)).flatten()).collect()
}

/// The title of a field's column; that of an amount ends in its unit.
fn title_of(field: &Field) -> String {
    match field.kind {
        FieldKind::Money => format!("{}（亿元）", field.title),
        _ => field.title.clone(),
    }
}
