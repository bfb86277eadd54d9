//! `duban handle`, `matters`, `history`, `retract` and `confirm-day`: the life of records.

use crate::app::compose::App;
use crate::app::handle::{self, HandleRequest, Handled};
use crate::app::matters::{self, History, MatterLine, MattersFilter};
use crate::cli::exit::Exit;
use crate::cli::print;
use chrono::NaiveDate;
use clap::Args;

/// One act on records.
#[derive(Args)]
pub(crate) struct HandleArguments {
    /// Ledger, by id or title
    ledger: String,
    /// Codes of the records (`new` for a record to be made), then the transition
    #[arg(required = true, num_args = 2.., value_names = ["CODE", "TRANSITION"])]
    what: Vec<String>,
    /// The person who does it
    #[arg(long)]
    by: String,
    /// Record it for this unit (代录); without it the office acts itself
    #[arg(long)]
    unit: Option<String>,
    /// The day it happened, where it is recorded for a unit
    #[arg(long, value_parser = crate::cli::day::day)]
    on: Option<NaiveDate>,
    /// A field that the transition takes
    #[arg(long, value_name = "FIELD=VALUE")]
    set: Vec<String>,
    #[arg(long, default_value = "")]
    reason: String,
    /// Repeated with the same key it has no effect
    #[arg(long, default_value = "")]
    key: String,
    /// Do it for several records; without it they are only shown as they would be
    #[arg(long)]
    yes: bool,
    #[arg(long, value_parser = ["table", "json"], default_value = "table")]
    format: String,
}

/// Which matters are listed.
#[derive(Args)]
pub(crate) struct MattersArguments {
    /// Ledger, by id or title
    #[arg(long)]
    ledger: Option<String>,
    /// Only in these states, final ones too
    #[arg(long, value_delimiter = ',')]
    state: Vec<String>,
    /// Only of this unit
    #[arg(long)]
    unit: Option<String>,
    /// Only what waits for this unit
    #[arg(long)]
    waits_for: Option<String>,
    /// Those that have ended too
    #[arg(long)]
    all: bool,
    /// As they were on a day (default: today)
    #[arg(long, value_parser = crate::cli::day::day)]
    as_of: Option<NaiveDate>,
    #[arg(long, value_parser = ["table", "json"], default_value = "table")]
    format: String,
}

/// One event of a record.
#[derive(Args)]
pub(crate) struct EventArguments {
    /// Ledger, by id or title
    pub(crate) ledger: String,
    pub(crate) code: String,
    /// The number of the event, as `duban history` prints it
    pub(crate) no: u32,
    #[arg(long)]
    pub(crate) by: String,
    #[arg(long, value_parser = ["table", "json"], default_value = "table")]
    pub(crate) format: String,
}

pub(crate) async fn handle(app: &App, arguments: HandleArguments) -> anyhow::Result<Exit> {
    let HandleArguments { ledger, what, by, unit, on, set, reason, key, yes, format } = arguments;
    let Some((transition, codes)) = what.split_last() else { anyhow::bail!("请写明编号和办理动作") };
    let pairs = set.iter().map(|pair| match pair.split_once('=') {
        Some((id, value)) => Ok((id.trim().to_owned(), value.trim().to_owned())),
        None => anyhow::bail!("--set {pair}：请写成 字段=内容"),
    });
    let request = HandleRequest {
        ledger,
        codes: codes.to_vec(),
        transition: transition.clone(),
        by,
        unit,
        on,
        set: pairs.collect::<anyhow::Result<_>>()?,
        reason,
        key,
        is_confirmed: yes,
    };
    let handled = handle::handle(app, &request).await?;
    print_handled(&handled, &format)
}

pub(crate) async fn retract(app: &App, event: &EventArguments, reason: &str) -> anyhow::Result<Exit> {
    let handled = handle::retract(app, &event.ledger, &event.code, event.no, &event.by, reason).await?;
    print_handled(&[handled], &event.format)
}

pub(crate) async fn confirm_day(app: &App, event: &EventArguments) -> anyhow::Result<Exit> {
    let handled = handle::confirm(app, &event.ledger, &event.code, event.no, &event.by).await?;
    print_handled(&[handled], &event.format)
}

fn print_handled(handled: &[Handled], format: &str) -> anyhow::Result<Exit> {
    if format == "json" {
        print::json(&serde_json::to_string_pretty(handled)?);
    } else {
        for one in handled {
            match one {
                Handled::Done { code, no, number, title, .. } => {
                    let number = number.as_ref().map_or(String::new(), |number| format!(" {number}"));
                    let state = if title.is_empty() { String::new() } else { format!("，现为“{title}”") };
                    print_line!("{code}{number} 第{no}条办理记录已写入{state}");
                }
                Handled::Refused { code, reason, by, on, titles: (state, possible), .. } => {
                    let last = by.as_ref().zip(*on).map(|(by, on)| format!("最近由{by}于{on}办理"));
                    let state = Some(format!("现为“{state}”")).filter(|_| !state.is_empty());
                    let possible = Some(format!("可办：{}", possible.join("、"))).filter(|_| !possible.is_empty());
                    let found = [state, last, possible].into_iter().flatten().collect::<Vec<_>>().join("；");
                    let found = if found.is_empty() { found } else { format!("（{found}）") };
                    print_line!("{code} 未办理：{reason}{found}");
                }
            }
        }
    }
    let done = handled.iter().filter(|one| one.is_done()).count();
    Ok(match done {
        0 => Exit::Failed,
        done if done == handled.len() => Exit::Done,
        _ => Exit::Partial,
    })
}

pub(crate) async fn matters(app: &App, arguments: MattersArguments) -> anyhow::Result<Exit> {
    let MattersArguments { ledger, state, unit, waits_for, all, as_of, format } = arguments;
    let filter = MattersFilter { ledger, states: state, unit, waits_for, all, as_of };
    let listed = matters::list(app, &filter).await?;
    if format == "json" {
        print::json(&serde_json::to_string_pretty(&listed)?);
    } else {
        listed.iter().for_each(print_matter);
        print_line!("共{}件", listed.len());
    }
    Ok(Exit::Done)
}

fn print_matter(line: &MatterLine) {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let since = line.since.map_or(String::new(), |since| format!("（自{since}）"));
    let due = line.due_on.map_or(String::new(), |due| format!(" 时限{due}"));
    let waits = if line.waits_for.is_empty() { String::new() } else { format!(" 待{}办理", line.waits_for.join("、")) };
    let gone = if line.gone { " 台账已无" } else { "" };
    print_line!(
        "{} {} {} {} {}{since}{due}{waits}{gone}",
        line.code,
        or_dash(&line.number),
        or_dash(&line.name),
        or_dash(&line.unit),
        or_dash(&line.title)
    );
}

pub(crate) async fn history(app: &App, ledger: &str, code: &str, as_of: Option<NaiveDate>, format: &str) -> anyhow::Result<Exit> {
    let history = matters::history(app, ledger, code, as_of).await?;
    if format == "json" {
        print::json(&serde_json::to_string_pretty(&history)?);
    } else {
        print_history(&history);
    }
    Ok(Exit::Done)
}

fn print_history(history: &History) {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    print_line!(
        "{} {} {} {}（截至{}）",
        history.code,
        or_dash(&history.number),
        or_dash(&history.unit),
        if history.title.is_empty() { "-" } else { &history.title },
        history.as_of
    );
    for (_, field) in &history.fields.0 {
        let from = match field.no {
            Some(no) => format!("（第{no}条办理记录）"),
            None => String::new(),
        };
        print_line!("  {}：{}{from}", field.title, field.value);
    }
    for event in &history.events {
        let marks = [
            event.retracted.as_ref().map(|retraction| format!("已更正（{}：{}）", retraction.by, retraction.reason)),
            (event.via == "form" && !event.on_behalf).then(|| "单位填报".to_owned()),
            event.on_behalf.then(|| "代录".to_owned()),
            event.late.then(|| "补录".to_owned()),
            event.same_person.then(|| "自办自结".to_owned()),
        ];
        let mark: String = marks.into_iter().flatten().map(|mark| format!(" {mark}")).collect();
        let reason = event.reason.as_ref().map_or(String::new(), |reason| format!("：{reason}"));
        print_line!("  {} {} {} {}（{}）{mark}{reason}", event.no, event.on, event.title, event.by, event.unit);
    }
}
