//! The subject line of a digest and the variable parts of its opening and closing lines: whose items they are, how they differ from the
//! last digest, what else the mail lists, what the unit is asked to do, and the letterhead. The fixed words around them are in
//! `report-templates/digest.*.j2`.

use crate::domain::audience::masked;
use crate::domain::notify::digest::{Counts, Letterhead};
use crate::domain::notify::inputs::{LastNotified, PlanInputs};
use crate::domain::notify::items::{Item, notified_items};
use crate::domain::notify::sections::FormerItems;
use crate::domain::notify::wording;
use crate::domain::register::levels::{Level, LevelKind, LevelWord, Levels};
use crate::domain::register::period::chinese_date;
use crate::domain::register::units::UnitId;

/// The subject line: unit, date, counts; counts of zero are left out.
pub(crate) fn subject(inputs: &PlanInputs<'_>, unit: &str, counts: &Counts) -> String {
    let lights = [("红", counts.red), ("橙", counts.orange), ("黄", counts.yellow)];
    let lights: Vec<String> = lights.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word}{count}")).collect();
    let date = chinese_date(inputs.as_of);
    if !inputs.started {
        let lights = if lights.is_empty() { String::new() } else { format!("（{}）", lights.join(" ")) };
        let blanks = if counts.blank > 0 { format!("，待补齐{}处", counts.blank) } else { String::new() };
        return format!("【存量核对单】{unit} 截至{date}：请核对{}个{lights}{blanks}", counts.items);
    }
    let mut parts = Vec::new();
    if !lights.is_empty() {
        parts.push(lights.join(" "));
    }
    if counts.due > 0 {
        parts.push(format!("近期到期{}件", counts.due));
    }
    if parts.is_empty() && counts.blank > 0 {
        parts.push(format!("待补齐{}处", counts.blank));
    }
    if parts.is_empty() {
        parts.push(if counts.services > 0 { format!("服务事项{}个", counts.services) } else { "无督办事项".to_owned() });
    }
    let news: Vec<String> = [("新增", counts.new), ("新问题", counts.added), ("升级", counts.escalated)]
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{word}{count}"))
        .collect();
    let news = if news.is_empty() { String::new() } else { format!("（{}）", news.join("、")) };
    format!("【督办提醒】{unit} 截至{date}：{}{news}", parts.join("，"))
}

/// Office, contact, source and dates of a mail to a unit; phone numbers masked.
pub(crate) fn letterhead(inputs: &PlanInputs<'_>, unit: UnitId) -> Letterhead {
    Letterhead {
        office: inputs.office_name.to_owned(),
        contact: masked(inputs.contact),
        source_line: masked(inputs.source_line),
        as_of: inputs.as_of,
        sent_on: inputs.sent_on,
        reply_by: inputs.reply_by(unit),
    }
}

/// Whose items they are.
pub(crate) fn scope(levels: &Levels, level: Level) -> &str {
    match level.kind() {
        LevelKind::Top => levels.top(LevelWord::Area),
        LevelKind::Middle => "你单位及所辖地区",
        LevelKind::Lead => "你单位牵头的产业",
        LevelKind::Support | LevelKind::Base | LevelKind::Park => "你单位",
    }
}

/// The items of a digest against those of the unit's last one.
pub(crate) struct Comparison {
    /// 比上期多1个, 比上期少2个, 与上期个数相同; empty where the unit was never notified of an item.
    pub(crate) total: String,
    /// The parts of that difference, new items less those that left: 新增4个, 有新问题1个, 升级2个, 办结3个, 1个已转出….
    pub(crate) parts: Vec<String>,
}

/// Compares a unit's items with those it was last notified of. Records that have become restricted since count in neither.
pub(crate) fn compare_to_last(inputs: &PlanInputs<'_>, counts: &Counts, last_notified: &LastNotified, former: &FormerItems) -> Comparison {
    let total = match (notified_items(inputs, last_notified).len(), counts.items) {
        (0, _) => String::new(),
        (before, now) if now > before => format!("比上期多{}个", now - before),
        (before, now) if now < before => format!("比上期少{}个", before - now),
        _ => "与上期个数相同".to_owned(),
    };
    let parts = [("新增", counts.new), ("有新问题", counts.added), ("升级", counts.escalated), ("办结", former.resolved.len())];
    let mut parts: Vec<String> =
        parts.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word}{count}个")).collect();
    if former.elsewhere > 0 {
        parts.push(format!("{}个已转出、终止或转由下级办理，不再列入", former.elsewhere));
    }
    Comparison { total, parts }
}

/// What the mail lists beside the items: 10月7日前到期2件, 待补齐1处 …
pub(crate) fn besides(inputs: &PlanInputs<'_>, counts: &Counts) -> Vec<String> {
    let due_until = wording::day(inputs, inputs.due_until());
    [
        (counts.due, format!("{due_until}前到期{}件", counts.due)),
        (counts.partly, format!("已办结{}件，所属项目仍有其他事项", counts.partly)),
        (counts.services, format!("服务事项{}个", counts.services)),
        (counts.blank, format!("待补齐{}处", counts.blank)),
        (counts.waiting, format!("待数据更新{}个", counts.waiting)),
        (counts.exempt, format!("已批准豁免、延期或异议{}件（照常列示，不催办）", counts.exempt)),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(_, text)| text)
    .collect()
}

/// What the unit is asked to do: to state facts, reasons and dates, never to report a certain value.
pub(crate) fn ask(inputs: &PlanInputs<'_>, unit: UnitId, items: &[&Item], is_office: bool) -> String {
    let by = wording::day(inputs, inputs.reply_by(unit));
    if items.is_empty() {
        return String::new();
    }
    if !inputs.started {
        return format!("请于{by}前核对以上事项是否属实，补齐日期，说明原因后回复本邮件；数据有误的，请一并说明。");
    }
    if is_office {
        return "以上为红橙黄灯中最突出的项目，供研究调度；超过催办的方式由经办人签发后另行送达。".to_owned();
    }
    let own = items.iter().filter(|item| inputs.judged.findings[item.lead].owner == Some(unit)).count();
    let reply = "填写附件中的反馈表后回复本邮件即可；有正当理由或数据有误的，请一并说明。";
    match own {
        0 => format!("请督促协调责任单位，于{by}前说明原因和下步安排；有正当理由或数据有误的，请回复本邮件说明。"),
        _ if own == items.len() => format!("请于{by}前说明原因、下步安排和预计完成时间，{reply}"),
        _ => format!("本单位的事项请于{by}前说明原因和下步安排，其他单位的事项请予督促协调，{reply}"),
    }
}
