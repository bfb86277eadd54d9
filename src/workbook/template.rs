//! Templates (报表模板): which sheets a workbook has and what stands on them, already checked against the policy.

use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::{Rate, Window};
use crate::domain::judging::roster::Selection;
use crate::domain::register::units::UnitId;
use crate::domain::rules::rule::Light;
use crate::workbook::model::Paper;
use crate::workbook::sheets::bulletin::Bulletin;

/// One `report-templates/NAME.toml`.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// File stem.
    pub name: String,
    pub title: String,
    pub subject: String,
    pub keywords: String,
    /// File name with `{title}`, `{as_of}` and `{unit}`.
    pub file: String,
    pub sheets: Vec<SheetTemplate>,
}

impl Template {
    /// How many lists show every finding of a rule in a state; a list that folds findings into projects shows only some.
    pub fn lists_of(&self, rule: usize, state: State) -> usize {
        let lists = self.sheets.iter().filter_map(|sheet| if let Form::List(list) = &sheet.form { Some(list) } else { None });
        lists.filter(|list| !list.fold && list.rules.contains(&rule) && list.states.contains(&state)).count()
    }
}

#[derive(Clone, Debug)]
pub struct SheetTemplate {
    /// On the tab.
    pub name: String,
    /// Above the table.
    pub title: String,
    /// 附件1, where the sheet is an attachment.
    pub mark: String,
    pub note: String,
    /// A line below the notes for stamp, names and date, where the sheet is filled in and sent back.
    pub sign: String,
    pub landscape: bool,
    pub paper: Paper,
    /// The most pages it is printed on, one below the other, made smaller where it needs more; 0 = as many as it needs.
    pub pages_high: u16,
    /// Left out when it has no rows.
    pub optional: bool,
    pub form: Form,
}

/// What kind of sheet it is. Open: a bulletin or a one-page form is one more kind.
#[derive(Clone, Debug)]
pub enum Form {
    /// What the workbook is, where its data come from, and what stands in it.
    Cover { paragraphs: Vec<String>, objection: String },
    /// What each rule asks, and what could not be judged by it.
    Rules,
    /// Key figures, rates, lights by rule, a chart.
    Summary { chart: bool },
    /// One row per place or industry.
    Matrix { axis: Axis, window: Window, columns: Vec<MatrixColumn>, rows: MatrixRows },
    /// One row per finding.
    List(List),
    /// Due dates that come near.
    Notices {
        /// `None` = all.
        rules: Option<Vec<usize>>,
        columns: Vec<ListColumn>,
    },
    /// Rows a person should look at, and rows that could not be read.
    Quality,
    /// The leader's page.
    Page(OnePage),
    /// An official paper (通报): text with figures filled in, tables by unit, the items that are furthest behind.
    Bulletin(Box<Bulletin>),
    /// What units have said of the records listed.
    Answers,
    /// Records that their units have not answered for in time.
    Silent,
    /// What the unit is to fill in and send back: a sheet for each ledger.
    Feedback,
    /// One row per record of a ledger.
    Records(RecordList),
    /// Codes that have left the register and are not confirmed to have.
    Gone,
    /// How every unit keeps its register: in time, complete.
    Reporting { rules: Vec<usize> },
}

/// One sheet of A4 for a leader.
#[derive(Clone, Debug)]
pub struct OnePage {
    /// At most five, each with its change since the run before.
    pub figures: Vec<Figures>,
    /// Rules (indices) whose findings wait for a decision of the province.
    pub decide: Vec<usize>,
    /// Red projects listed.
    pub most: usize,
}

/// A number: open findings of these rules in these lights.
#[derive(Clone, Debug)]
pub struct Figures {
    pub title: String,
    pub rules: Vec<usize>,
    pub lights: Vec<Light>,
}

/// How the rows of places are called and kept together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MatrixRows {
    /// Cities under another name, such as 贵阳贵安 for 贵阳市 with the platforms within it.
    pub titles: Vec<(UnitId, String)>,
    /// Platforms with a row of their own beside the cities, not counted in the city they lie in.
    pub apart: Vec<UnitId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Region,
    Industry,
}

impl Axis {
    pub const NAMES: [(&'static str, Axis); 2] = [("region", Axis::Region), ("industry", Axis::Industry)];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixColumn {
    Projects,
    Terminated,
    /// One column per stage word.
    Stages,
    Contracts,
    ContractsTerminated,
    Amount,
    Funds,
    Performed,
    Started,
    Produced,
    Rate(Rate),
    /// The same without terminated contracts.
    LiveRate(Rate),
    /// Place within the row's group by the rate.
    Rank(Rate),
    /// By how many percentage points the rate moved since the job's run before.
    RateChange(Rate),
    /// Open findings on projects by light.
    Light(Light),
    Open,
    /// How many more than in the job's run before.
    LightChange(Light),
    OpenChange,
    Exempt,
    Unjudged,
    OrdersDispatched,
    OrdersReceived,
    OrdersCompleted,
    OrdersOpen,
}

impl MatrixColumn {
    /// Every column with its key in a template.
    pub fn names() -> Vec<(&'static str, MatrixColumn)> {
        use MatrixColumn as M;
        let mut names = vec![
            ("projects", M::Projects),
            ("terminated", M::Terminated),
            ("stages", M::Stages),
            ("contracts", M::Contracts),
            ("contracts_terminated", M::ContractsTerminated),
            ("amount", M::Amount),
            ("funds", M::Funds),
            ("performed", M::Performed),
            ("started", M::Started),
            ("produced", M::Produced),
            ("red", M::Light(Light::Red)),
            ("orange", M::Light(Light::Orange)),
            ("yellow", M::Light(Light::Yellow)),
            ("open", M::Open),
            ("red_change", M::LightChange(Light::Red)),
            ("orange_change", M::LightChange(Light::Orange)),
            ("yellow_change", M::LightChange(Light::Yellow)),
            ("open_change", M::OpenChange),
            ("exempt", M::Exempt),
            ("unjudged", M::Unjudged),
            ("orders_dispatched", M::OrdersDispatched),
            ("orders_received", M::OrdersReceived),
            ("orders_completed", M::OrdersCompleted),
            ("orders_open", M::OrdersOpen),
        ];
        for (key, live, place, moved, rate) in [
            ("performed_rate", "performed_live_rate", "performed_rank", "performed_rate_change", Rate::Performed),
            ("started_rate", "started_live_rate", "started_rank", "started_rate_change", Rate::Started),
            ("produced_rate", "produced_live_rate", "produced_rank", "produced_rate_change", Rate::Produced),
            ("funds_rate", "funds_live_rate", "funds_rank", "funds_rate_change", Rate::Funds),
            ("on_time_rate", "on_time_live_rate", "on_time_rank", "on_time_rate_change", Rate::OnTime),
        ] {
            names.extend([(key, M::Rate(rate)), (live, M::LiveRate(rate)), (place, M::Rank(rate)), (moved, M::RateChange(rate))]);
        }
        names
    }

    pub fn title(self) -> String {
        use MatrixColumn as M;
        match self {
            M::Projects => "在册项目（个）".into(),
            M::Terminated => "其中终止（个）".into(),
            M::Stages => "项目阶段".into(),
            M::Contracts => "合同项目（个）".into(),
            M::ContractsTerminated => "合同终止（个）".into(),
            M::Amount => "合同投资额（亿元）".into(),
            M::Funds => "到位资金（亿元）".into(),
            M::Performed => "已履约（个）".into(),
            M::Started => "已开工（个）".into(),
            M::Produced => "已投产（个）".into(),
            M::Rate(rate) => rate.title().into(),
            M::LiveRate(rate) => format!("{}（剔除终止）", rate.title()),
            M::Rank(rate) => format!("{}排名", rate.title()),
            M::RateChange(rate) => format!("{}比上期（百分点）", rate.title()),
            M::Light(light) => format!("{}灯（项）", light.title()),
            M::Open => "督办事项（项）".into(),
            M::LightChange(light) => format!("{}灯比上期（项）", light.title()),
            M::OpenChange => "督办事项比上期（项）".into(),
            M::Exempt => "豁免（项）".into(),
            M::Unjudged => "无法判定（项）".into(),
            M::OrdersDispatched => "工作单派发（件）".into(),
            M::OrdersReceived => "签收（件）".into(),
            M::OrdersCompleted => "办结（件）".into(),
            M::OrdersOpen => "未办结（件）".into(),
        }
    }

    /// Compares with the job's run before.
    pub fn is_change(self) -> bool {
        matches!(self, MatrixColumn::LightChange(_) | MatrixColumn::OpenChange | MatrixColumn::RateChange(_))
    }

    /// Holds orders against the units that have them.
    pub fn is_of_orders(self) -> bool {
        use MatrixColumn as M;
        matches!(self, M::OrdersDispatched | M::OrdersReceived | M::OrdersCompleted | M::OrdersOpen)
    }

    /// Work orders have a holder but no industry, and what an earlier run found is known by unit.
    pub fn needs_region(self) -> bool {
        use MatrixColumn as M;
        self.is_of_orders() || matches!(self, M::LightChange(_) | M::OpenChange)
    }
}

#[derive(Clone, Debug)]
pub struct List {
    /// Rule indices.
    pub rules: Vec<usize>,
    pub states: Vec<State>,
    pub group: Option<Group>,
    /// One row per project: its leading rule, the others in the column `also`.
    pub fold: bool,
    /// A unit's page keeps the columns in which nothing stands.
    pub blank: bool,
    pub columns: Vec<ListColumn>,
}

/// The records a sheet lists.
#[derive(Clone, Debug)]
pub struct RecordList {
    pub selection: Selection,
    /// Only records with an open finding of these rules (indices); empty = all.
    pub rules: Vec<usize>,
    /// Only records whose worst open finding has one of these lights; empty = all.
    pub lights: Vec<Light>,
    /// What a unit sees of the selection.
    pub reach: Reach,
    pub group: Option<Group>,
    pub order: Vec<Order>,
    pub columns: Vec<ListColumn>,
}

/// What a unit sees of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What it and its subordinates hold.
    Held,
    /// Also what they asked of others, and what belongs to the industries it leads.
    Own,
    /// Every record.
    All,
}

impl Reach {
    pub const NAMES: [(&'static str, Reach); 3] = [("held", Reach::Held), ("own", Reach::Own), ("all", Reach::All)];
}

/// What rows are put in order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// A field of the ledger; `None` = the worst light.
    pub field: Option<usize>,
    pub descending: bool,
}

/// Rows under headings of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Unit,
    City,
    Rule,
    Light,
}

impl Group {
    pub const NAMES: [(&'static str, Group); 4] =
        [("unit", Group::Unit), ("city", Group::City), ("rule", Group::Rule), ("light", Group::Light)];
}

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
    Also,
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
        ("also", BuiltIn::Also),
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
            BuiltIn::Also => "同时存在",
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
