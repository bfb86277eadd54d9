//! Rules, clauses and quality notes as Chinese sentences.

use crate::domain::judging::quality::QualityKind;
use crate::domain::register::calendar::Span;
use crate::domain::register::ledger::{FieldKind, Ledger};
use crate::domain::register::period::PeriodKind;
use crate::domain::register::record::Cell;
use crate::domain::rules::condition::{Comparison, Condition, Operand};
use crate::domain::rules::policy::Policy;
use crate::domain::rules::rule::{Rule, RuleKind, Starts};

/// `一(四)1` → `第一条（四）1`.
pub fn clause(basis: &str) -> String {
    let end = basis.find(|c: char| !"一二三四五六七八九十".contains(c)).unwrap_or(basis.len());
    if end == 0 {
        return basis.to_owned();
    }
    let rest = basis[end..].replace('(', "（").replace(')', "）");
    format!("第{}条{rest}", &basis[..end])
}

/// What a rule asks and from when on each light applies.
pub fn sentence(policy: &Policy, rule: &Rule) -> String {
    let ledger = &policy.ledgers[rule.ledger];
    format!("{}{}", asks(policy, ledger, rule), scope(ledger, rule))
}

/// The ladder with its lights and acts: `超期1天起■黄（催办），30天起▲橙（督办）`.
pub fn ladder(rule: &Rule) -> String {
    let steps = rule.ladder.iter().map(|step| {
        let mark = format!("{}（{}）", step.light.title(), step.act.title());
        match rule.kind {
            RuleKind::Deadline { .. } => format!("超期{}天起{mark}", step.from),
            RuleKind::Lag { .. } => format!("落后{}个百分点起{mark}", step.from),
            RuleKind::Missing { .. } | RuleKind::Periodic { .. } => mark,
        }
    });
    let repeated = rule.repeated.iter().map(|step| format!("连续{}个季度末{}的{}", step.periods, step.light.title(), step.act.title()));
    steps.chain(repeated).collect::<Vec<_>>().join("，")
}

fn asks(policy: &Policy, ledger: &Ledger, rule: &Rule) -> String {
    let title = |field: &usize| format!("“{}”", ledger.fields[*field].title);
    // the first field, and what is used instead where it is empty
    let first_of = |days: Vec<String>| match days.split_first() {
        Some((first, rest)) if !rest.is_empty() => format!("{first}（未填的按{}）", rest.join("，再未填的按")),
        _ => days.concat(),
    };
    let titles = |fields: &[usize]| first_of(fields.iter().map(title).collect());
    let starts = |from: &Starts| match from {
        Starts::First(fields) => titles(fields),
        Starts::Latest(fields, _) => format!("{}中最晚的一日", fields.iter().map(title).collect::<Vec<_>>().concat()),
    };
    match &rule.kind {
        RuleKind::Deadline { from, within, agreed, until, .. } => {
            let span = within.map(span_words).unwrap_or_default();
            let due = match (agreed.is_empty(), from.fields().is_empty()) {
                (false, true) => format!("到{}", titles(agreed)),
                (false, false) => {
                    let reckoned = format!("{}起{span}", starts(from));
                    format!("到{}", first_of(agreed.iter().map(title).chain([reckoned]).collect()))
                }
                (true, _) => format!("自{}起{span}", starts(from)),
            };
            match until.is_empty() {
                false if agreed.is_empty() => format!("{due}内应有{}", until.iter().map(title).collect::<Vec<_>>().join("或")),
                false => format!("{due}应有{}", until.iter().map(title).collect::<Vec<_>>().join("或")),
                true => format!("{due}后仍属适用情形的，为超期"),
            }
        }
        RuleKind::Lag { from, to, actual, .. } => {
            format!("{}与计划进度相比（由{}至{}按时间均摊）", title(actual), title(from), title(to))
        }
        RuleKind::Missing { must } => {
            let filled: String = must
                .iter()
                .filter_map(|condition| if let Condition::Filled(field) = condition { Some(title(field)) } else { None })
                .collect();
            let others = must.iter().filter(|condition| !matches!(condition, Condition::Filled(_)));
            let others = others.map(|condition| condition_words(ledger, condition)).collect::<Vec<_>>().join("、");
            match (filled.is_empty(), others.is_empty()) {
                (false, true) => format!("应填写{filled}"),
                (true, _) => format!("应符合：{others}"),
                (false, false) => format!("应填写{filled}，并符合{others}"),
            }
        }
        RuleKind::Periodic { every, levels, units, matching, .. } => {
            let every = match every {
                PeriodKind::Week => "周",
                PeriodKind::Month => "月",
                PeriodKind::Quarter => "季度",
                PeriodKind::Year => "年",
            };
            let who = levels.iter().map(|level| policy.units.levels.name(*level).to_owned());
            let named = units.iter().map(|unit| policy.units.units[*unit].name.clone());
            let what = matching.iter().map(|condition| condition_words(ledger, condition)).collect::<Vec<_>>().join("、");
            format!("{}每{every}应有1次{}（{what}）", who.chain(named).collect::<Vec<_>>().join("、"), ledger.title)
        }
    }
}

fn scope(ledger: &Ledger, rule: &Rule) -> String {
    if rule.scope.is_empty() {
        return String::new();
    }
    let conditions: Vec<String> = rule.scope.iter().map(|condition| condition_words(ledger, condition)).collect();
    format!("。适用于：{}", conditions.join("，"))
}

/// `6个月`, `3个工作日`.
pub fn span_words(span: Span) -> String {
    match span {
        Span::Days(days) => format!("{days}天"),
        Span::Months(months) if months % 12 == 0 => format!("{}年", months / 12),
        Span::Months(months) => format!("{months}个月"),
        Span::Workdays(days) => format!("{days}个工作日"),
    }
}

/// A condition as a clause of a sentence.
pub fn condition_words(ledger: &Ledger, condition: &Condition) -> String {
    let title = |field: usize| ledger.fields[field].title.as_str();
    match condition {
        // a date field is named as the event that happened on that day
        Condition::Filled(field) if matches!(ledger.fields[*field].kind, FieldKind::Date { .. }) => format!("已有{}", title(*field)),
        Condition::Filled(field) => format!("填有“{}”", title(*field)),
        Condition::NotFilled(field) if matches!(ledger.fields[*field].kind, FieldKind::Date { .. }) => format!("尚无{}", title(*field)),
        Condition::NotFilled(field) => format!("未填“{}”", title(*field)),
        Condition::NotTerminated => "未终止".into(),
        Condition::KeyIndustry => "属重点产业".into(),
        Condition::OneOf { field, values, wanted } => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("{}{}{}", title(*field), if *wanted { "为" } else { "不为" }, values.join("或"))
        }
        Condition::Ahead(field) => format!("{}未过", title(*field)),
        Condition::Past(field) => format!("{}已过", title(*field)),
        Condition::ByEvent(field) => format!("{}由办理记录写入", title(*field)),
        Condition::Due(conditions) => conditions.first().map_or_else(String::new, |condition| condition_words(ledger, condition)),
        Condition::State { states, any, wanted } => {
            let mut titles: Vec<&str> = any.iter().map(|state| states.list[*state].title.as_str()).collect();
            titles.dedup();
            format!("状态{}{}", if *wanted { "为" } else { "不为" }, titles.join("或"))
        }
        Condition::Not(condition) => format!("并非{}", condition_words(ledger, condition)),
        Condition::Within { field, days } => format!("{}在今后{days}天内", title(*field)),
        Condition::Compare { field, comparison, operand } => {
            let is_date = matches!(ledger.fields[*field].kind, FieldKind::Date { .. });
            let word = match (comparison, is_date) {
                (Comparison::Equal, _) => "为",
                (Comparison::NotEqual, _) => "不为",
                (Comparison::Less, true) => "早于",
                (Comparison::LessEqual, true) => "不晚于",
                (Comparison::Greater, true) => "晚于",
                (Comparison::GreaterEqual, true) => "不早于",
                (Comparison::Less, false) => "小于",
                (Comparison::LessEqual, false) => "不超过",
                (Comparison::Greater, false) => "大于",
                (Comparison::GreaterEqual, false) => "不少于",
            };
            let value = match operand {
                Operand::Field(other) => title(*other).to_owned(),
                Operand::Value(Cell::Money(fen)) => format!("{}亿元", crate::domain::register::record::fen_as_yi(*fen)),
                Operand::Value(cell) => cell.to_string(),
            };
            format!("{}{word}{value}", title(*field))
        }
    }
}

/// What is wrong with a row, and what to do about it.
pub fn quality(ledger: &Ledger, kind: QualityKind) -> (String, &'static str) {
    match kind {
        QualityKind::BlankScope(field) => (format!("“{}”未填，无法确定是否适用相关规则", ledger.fields[field].title), "请补填"),
        QualityKind::DiffersFromEvent(field) => {
            (format!("“{}”在台账中与办理记录不一致", ledger.fields[field].title), "请核对，并更正台账；办错的请更正办理记录")
        }
        QualityKind::StartedUnderFramework => ("已开工而仍为框架协议".into(), "请核对协议类型或开工时间"),
        QualityKind::UnknownOwner => ("责任单位无法识别".into(), "请改为规范名称，或在单位名录中增加别名"),
        QualityKind::ExemptionOfNothing => ("没有写明督办规则或台账编号，不作为豁免".into(), "请按规则名称和台账编号补填"),
        QualityKind::ExemptionWithoutTerm => ("没有批准日期或有效期，不作为豁免".into(), "请补填"),
        QualityKind::RepeatedObjection => ("同一事项再次提出异议，不再中止催办".into(), "异议以一次为限；确有理由的请办理豁免或延期"),
        QualityKind::UnknownIndustry => ("产业类别不在重点产业目录内".into(), "请核对；确属其他产业的无需处理"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn clauses_read_as_in_a_document() {
        assert_eq!(crate::domain::rules::sentence::clause("一(四)1"), "第一条（四）1");
        assert_eq!(crate::domain::rules::sentence::clause("四1"), "第四条1");
        assert_eq!(crate::domain::rules::sentence::clause("三"), "第三条");
    }
}
