//! `explain`: why a record has a finding, or has none, as a clerk reads it out on the telephone.

use crate::app::compose::App;
use crate::app::explain::{Explained, ToldLine};
use crate::cli::exit::Exit;
use crate::domain::judging::explain::cells::CellUse;
use crate::domain::judging::explain::explanation::Explanation;
use crate::domain::judging::explain::question::Outcome;
use crate::domain::notify::delivery::DeliveryState;
use crate::domain::register::period::chinese_date;
use crate::domain::rules::rule::{Light, Relation};
use chrono::NaiveDate;
use std::io::Write;

pub async fn explain(app: &App, rule: &str, key: &str, as_of: Option<NaiveDate>, format: &str) -> anyhow::Result<Exit> {
    let as_of = as_of.unwrap_or_else(|| app.clock().today());
    let explained = crate::app::explain::explain(app.evaluator(), rule, key, as_of).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if format == "json" {
        serde_json::to_writer_pretty(&mut out, &explained)?;
        writeln!(out)?;
    } else {
        table(&mut out, &explained)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn table(out: &mut impl Write, explained: &Explained) -> std::io::Result<()> {
    let Explanation { title, rule, key, name, unit, as_of, .. } = &explained.explanation;
    let it = &explained.explanation;
    writeln!(out, "{title}（{rule}）　{key} {name}")?;
    writeln!(out, "截至{}{}", chinese_date(*as_of), if unit.is_empty() { String::new() } else { format!("　责任单位：{unit}") })?;
    writeln!(out, "结论：{}。", it.reason)?;
    let mut sections = ["一", "二", "三", "四", "五", "六", "七", "八"].into_iter();
    let mut head = |out: &mut dyn Write, text: &str| writeln!(out, "\n{}、{text}", sections.next().unwrap_or_default());
    head(out, "依据和规则")?;
    writeln!(out, "  {}。{}。", it.clause, it.sentence)?;
    if !it.cells.is_empty() {
        head(out, "所用内容")?;
        for cell in &it.cells {
            cell_line(out, cell)?;
        }
    }
    for remark in &explained.remarks {
        writeln!(out, "  注意：{remark}")?;
    }
    if !it.reckoning.is_empty() {
        head(out, "计算")?;
        for line in &it.reckoning {
            writeln!(out, "  {line}")?;
        }
    }
    head(out, "灯色和方式")?;
    for rung in &it.ladder {
        let on = rung.on.map_or(String::new(), |on| format!("（{on}起）"));
        writeln!(out, "  {}{}{on}", if rung.applies { "→ " } else { "　 " }, rung.words)?;
    }
    for words in &it.repeated {
        writeln!(out, "  　 {words}")?;
    }
    if let Some(since) = it.since.filter(|_| it.light.is_some()) {
        writeln!(out, "  按台账现有内容，现行灯色自{since}起")?;
    }
    if it.quarters > 0 {
        writeln!(out, "  已连续{}个季度末为红灯", it.quarters)?;
    }
    if !it.recipients.is_empty() {
        head(out, "告知单位及理由")?;
        for told in &it.recipients {
            let relation = Relation::ALL.iter().find(|relation| relation.code() == told.relation).map_or("", |relation| relation.title());
            let by = told.forwarded_by.as_ref().map_or(String::new(), |by| format!("，由{by}代转"));
            writeln!(out, "  {relation}：{}（{}{by}）", told.unit.as_deref().unwrap_or("未落实"), told.why)?;
        }
    }
    if it.outcome == Outcome::Found {
        head(out, "豁免、待答复和原因")?;
        writeln!(out, "  {}", it.exemption.as_ref().map_or("没有现行的豁免、延期或异议", |exemption| &exemption.words))?;
        if let Some(unit) = &it.waiting_on {
            writeln!(out, "  已提请{unit}，待答复；灯色不变，催办以上的方式对答复单位，不计入责任追究建议清单")?;
        }
        if let Some(cause) = &it.cause {
            writeln!(out, "  原因类别：{cause}（{}）", it.cause_from.as_deref().unwrap_or_default())?;
        }
    }
    if it.outcome != Outcome::OutOfScope || !explained.told_before.is_empty() {
        head(out, "已告知情况")?;
        if explained.told_before.is_empty() {
            writeln!(out, "  尚未告知任何单位")?;
        }
        for told in &explained.told_before {
            told_line(out, told)?;
        }
    }
    head(out, "下一步")?;
    match &it.next {
        Some(next) => writeln!(out, "  {}", next.words)?,
        None if it.outcome == Outcome::Found => writeln!(out, "  已在最高一档，灯色在台账更正或办结前不再变化")?,
        None if it.outcome == Outcome::Gone => writeln!(out, "  请责任单位核实是否漏报")?,
        None => writeln!(out, "  台账内容不变，结论不变")?,
    }
    if let Some(exemption) = &it.exemption {
        writeln!(out, "  {}之后恢复催办", chinese_date(exemption.expires_on))?;
    }
    if let Some(words) = &it.next_quarters {
        writeln!(out, "  {words}")?;
    }
    Ok(())
}

fn cell_line(out: &mut impl Write, cell: &CellUse) -> std::io::Result<()> {
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

fn told_line(out: &mut impl Write, told: &ToldLine) -> std::io::Result<()> {
    let light = match told.light {
        None => "列为待补齐",
        Some(code) => Light::from_code(code).map_or("", Light::title),
    };
    let state = told.state.as_deref().and_then(DeliveryState::parse).map(DeliveryState::word);
    let mail = match (&told.message, state) {
        (Some(id), Some(state)) => format!("，邮件{id}{state}"),
        _ => String::new(),
    };
    writeln!(out, "  {} {}：{light}{mail}", told.on, told.unit)
}
