//! What a template declares of an official paper.

use crate::domain::register::period::PeriodKind;
use crate::domain::rules::rule::Light;
use crate::workbook::sheets::list::columns::ListColumn;

/// One `[sheet.bulletin]`.
#[derive(Clone, Debug)]
pub struct Bulletin {
    /// The period that `{period}` names, and in which the measures `new` and `done` count.
    pub period: PeriodKind,
    /// Addressees (主送); empty = none.
    pub to: String,
    pub opening: Vec<String>,
    pub figures: Vec<BulletinFigure>,
    pub parts: Vec<BulletinPart>,
    /// Lines below the signature, such as 抄送.
    pub copies: Vec<String>,
    /// Lines flush right: office and date.
    pub signature: Vec<String>,
}

/// A figure that replaces `{name}` in the texts.
#[derive(Clone, Debug)]
pub struct BulletinFigure {
    pub name: String,
    pub measure: Measure,
    pub scope: Scope,
    /// Measure word of a change: 件 in 比上期增加119件.
    pub counted: String,
}

/// The records and findings that a figure or a table counts.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Ledger (index) whose records are counted as tasks.
    pub ledger: Option<usize>,
    /// Rules (indices) whose open findings are counted.
    pub rules: Vec<usize>,
    /// Counts only units that have a row in such a table; `None` = all units.
    pub rows: Option<TableRows>,
}

/// A part of the paper: heading, text, table and list.
#[derive(Clone, Debug)]
pub struct BulletinPart {
    pub heading: String,
    pub paragraphs: Vec<String>,
    pub table: Option<BulletinTable>,
    pub list: Option<BulletinList>,
    /// The figure (index) that the part is about; the part is empty if it is 0.
    pub about: Option<usize>,
    /// Replaces the contents of the part if that figure is 0 or the list is empty.
    pub none: String,
    /// Below the table or the list.
    pub note: String,
}

/// A table with one row per unit.
#[derive(Clone, Debug)]
pub struct BulletinTable {
    pub title: String,
    pub rows: TableRows,
    pub scope: Scope,
    pub columns: Vec<BulletinColumn>,
}

/// Which units have a row, in administrative order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableRows {
    /// Cities, each with every unit within it.
    City,
    /// Units outside every city, and tasks and findings without a known unit.
    Department,
    /// Counties and platforms.
    Place,
}

impl TableRows {
    pub const NAMES: [(&'static str, TableRows); 3] =
        [("city", TableRows::City), ("department", TableRows::Department), ("place", TableRows::Place)];

    pub(crate) fn head(self) -> &'static str {
        match self {
            TableRows::City => "市（州）",
            TableRows::Department => "单位",
            TableRows::Place => "县（市、区）、平台",
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct BulletinColumn {
    pub title: String,
    pub measure: Measure,
}

/// A computed figure. Measures of tasks need a ledger in the scope, measures of findings need rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Dispatched,
    Received,
    FedBack,
    Completed,
    /// Dispatched and not completed.
    Left,
    /// Dispatched in the period.
    New,
    /// Completed in the period.
    Done,
    ReceivedRate,
    FedBackRate,
    CompletedRate,
    /// Rank by the rate of completion within the table.
    CompletedRank,
    /// Open findings with the light.
    Light(Light),
    /// Open findings.
    Open,
    /// Change since the previous run.
    LightChange(Light),
    OpenChange,
    /// Open findings of one rule (its index).
    Rule(usize),
    /// Days overdue of the finding that is overdue longest.
    Longest,
    /// Units with an open finding.
    Units,
}

impl Measure {
    pub const NAMES: [(&'static str, Measure); 21] = [
        ("dispatched", Measure::Dispatched),
        ("received", Measure::Received),
        ("fed_back", Measure::FedBack),
        ("completed", Measure::Completed),
        ("left", Measure::Left),
        ("new", Measure::New),
        ("done", Measure::Done),
        ("received_rate", Measure::ReceivedRate),
        ("fed_back_rate", Measure::FedBackRate),
        ("completed_rate", Measure::CompletedRate),
        ("completed_rank", Measure::CompletedRank),
        ("red", Measure::Light(Light::Red)),
        ("orange", Measure::Light(Light::Orange)),
        ("yellow", Measure::Light(Light::Yellow)),
        ("open", Measure::Open),
        ("red_change", Measure::LightChange(Light::Red)),
        ("orange_change", Measure::LightChange(Light::Orange)),
        ("yellow_change", Measure::LightChange(Light::Yellow)),
        ("open_change", Measure::OpenChange),
        ("longest", Measure::Longest),
        ("units", Measure::Units),
    ];

    /// Whether the measure counts tasks of a ledger.
    pub fn is_of_tasks(self) -> bool {
        use Measure as M;
        matches!(
            self,
            M::Dispatched
                | M::Received
                | M::FedBack
                | M::Completed
                | M::Left
                | M::New
                | M::Done
                | M::ReceivedRate
                | M::FedBackRate
                | M::CompletedRate
                | M::CompletedRank
        )
    }

    /// Whether the total of a table is the sum of its rows.
    pub(crate) fn adds_up(self) -> bool {
        use Measure as M;
        !matches!(self, M::ReceivedRate | M::FedBackRate | M::CompletedRate | M::CompletedRank | M::Longest)
    }

    pub fn title(self) -> String {
        match self {
            Measure::Dispatched => "派发（件）".into(),
            Measure::Received => "签收（件）".into(),
            Measure::FedBack => "反馈（件）".into(),
            Measure::Completed => "办结（件）".into(),
            Measure::Left => "未办结（件）".into(),
            Measure::New => "本期派发（件）".into(),
            Measure::Done => "本期办结（件）".into(),
            Measure::ReceivedRate => "签收率".into(),
            Measure::FedBackRate => "反馈率".into(),
            Measure::CompletedRate => "办结率".into(),
            Measure::CompletedRank => "办结率排名".into(),
            Measure::Light(light) => format!("{}灯（项）", light.title()),
            Measure::Open | Measure::Rule(_) => "督办事项（项）".into(),
            Measure::LightChange(light) => format!("{}灯比上期（项）", light.title()),
            Measure::OpenChange => "比上期（项）".into(),
            Measure::Longest => "最长超期（天）".into(),
            Measure::Units => "涉及单位（个）".into(),
        }
    }
}

/// A list of the findings that are overdue longest.
#[derive(Clone, Debug)]
pub struct BulletinList {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
    pub most: usize,
    pub columns: Vec<ListColumn>,
    /// Note on the rows beyond `most`; contains `{more}`.
    pub more: String,
    /// Note on the records that are only counted; contains `{withheld}`.
    pub withheld: String,
}
