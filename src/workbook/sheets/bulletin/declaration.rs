//! What a template declares of an official paper.

use crate::domain::rules::rule::{Every, Light};
use crate::workbook::sheets::list::columns::ListColumn;

/// The paper of one `[sheet.bulletin]`.
#[derive(Clone, Debug)]
pub struct Bulletin {
    /// What `{period}` stands for, and the span of the measures `new` and `done`.
    pub period: Every,
    /// 主送; empty = none.
    pub to: String,
    pub opening: Vec<String>,
    pub figures: Vec<BulletinFigure>,
    pub parts: Vec<BulletinPart>,
    /// 抄送 and the like, below the signature.
    pub copies: Vec<String>,
    /// Lines flush right: the office and the date.
    pub signature: Vec<String>,
}

/// A number that texts fill in as `{name}`.
#[derive(Clone, Debug)]
pub struct BulletinFigure {
    pub name: String,
    pub measure: Measure,
    pub scope: Scope,
    /// What a change is counted in: 比上期增加119件.
    pub counted: String,
}

/// What is counted.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Of which ledger's records tasks are counted.
    pub ledger: Option<usize>,
    /// Whose open findings are counted.
    pub rules: Vec<usize>,
    /// Units; `None` = all.
    pub rows: Option<TableRows>,
}

#[derive(Clone, Debug)]
pub struct BulletinPart {
    pub heading: String,
    pub paragraphs: Vec<String>,
    pub table: Option<BulletinTable>,
    pub list: Option<BulletinList>,
    /// The figure (index) without which there is nothing to say.
    pub about: Option<usize>,
    /// Stands instead of everything else where that figure is 0, or the list is empty.
    pub none: String,
    /// Below the table or the list.
    pub note: String,
}

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
    /// Cities, each with all that lies in it.
    City,
    /// Units of the province, and what names no known unit.
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

#[derive(Clone, Debug)]
pub struct BulletinColumn {
    pub title: String,
    pub measure: Measure,
}

/// A reckoned figure. Those of tasks need a ledger, those of findings need rules.
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
    /// Place by the rate of completion within the table.
    CompletedRank,
    /// Open findings of a light.
    Light(Light),
    /// Open findings.
    Open,
    /// How many more than in the run before.
    LightChange(Light),
    OpenChange,
    /// Open findings of one rule (its index).
    Rule(usize),
    /// The most days overdue.
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

    /// Counts tasks of a ledger.
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

    /// A total is the sum of its rows.
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

/// The items that are furthest behind.
#[derive(Clone, Debug)]
pub struct BulletinList {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
    pub most: usize,
    pub columns: Vec<ListColumn>,
    /// What to say of the rows beyond `most`, with `{more}`.
    pub more: String,
    /// What to say of the rows that are only counted, with `{withheld}`.
    pub withheld: String,
}
