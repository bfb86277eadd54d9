//! `explain`: prints why a record has a finding, or has none, in words that a clerk can read out on the telephone.

use crate::app::compose::App;
use crate::app::explain;
use crate::app::explain::Explained;
use crate::cli::exit::Exit;
use crate::cli::print::{Filter, Printer};
use crate::domain::judging::explain::cells::CellUse;
use crate::domain::judging::explain::explanation::Explanation;
use crate::domain::judging::explain::question::Outcome;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::register::period::chinese_date;
use crate::domain::rules::rule::Light;
use chrono::NaiveDate;
use std::io::Write;

/// Prints why a rule has or has no finding on a record, as text or json.
pub(crate) async fn explain(app: &App, rule: &str, key: &str, as_of: Option<NaiveDate>, format: &str) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let explained = explain::explain(app.evaluator(), rule, key, as_of).await?;
    let is_json = format == "json";
    let mut out = Printer::to_stdout(if is_json { Filter::Json } else { Filter::Lines });
    if is_json {
        serde_json::to_writer_pretty(&mut out, &explained)?;
        writeln!(out)?;
    } else {
        print_text(&mut out, &explained)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Prints an explanation as text under numbered headings.
fn print_text(out: &mut Printer, explained: &Explained) -> std::io::Result<()> {
    let explanation = &explained.explanation;
    let Explanation { title, rule, key, name, unit, as_of, .. } = explanation;
    out.line(format_args!("{title}（{rule}）　{key} {name}"))?;
    out.line(format_args!("截至{}{}", chinese_date(*as_of), if unit.is_empty() { String::new() } else { format!("　责任单位：{unit}") }))?;
    out.line(format_args!("结论：{}。", explanation.reason))?;
    let mut numbers = ["一", "二", "三", "四", "五", "六", "七", "八"].into_iter();
    let mut head = |out: &mut Printer, text: &str| {
        out.line(format_args!(""))?;
        out.line(format_args!("{}、{text}", numbers.next().unwrap_or_default()))
    };
    head(out, "依据和规则")?;
    out.line(format_args!("  {}。{}。", explanation.clause, explanation.sentence))?;
    if !explanation.cells.is_empty() {
        head(out, "所用内容")?;
    }
    for cell in &explanation.cells {
        print_cell(out, cell)?;
    }
    for remark in &explained.remarks {
        out.line(format_args!("  注意：{remark}"))?;
    }
    if !explanation.reckoning.is_empty() {
        head(out, "计算")?;
    }
    for line in &explanation.reckoning {
        out.line(format_args!("  {line}"))?;
    }
    head(out, "灯色和方式")?;
    print_ladder(out, explanation)?;
    if !explanation.recipients.is_empty() {
        head(out, "告知单位及理由")?;
        print_recipients(out, explanation)?;
    }
    if explanation.outcome == Outcome::Found {
        head(out, "豁免、待答复和原因")?;
        print_mitigation(out, explanation)?;
    }
    if explanation.outcome != Outcome::OutOfScope || !explained.notifications.is_empty() {
        head(out, "已告知情况")?;
        print_notifications(out, explained)?;
    }
    head(out, "下一步")?;
    print_next(out, explanation)
}

fn print_ladder(out: &mut Printer, explanation: &Explanation) -> std::io::Result<()> {
    for rung in &explanation.ladder {
        let on = rung.on.map_or(String::new(), |on| format!("（{on}起）"));
        out.line(format_args!("  {}{}{on}", if rung.applies { "→ " } else { "　 " }, rung.words))?;
    }
    for words in &explanation.repeated {
        out.line(format_args!("  　 {words}"))?;
    }
    if let Some(since) = explanation.since.filter(|_| explanation.light.is_some()) {
        out.line(format_args!("  按台账现有内容，现行灯色自{since}起"))?;
    }
    if explanation.quarters > 0 {
        out.line(format_args!("  已连续{}个季度末为红灯", explanation.quarters))?;
    }
    Ok(())
}

fn print_recipients(out: &mut Printer, explanation: &Explanation) -> std::io::Result<()> {
    for recipient in &explanation.recipients {
        let by = recipient.forwarded_by.as_ref().map_or(String::new(), |by| format!("，由{by}代转"));
        out.line(format_args!(
            "  {}：{}（{}{by}）",
            recipient.relation_title,
            recipient.unit.as_deref().unwrap_or("未落实"),
            recipient.why
        ))?;
    }
    Ok(())
}

/// Prints what speaks for the unit: an exemption, another unit's answer that is missing, a cause.
fn print_mitigation(out: &mut Printer, explanation: &Explanation) -> std::io::Result<()> {
    out.line(format_args!("  {}", explanation.exemption.as_ref().map_or("没有现行的豁免、延期或异议", |exemption| &exemption.words)))?;
    if let Some(unit) = &explanation.waiting_on {
        out.line(format_args!("  已提请{unit}，待答复；灯色不变，催办以上的方式对答复单位，不计入责任追究建议清单"))?;
    }
    if let Some(cause) = &explanation.cause {
        out.line(format_args!("  原因类别：{cause}（{}）", explanation.cause_from.as_deref().unwrap_or_default()))?;
    }
    Ok(())
}

fn print_notifications(out: &mut Printer, explained: &Explained) -> std::io::Result<()> {
    if explained.notifications.is_empty() {
        out.line(format_args!("  尚未告知任何单位"))?;
    }
    for notification in &explained.notifications {
        let light = match notification.light {
            None => "列为待补齐",
            Some(code) => Light::from_code(code).map_or("", Light::title),
        };
        let state = notification.state.as_deref().and_then(DeliveryState::parse).map(DeliveryState::word);
        let mail = match (&notification.message, state) {
            (Some(id), Some(state)) => format!("，邮件{id}{state}"),
            _ => String::new(),
        };
        out.line(format_args!("  {} {}：{light}{mail}", notification.on, notification.unit))?;
    }
    Ok(())
}

fn print_next(out: &mut Printer, explanation: &Explanation) -> std::io::Result<()> {
    match &explanation.next {
        Some(next) => out.line(format_args!("  {}", next.words))?,
        None if explanation.outcome == Outcome::Found => out.line(format_args!("  已在最高一档，灯色在台账更正或办结前不再变化"))?,
        None if explanation.outcome == Outcome::Gone => out.line(format_args!("  请责任单位核实是否漏报"))?,
        None => out.line(format_args!("  台账内容不变，结论不变"))?,
    }
    if let Some(exemption) = &explanation.exemption {
        out.line(format_args!("  {}之后恢复催办", chinese_date(exemption.expires_on)))?;
    }
    if let Some(words) = &explanation.next_quarters {
        out.line(format_args!("  {words}"))?;
    }
    Ok(())
}

fn print_cell(out: &mut Printer, cell: &CellUse) -> std::io::Result<()> {
    let value = match (cell.has_column, cell.value.is_empty()) {
        (false, _) => "来源没有这一栏".to_owned(),
        (true, true) => "未填".to_owned(),
        (true, false) => cell.value.clone(),
    };
    let raw = cell.raw.as_ref().filter(|raw| **raw != cell.value).map_or(String::new(), |raw| format!("（原文“{raw}”）"));
    let place =
        if cell.place.is_empty() { String::new() } else { format!("　{}（{}第{}次快照）", cell.place, cell.source, cell.snapshot) };
    out.line(format_args!("  {}（{}）：{value}{raw}{place}", cell.title, cell.used_for.join("、")))
}
