//! An explanation of a finding in words that a clerk can read out on the telephone: as the command prints it and the page shows it.

use crate::app::explain::Explained;
use crate::clock::stamp_day;
use crate::domain::judging::explain::cells::CellUse;
use crate::domain::judging::explain::explanation::Explanation;
use crate::domain::judging::explain::question::Outcome;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::register::period::chinese_date;
use crate::domain::register::snapshot::source_title;
use crate::domain::rules::rule::Light;

/// An explanation under headings.
#[derive(Clone, Debug)]
pub(crate) struct ExplainedText {
    pub(crate) title: String,
    /// Day, unit and conclusion.
    pub(crate) facts: Vec<String>,
    pub(crate) sections: Vec<Section>,
}

/// Lines under one heading.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) lines: Vec<String>,
}

/// Adds a line to the last section.
fn line(out: &mut [Section], text: impl Into<String>) {
    if let Some(last) = out.last_mut() {
        last.lines.push(text.into());
    }
}

/// An explanation as text.
pub(crate) fn explained_text(explained: &Explained) -> ExplainedText {
    let explanation = &explained.explanation;
    let Explanation { title, key, name, unit, as_of, .. } = explanation;
    let unit = if unit.is_empty() { String::new() } else { format!("　责任单位：{unit}") };
    let mut text = ExplainedText {
        title: format!("{title}　{key} {name}"),
        facts: vec![format!("截至{}{unit}", chinese_date(*as_of)), format!("结论：{}。", explanation.reason)],
        sections: Vec::new(),
    };
    let out = &mut text.sections;
    out.push(Section { heading: "依据和规则", lines: Vec::new() });
    line(out, format!("{}。{}。", explanation.clause, explanation.sentence));
    if !explanation.cells.is_empty() {
        out.push(Section { heading: "所用内容", lines: Vec::new() });
    }
    for cell in &explanation.cells {
        add_cell(out, cell);
    }
    if let Some(handled) = &explanation.handled {
        line(out, format!("办理：{handled}"));
    }
    for remark in &explained.remarks {
        line(out, format!("注意：{remark}"));
    }
    if !explanation.reckoning.is_empty() {
        out.push(Section { heading: "计算", lines: Vec::new() });
    }
    for step in &explanation.reckoning {
        line(out, step.clone());
    }
    out.push(Section { heading: "灯色和方式", lines: Vec::new() });
    add_ladder(out, explanation);
    if !explanation.recipients.is_empty() {
        out.push(Section { heading: "告知单位及理由", lines: Vec::new() });
        add_recipients(out, explanation);
    }
    if explanation.outcome == Outcome::Found {
        out.push(Section { heading: "豁免、待答复和原因", lines: Vec::new() });
        add_mitigation(out, explanation);
    }
    if explanation.outcome != Outcome::OutOfScope || !explained.notifications.is_empty() {
        out.push(Section { heading: "已告知情况", lines: Vec::new() });
        add_notifications(out, explained);
    }
    out.push(Section { heading: "下一步", lines: Vec::new() });
    add_next(out, explanation);
    text
}

fn add_ladder(out: &mut [Section], explanation: &Explanation) {
    for rung in &explanation.ladder {
        let on = rung.on.map_or(String::new(), |on| format!("（{on}起）"));
        line(out, format!("{}{}{on}", if rung.applies { "→ " } else { "　 " }, rung.words));
    }
    for words in &explanation.repeated {
        line(out, format!("　 {words}"));
    }
    if let Some(since) = explanation.since.filter(|_| explanation.light.is_some()) {
        line(out, format!("按台账现有内容，现行灯色自{since}起"));
    }
    if explanation.quarters > 0 {
        line(out, format!("已连续{}个季度末为红灯", explanation.quarters));
    }
}

fn add_recipients(out: &mut [Section], explanation: &Explanation) {
    for recipient in &explanation.recipients {
        let by = recipient.forwarded_by.as_ref().map_or(String::new(), |by| format!("，由{by}代转"));
        line(out, format!("{}：{}（{}{by}）", recipient.relation_title, recipient.unit.as_deref().unwrap_or("未落实"), recipient.why));
    }
}

/// Adds what speaks for the unit: an exemption, another unit's answer that is missing, a cause.
fn add_mitigation(out: &mut [Section], explanation: &Explanation) {
    line(out, explanation.exemption.as_ref().map_or("没有现行的豁免、延期或异议", |exemption| &exemption.words));
    if let Some(unit) = &explanation.waiting_on {
        line(out, format!("已提请{unit}，待答复；灯色不变，催办以上的方式对答复单位，不计入责任追究建议清单"));
    }
    if let Some(cause) = &explanation.cause {
        line(out, format!("原因类别：{cause}（{}）", explanation.cause_from.as_deref().unwrap_or_default()));
    }
}

fn add_notifications(out: &mut [Section], explained: &Explained) {
    if explained.notifications.is_empty() {
        line(out, "尚未告知任何单位");
    }
    for notification in &explained.notifications {
        let light = match notification.light {
            None => "列为待补齐",
            Some(code) => Light::from_code(code).map_or("", Light::title),
        };
        let mail = notification.state.as_deref().and_then(DeliveryState::parse).map(DeliveryState::word);
        let mail = mail.map_or_else(String::new, |word| format!("，邮件{word}"));
        // the day on which it arrived or else was made, which is not that of the slot where a run came late
        let day = stamp_day(notification.ended_at.as_ref().unwrap_or(&notification.made_at));
        line(out, format!("{day} {}：{light}{mail}", notification.unit));
    }
}

fn add_next(out: &mut [Section], explanation: &Explanation) {
    match &explanation.next {
        Some(next) => line(out, next.words.clone()),
        None if explanation.outcome == Outcome::Found => line(out, "已在最高一档，灯色在台账更正或办结前不再变化"),
        None if explanation.outcome == Outcome::Gone => line(out, "请责任单位核实是否漏报"),
        None => line(out, "台账内容不变，结论不变"),
    }
    if let Some(exemption) = &explanation.exemption {
        line(out, format!("{}之后恢复催办", chinese_date(exemption.expires_on)));
    }
    if let Some(words) = &explanation.next_quarters {
        line(out, words.clone());
    }
}

fn add_cell(out: &mut [Section], cell: &CellUse) {
    let value = match (cell.has_column, cell.value.is_empty()) {
        (false, _) => "来源没有这一栏".to_owned(),
        (true, true) => "未填".to_owned(),
        (true, false) => cell.value.clone(),
    };
    let raw = cell.raw.as_ref().filter(|raw| **raw != cell.value).map_or(String::new(), |raw| format!("（原文“{raw}”）"));
    let place = if cell.place.is_empty() {
        String::new()
    } else {
        match cell.source.is_empty() {
            true => format!("　{}", cell.place),
            false => format!("　{}（{}第{}次快照）", cell.place, source_title(&cell.source), cell.snapshot),
        }
    };
    line(out, format!("{}（{}）：{value}{raw}{place}", cell.title, cell.used_for.join("、")));
}
