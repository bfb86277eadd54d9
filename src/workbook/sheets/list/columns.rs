//! The columns of sheets that have one row per finding, notice or record.

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
