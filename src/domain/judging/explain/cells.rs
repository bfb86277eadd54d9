//! The outcome in one sentence, and every cell that was used to decide it.

use crate::domain::audience::{is_personal, masked};
use crate::domain::judging::explain::question::{Question, act_words};
use crate::domain::judging::explain::reckoning::tenths;
use crate::domain::judging::finding::{Finding, State};
use crate::domain::judging::verdict::Verdict;
use crate::domain::register::ledger::{Ledger, OwnerSpec, Role};
use crate::domain::register::record::Cell;
use crate::domain::rules::condition::{Condition, Holds, Operand, happened};
use crate::domain::rules::rule::{Relation, RuleKind};
use crate::domain::rules::sentence::condition_words;
use serde::Serialize;

/// A cell that was used to decide the outcome, the owner or another recipient.
#[derive(Clone, Debug, Serialize)]
pub struct CellUse {
    /// Field id.
    pub field: String,
    pub title: String,
    /// Its uses, as printed.
    pub used_for: Vec<&'static str>,
    pub value: String,
    /// Whether the row's source has the column.
    pub has_column: bool,
    /// File, sheet and cell. Filled in by the caller, who knows the snapshots.
    pub place: String,
    /// The raw text of the file, where intake changed or doubted it.
    pub raw: Option<String>,
    /// Source and number of the snapshot the row's version began in.
    pub source: String,
    pub snapshot: i64,
}

impl Question<'_> {
    /// The value of a cell as a sentence quotes it.
    fn shown(&self, field: usize) -> String {
        match self.record.cell(field) {
            Cell::Empty => "未填".to_owned(),
            Cell::Money(_) => format!("“{}亿元”", self.record.cell(field)),
            cell => format!("“{}”", masked(&cell.to_string())),
        }
    }

    pub(crate) fn reason(&self, finding: Option<&Finding>) -> String {
        let as_of = self.context.as_of;
        if let Some(field) = self.rule.missing_column(self.record.columns) {
            return format!("该行的来源没有“{}”一栏，此规则对该行不启用，不产生督办事项", self.title(field));
        }
        let context = self.context.on(as_of);
        for condition in &self.rule.scope {
            let words = condition_words(self.ledger, condition);
            let fields: Vec<usize> = fields_of(self.ledger, condition);
            let cells = fields.iter().map(|field| format!("{}为{}", self.title(*field), self.shown(*field)));
            let cells = cells.collect::<Vec<_>>().join("，").replace("为未填", "未填");
            match condition.holds(self.ledger, self.record, &context.policy.units, as_of) {
                Holds::Yes => {}
                Holds::No => return format!("不适用：此规则要求{words}，而台账中{cells}{}", self.ahead(&fields)),
                Holds::Blank(field) => {
                    return format!("不适用：此规则要求{words}，而“{}”未填，无法确定是否适用，列入数据质量", self.title(field));
                }
            }
        }
        match self.verdict(as_of) {
            Verdict::Met => self.met(),
            Verdict::NotYet => {
                let from = match &self.rule.kind {
                    RuleKind::Deadline { from, .. } => from.fields().to_vec(),
                    RuleKind::Lag { from, .. } => vec![*from],
                    _ => Vec::new(),
                };
                let ahead = from.iter().find(|field| self.record.cell(**field).date().is_some());
                ahead.map_or_else(String::new, |field| {
                    format!("尚未起算：“{}”为{}，晚于截至日{as_of}", self.title(*field), self.record.cell(*field))
                })
            }
            Verdict::Unjudged(missing) => {
                let titles: Vec<String> = missing.iter().map(|field| format!("“{}”", self.title(*field))).collect();
                format!("无法判定：缺{}，补填后自动重新判定；无法判定不等于正常", titles.join("、"))
            }
            Verdict::Fine(Some(due_on)) => match (due_on - as_of).num_days() {
                0 => format!("今天到期（{due_on}），当天不算超期"),
                days => format!("尚未到期：到期日{due_on}，还有{days}天"),
            },
            Verdict::Fine(None) => {
                let first = self.rule.ladder.first().map_or(String::new(), |step| step.from.to_string());
                match self.rule.kind {
                    RuleKind::Lag { .. } => format!("进度落后未达到{first}个百分点"),
                    _ => format!("超期未达到{first}天"),
                }
            }
            Verdict::Found { step, due_on, overdue_days, lag, missing } => {
                let measure = match (due_on, overdue_days, lag) {
                    (Some(due_on), Some(days), _) => format!("应于{due_on}前，已超期{days}天"),
                    (_, _, Some(lag)) => format!("比计划进度慢{}个百分点", tenths(lag.tenths())),
                    _ => {
                        let cells = missing.iter().map(|field| format!("{}{}", self.title(*field), self.shown(*field)));
                        format!("缺项或不符：{}", cells.collect::<Vec<_>>().join("，"))
                    }
                };
                // red quarters in a row may have raised the act above that of the step
                let act = finding.and_then(|finding| finding.act).unwrap_or(step.act);
                let state = if finding.is_some_and(|finding| finding.state == State::Exempt) { "，已豁免，不催办" } else { "" };
                format!("{}，{measure}，{}{state}", step.light.title(), act_words(act))
            }
        }
    }

    fn met(&self) -> String {
        match &self.rule.kind {
            RuleKind::Deadline { until, .. } if !until.is_empty() => {
                let happened_on = |field: &usize| happened(self.ledger, self.record, *field, self.context.as_of).date();
                let until = until.iter().find(|field| happened_on(field).is_some()).unwrap_or(&until[0]);
                let done = happened_on(until);
                let late = match (done, self.due_on()) {
                    (Some(done), Some(due_on)) if done > due_on => {
                        format!("，晚于到期日{due_on}共{}天，不再亮灯，计入指标", (done - due_on).num_days())
                    }
                    (Some(_), Some(due_on)) => format!("，在到期日{due_on}之内"),
                    _ => String::new(),
                };
                format!("已完成：“{}”为{}{late}", self.title(*until), done.map_or_else(String::new, |done| done.to_string()))
            }
            _ => "各项均已填写并符合，没有督办事项".to_owned(),
        }
    }

    /// A remark on the first event date after `as_of` among the fields; it has not happened yet.
    fn ahead(&self, fields: &[usize]) -> String {
        let late = fields.iter().find(|field| {
            !self.record.cell(**field).is_empty() && happened(self.ledger, self.record, **field, self.context.as_of).is_empty()
        });
        late.map_or_else(String::new, |field| format!("（“{}”晚于截至日，视为尚未发生）", self.title(*field)))
    }

    /// Every cell that is used, in the order of use.
    pub(crate) fn cells(&self) -> Vec<CellUse> {
        let mut uses: Vec<(usize, Vec<&'static str>)> = Vec::new();
        let mut add = |field: usize, what: &'static str| match uses.iter_mut().find(|(known, _)| *known == field) {
            Some((_, whats)) if whats.contains(&what) => {}
            Some((_, whats)) => whats.push(what),
            None => uses.push((field, vec![what])),
        };
        for condition in &self.rule.scope {
            fields_of(self.ledger, condition).into_iter().for_each(|field| add(field, "适用范围"));
        }
        match &self.rule.kind {
            RuleKind::Deadline { from, agreed, until, .. } => {
                agreed.iter().for_each(|field| add(*field, "约定日期"));
                from.fields().iter().for_each(|field| add(*field, "起算日期"));
                until.iter().for_each(|field| add(*field, "完成日期"));
            }
            RuleKind::Lag { from, to, actual, planned } => {
                add(*from, "开始日期");
                add(*to, "计划完成日期");
                planned.iter().for_each(|field| add(*field, "计划进度"));
                add(*actual, "实际进度");
            }
            RuleKind::Missing { must } => {
                for condition in must {
                    fields_of(self.ledger, condition).into_iter().for_each(|field| add(field, "应填项"));
                }
            }
            RuleKind::Periodic { .. } => {}
        }
        match self.ledger.owner {
            OwnerSpec::Place { place, within } => {
                add(place, "责任单位");
                within.into_iter().for_each(|field| add(field, "责任单位"));
            }
            OwnerSpec::Unit { unit } => add(unit, "责任单位"),
            OwnerSpec::Department { department, level, project } => {
                [department, level, project].into_iter().for_each(|field| add(field, "责任单位"));
            }
        }
        if self.rule.ladder.iter().any(|step| step.relations.contains(&Relation::Lead)) {
            let field = if self.ledger.is_of_projects() { Role::Industry } else { Role::Project };
            self.ledger.role(field).into_iter().for_each(|field| add(field, "告知牵头部门"));
        }
        self.ledger.role(Role::Difficulty).into_iter().for_each(|field| add(field, "原因"));
        uses.into_iter()
            .map(|(index, used_for)| {
                let field = &self.ledger.fields[index];
                let hidden = is_personal(field) && !self.record.cell(index).is_empty();
                CellUse {
                    field: field.id.clone(),
                    title: field.title.clone(),
                    used_for,
                    value: if hidden { "（略）".to_owned() } else { masked(&self.record.cell(index).to_string()) },
                    has_column: self.record.columns.contains(index),
                    place: String::new(),
                    raw: None,
                    source: String::new(),
                    snapshot: 0,
                }
            })
            .collect()
    }
}

/// Every field that a condition reads, including the field it compares with.
fn fields_of(ledger: &Ledger, condition: &Condition) -> Vec<usize> {
    let mut fields: Vec<usize> = condition.fields(ledger).iter().collect();
    if let Condition::Compare { operand: Operand::Field(other), .. } = condition
        && !fields.contains(other)
    {
        fields.push(*other);
    }
    fields
}
