//! The columns of sheets that have one row per finding, notice or record.

#[derive(Clone, Debug)]
pub struct ListColumn {
    pub title: String,
    pub key: ColumnKey,
    /// The unit fills it in.
    pub fill: bool,
}

#[derive(Clone, Debug)]
pub enum ColumnKey {
    BuiltIn(BuiltIn),
    /// Field index by ledger index, of the finding's own record.
    Field(Vec<Option<usize>>),
    /// Field index of the project ledger, of the project the finding belongs to.
    Project(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    FoldedFindings,
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
    Told,
    Major,
    Place,
    Feedback,
    Quarters,
    Items,
    /// A number of its own for what comes back on the record: its code with the month of the as-of day.
    Serial,
    Fill,
}

impl BuiltIn {
    pub const NAMES: [(&'static str, BuiltIn); 26] = [
        ("also", BuiltIn::FoldedFindings),
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
        ("told", BuiltIn::Told),
        ("major", BuiltIn::Major),
        ("place", BuiltIn::Place),
        ("feedback", BuiltIn::Feedback),
        ("quarters", BuiltIn::Quarters),
        ("items", BuiltIn::Items),
        ("serial", BuiltIn::Serial),
        ("fill", BuiltIn::Fill),
    ];

    pub fn title(self) -> &'static str {
        match self {
            BuiltIn::FoldedFindings => "同时存在",
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
            BuiltIn::Told => "告知单位",
            BuiltIn::Major => "重大项目",
            BuiltIn::Place => "数据来源",
            BuiltIn::Feedback => "反馈情况",
            BuiltIn::Quarters => "连续红灯季度数",
            BuiltIn::Items => "督办事项",
            BuiltIn::Serial => "本期编号",
            BuiltIn::Fill => "填写",
        }
    }

    /// Whether a record has it, rather than one finding.
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

    /// Whether a finding has it.
    pub fn is_of_finding(self) -> bool {
        !matches!(self, BuiltIn::Items | BuiltIn::Serial | BuiltIn::Fill)
    }
}
