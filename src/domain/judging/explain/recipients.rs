//! Which units a finding is addressed to, and why each of them.

use crate::domain::audience::masked;
use crate::domain::register::ledger::{OwnerSpec, Role};
use crate::domain::register::record::Record;
use crate::domain::register::units::UnitId;
use crate::domain::rules::context::Context;
use crate::domain::rules::responsibility::Responsibility;
use crate::domain::rules::rule::{Relation, Rule, RuleKind};
use serde::Serialize;

/// A recipient of the finding, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Recipient {
    pub relation: &'static str,
    /// The relation in words.
    #[serde(skip)]
    pub relation_title: String,
    /// `None` = the relation resolves to no unit.
    pub unit: Option<String>,
    pub why: String,
    /// The unit that forwards it, where the recipient has no mailbox.
    pub forwarded_by: Option<String>,
}

pub(crate) fn recipient(
    context: &Context<'_>,
    rule: &Rule,
    responsibility: &Responsibility,
    record: &Record,
    relation: Relation,
    unit: Option<UnitId>,
) -> Recipient {
    let policy = context.policy;
    let units = &policy.units;
    let ledger = &policy.ledgers[rule.ledger];
    let title = |field: usize| ledger.fields[field].title.as_str();
    let name = |unit: UnitId| units.units[unit].name.as_str();
    let owner = responsibility.owner.unit.map_or(responsibility.owner.text.as_str(), name);
    let why = match relation {
        Relation::Owner if matches!(rule.kind, RuleKind::Periodic { .. }) => "应当开展的单位".to_owned(),
        Relation::Owner => match ledger.owner {
            OwnerSpec::Place { place, .. } => format!("“{}”为“{}”", title(place), masked(record.text(Some(place)))),
            OwnerSpec::Unit { unit } => format!("“{}”为“{}”", title(unit), masked(record.text(Some(unit)))),
            OwnerSpec::Department { department, level, project } => format!(
                "“{}”为“{}”，“{}”为“{}”，所属项目{}",
                title(department),
                masked(record.text(Some(department))),
                title(level),
                record.text(Some(level)),
                record.text(Some(project))
            ),
        },
        Relation::Superior => format!("{}的上一级", masked(owner)),
        Relation::Lead => match responsibility.industry {
            Some(industry) => {
                let since = units.lead_since(industry, context.as_of).map_or(String::new(), |since| format!("（自{since}起）"));
                format!("{}产业的牵头部门{since}", units.industries[industry].name)
            }
            None => "产业类别不在重点产业目录内，没有牵头部门".to_owned(),
        },
        Relation::Raiser => format!("提出问题的项目{}的责任单位", responsibility.linked),
        Relation::Office => units.levels.office_in_text(),
    };
    let mailbox = unit.and_then(|unit| units.mailbox(unit));
    Recipient {
        relation: relation.code(),
        relation_title: relation.title(&units.levels).to_owned(),
        unit: unit.map(|unit| name(unit).to_owned()),
        why: match (unit, mailbox) {
            (None, _) => format!("{why}；没有落实到单位，列入“责任单位待明确”"),
            (Some(_), None) => format!("{why}；没有邮箱，列入“责任单位待明确”"),
            _ => why,
        },
        forwarded_by: mailbox.filter(|(by, _)| Some(*by) != unit).map(|(by, _)| name(by).to_owned()),
    }
}

/// A sentence on where the cause comes from.
pub(crate) fn cause_from(context: &Context<'_>, rule: &Rule, responsibility: &Responsibility, record: &Record) -> String {
    let ledger = &context.policy.ledgers[rule.ledger];
    let text = record.text(ledger.role(Role::Difficulty));
    let word = context.policy.causes.iter().find_map(|(_, words)| words.iter().find(|word| text.contains(word.as_str())));
    match (responsibility.cause(context.policy, ledger, record).is_some(), word) {
        (true, Some(word)) => format!("单位填报的困难问题中写有“{word}”"),
        _ => "单位未填报，按此规则的一般原因".to_owned(),
    }
}
