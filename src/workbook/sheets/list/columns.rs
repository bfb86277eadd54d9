//! The columns of sheets that have one row per finding, notice or record.

use crate::domain::problem::{ProblemsAt, suggest};
use crate::domain::register::ledger::{Field, FieldKind};
use crate::domain::register::levels::{LevelWord, Levels};
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

impl ListColumn {
    pub(crate) fn width(&self) -> Width {
        match self.key {
            ColumnKey::BuiltIn(column) => column.profile().width,
            ColumnKey::Field(_) | ColumnKey::Project(_) => Width::Fitted,
        }
    }
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

/// What is fixed about a built-in column.
pub(crate) struct Profile {
    /// Its key in a template.
    key: &'static str,
    /// Its title if the template gives none.
    title: &'static str,
    /// Whether lists of findings and sheets of records may have it.
    of_findings: bool,
    of_records: bool,
    pub(crate) width: Width,
    /// Whether it shows answers of units, acts, or places in the office's files, which not every unit may read.
    pub(crate) is_private: bool,
}

/// How wide a column is, beside what its cells and its head need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Fitted,
    /// Running numbers.
    Number,
    /// Names of units and places, which may take two lines.
    Names,
    /// All findings of a record, of which those of one light share a line.
    Lines,
}

impl Profile {
    const fn new(key: &'static str, title: &'static str) -> Profile {
        Profile { key, title, of_findings: true, of_records: true, width: Width::Fitted, is_private: false }
    }

    const fn width(self, width: Width) -> Profile {
        Profile { width, ..self }
    }

    const fn of_findings_only(self) -> Profile {
        Profile { of_records: false, ..self }
    }

    const fn of_records_only(self) -> Profile {
        Profile { of_findings: false, ..self }
    }

    const fn private(self) -> Profile {
        Profile { is_private: true, ..self }
    }
}

impl BuiltIn {
    /// Every column.
    const ALL: [BuiltIn; 26] = {
        use BuiltIn as B;
        [
            B::OtherFindings,
            B::No,
            B::Light,
            B::Act,
            B::State,
            B::Rule,
            B::Key,
            B::Subject,
            B::Unit,
            B::City,
            B::DueOn,
            B::OverdueDays,
            B::LagPoints,
            B::Missing,
            B::Change,
            B::Cause,
            B::Basis,
            B::WaitingOn,
            B::Recipients,
            B::Major,
            B::Place,
            B::Feedback,
            B::Quarters,
            B::Items,
            B::Serial,
            B::Fill,
        ]
    };

    /// Its title if the template gives none.
    fn title(self, levels: &Levels) -> &str {
        if self == BuiltIn::City { levels.division(LevelWord::Name) } else { self.profile().title }
    }

    pub(crate) fn profile(self) -> Profile {
        let of = Profile::new;
        match self {
            BuiltIn::OtherFindings => of("also", "同时存在").of_findings_only(),
            BuiltIn::No => of("no", "序号").width(Width::Number),
            BuiltIn::Light => of("light", "灯"),
            BuiltIn::Act => of("act", "方式").of_findings_only().private(),
            BuiltIn::State => of("state", "状态").of_findings_only(),
            BuiltIn::Rule => of("rule", "督办事项").of_findings_only(),
            BuiltIn::Key => of("key", "编号"),
            BuiltIn::Subject => of("subject", "名称"),
            BuiltIn::Unit => of("unit", "责任单位").width(Width::Names),
            // its title is the office's word for its divisions
            BuiltIn::City => of("city", "").width(Width::Names),
            BuiltIn::DueOn => of("due_on", "应完成日期").of_findings_only(),
            BuiltIn::OverdueDays => of("overdue_days", "超期天数").of_findings_only(),
            BuiltIn::LagPoints => of("lag_points", "落后百分点").of_findings_only(),
            BuiltIn::Missing => of("missing", "缺项").of_findings_only(),
            BuiltIn::Change => of("change", "比上期").of_findings_only(),
            BuiltIn::Cause => of("cause", "原因类别"),
            BuiltIn::Basis => of("basis", "依据"),
            BuiltIn::WaitingOn => of("waiting_on", "待答复单位").width(Width::Names),
            BuiltIn::Recipients => of("told", "告知单位").of_findings_only().width(Width::Names),
            BuiltIn::Major => of("major", "重大项目"),
            BuiltIn::Place => of("place", "数据来源").private(),
            BuiltIn::Feedback => of("feedback", "反馈情况").private(),
            BuiltIn::Quarters => of("quarters", "连续红灯季度数").of_findings_only(),
            BuiltIn::Items => of("items", "督办事项").of_records_only().width(Width::Lines),
            BuiltIn::Serial => of("serial", "本期编号").of_records_only(),
            BuiltIn::Fill => of("fill", "填写").of_records_only(),
        }
    }

    /// Whether a sheet of records may have this column.
    pub(crate) fn is_of_record(self) -> bool {
        self.profile().of_records
    }

    /// Whether a list of findings may have this column.
    pub(crate) fn is_of_finding(self) -> bool {
        self.profile().of_findings
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
        } else if let Some(built_in) = BuiltIn::ALL.into_iter().find(|built_in| built_in.profile().key == key && is_offered(*built_in)) {
            let title = title(built_in.title(&policy.units.levels).to_owned());
            columns.push(ListColumn { title, key: ColumnKey::BuiltIn(built_in), fill: built_in == BuiltIn::Fill });
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
    let built_in = BuiltIn::ALL.into_iter().filter(move |column| is_offered(*column)).map(|column| column.profile().key);
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
