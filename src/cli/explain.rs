//! `explain`: prints why a record has a finding, or has none, in words that a clerk can read out on the telephone.

use crate::app::compose::App;
use crate::app::explain;
use crate::app::explain::Explained;
use crate::cli::exit::Exit;
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
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if format == "json" {
        serde_json::to_writer_pretty(&mut out, &explained)?;
        writeln!(out)?;
    } else {
        print_text(&mut out, &explained)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Prints an explanation as text under numbered headings.
fn print_text(out: &mut impl Write, explained: &Explained) -> std::io::Result<()> {
    let explanation = &explained.explanation;
    let Explanation { title, rule, key, name, unit, as_of, .. } = explanation;
    writeln!(out, "{title}（{rule}）　{key} {name}")?;
    writeln!(out, "截至{}{}", chinese_date(*as_of), if unit.is_empty() { String::new() } else { format!("　责任单位：{unit}") })?;
    writeln!(out, "结论：{}。", explanation.reason)?;
    let mut numbers = ["一", "二", "三", "四", "五", "六", "七", "八"].into_iter();
    let mut head = |out: &mut dyn Write, text: &str| writeln!(out, "\n{}、{text}", numbers.next().unwrap_or_default());
    head(out, "依据和规则")?;
    writeln!(out, "  {}。{}。", explanation.clause, explanation.sentence)?;
    if !explanation.cells.is_empty() {
        head(out, "所用内容")?;
    }
    for cell in &explanation.cells {
        print_cell(out, cell)?;
    }
    for remark in &explained.remarks {
        writeln!(out, "  注意：{remark}")?;
    }
    if !explanation.reckoning.is_empty() {
        head(out, "计算")?;
    }
    for line in &explanation.reckoning {
        writeln!(out, "  {line}")?;
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

fn print_ladder(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    for rung in &explanation.ladder {
        let on = rung.on.map_or(String::new(), |on| format!("（{on}起）"));
        writeln!(out, "  {}{}{on}", if rung.applies { "→ " } else { "　 " }, rung.words)?;
    }
    for words in &explanation.repeated {
        writeln!(out, "  　 {words}")?;
    }
    if let Some(since) = explanation.since.filter(|_| explanation.light.is_some()) {
        writeln!(out, "  按台账现有内容，现行灯色自{since}起")?;
    }
    if explanation.quarters > 0 {
        writeln!(out, "  已连续{}个季度末为红灯", explanation.quarters)?;
    }
    Ok(())
}

fn print_recipients(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    for recipient in &explanation.recipients {
        let by = recipient.forwarded_by.as_ref().map_or(String::new(), |by| format!("，由{by}代转"));
        writeln!(out, "  {}：{}（{}{by}）", recipient.relation_title, recipient.unit.as_deref().unwrap_or("未落实"), recipient.why)?;
    }
    Ok(())
}

/// Prints what speaks for the unit: an exemption, another unit's answer that is missing, a cause.
fn print_mitigation(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    writeln!(out, "  {}", explanation.exemption.as_ref().map_or("没有现行的豁免、延期或异议", |exemption| &exemption.words))?;
    if let Some(unit) = &explanation.waiting_on {
        writeln!(out, "  已提请{unit}，待答复；灯色不变，催办以上的方式对答复单位，不计入责任追究建议清单")?;
    }
    if let Some(cause) = &explanation.cause {
        writeln!(out, "  原因类别：{cause}（{}）", explanation.cause_from.as_deref().unwrap_or_default())?;
    }
    Ok(())
}

fn print_notifications(out: &mut impl Write, explained: &Explained) -> std::io::Result<()> {
    if explained.notifications.is_empty() {
        writeln!(out, "  尚未告知任何单位")?;
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
        writeln!(out, "  {} {}：{light}{mail}", notification.on, notification.unit)?;
    }
    Ok(())
}

fn print_next(out: &mut impl Write, explanation: &Explanation) -> std::io::Result<()> {
    match &explanation.next {
        Some(next) => writeln!(out, "  {}", next.words)?,
        None if explanation.outcome == Outcome::Found => writeln!(out, "  已在最高一档，灯色在台账更正或办结前不再变化")?,
        None if explanation.outcome == Outcome::Gone => writeln!(out, "  请责任单位核实是否漏报")?,
        None => writeln!(out, "  台账内容不变，结论不变")?,
    }
    if let Some(exemption) = &explanation.exemption {
        writeln!(out, "  {}之后恢复催办", chinese_date(exemption.expires_on))?;
    }
    if let Some(words) = &explanation.next_quarters {
        writeln!(out, "  {words}")?;
    }
    Ok(())
}

fn print_cell(out: &mut impl Write, cell: &CellUse) -> std::io::Result<()> {
    let value = match (cell.has_column, cell.value.is_empty()) {
        (false, _) => "来源没有这一栏".to_owned(),
        (true, true) => "未填".to_owned(),
        (true, false) => cell.value.clone(),
    };
    let raw = cell.raw.as_ref().filter(|raw| **raw != cell.value).map_or(String::new(), |raw| format!("（原文“{raw}”）"));
    let place =
        if cell.place.is_empty() { String::new() } else { format!("　{}（{}第{}次快照）", cell.place, cell.source, cell.snapshot) };
    writeln!(out, "  {}（{}）：{value}{raw}{place}", cell.title, cell.used_for.join("、"))
}
