//! `restricted`: prints which codes are restricted (涉密、不便公开) and by which file, what had gone out with them, and passes on what a person
//! lifts.

use crate::app::compose::App;
use crate::app::person::Person;
use crate::app::restricted::{self, BlockedPacks, LiftRequest, WentOut};
use crate::cli::exit::Exit;
use crate::cli::print;
use crate::clock::stamp;
use crate::domain::audience::masked_address;
use clap::Subcommand;
use serde_json::json;

#[derive(Subcommand)]
pub(crate) enum RestrictedAction {
    /// The codes that marks restrict, and those that a person has lifted
    List {
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
        /// What had gone out to whom with these codes before they were marked
        #[arg(long)]
        sent: bool,
        /// Only these codes
        codes: Vec<String>,
    },
    /// Lift marks that are wrong: by code, or all that one file brought
    Lift {
        codes: Vec<String>,
        /// The beginning of the sha256 of the file, as the list shows it
        #[arg(long, conflicts_with = "codes")]
        file: Option<String>,
        /// Who lifts them
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// How many characters of a sha256 are printed.
const SHA_CHARS: usize = 12;

/// Runs one action on the marks. Exit code 1 if nothing was lifted, 2 if some codes had no mark.
pub(crate) async fn restricted(app: &App, action: RestrictedAction) -> anyhow::Result<Exit> {
    match action {
        RestrictedAction::List { format, sent: true, codes } => sent(app, &format, &codes).await,
        RestrictedAction::List { format, sent: false, codes } => list(app, &format, &codes).await,
        RestrictedAction::Lift { codes, file, by, reason } => {
            let now = stamp(app.clock().now());
            let codes = codes.iter().map(|code| code.trim().to_uppercase()).collect();
            let lifted = restricted::lift(app, &now, LiftRequest { codes, file }, Person { who: &by, why: &reason }).await?;
            print_line!("解除{}处标注", lifted.marks.len());
            for (ledger, source, code) in &lifted.marks {
                print_line!("{code} {} {source}", title(app, ledger));
            }
            for code in &lifted.unknown {
                print_line!("{code}：没有生效的标注，未作改动");
            }
            Ok(match (lifted.marks.is_empty(), lifted.unknown.is_empty()) {
                (true, _) => Exit::Failed,
                (false, true) => Exit::Done,
                (false, false) => Exit::Partial,
            })
        }
    }
}

/// The title of a ledger; its id where the ledger is no longer configured.
fn title<'a>(app: &'a App, ledger: &'a str) -> &'a str {
    let policy = &app.config().policy;
    policy.ledger(ledger).map_or(ledger, |index| &policy.ledgers[index].title)
}

async fn list(app: &App, format: &str, codes: &[String]) -> anyhow::Result<Exit> {
    let mut marks = restricted::list(app.store()).await?;
    marks.retain(|mark| codes.is_empty() || codes.contains(&mark.code));
    if format == "json" {
        let listed: Vec<_> = marks
            .iter()
            .map(|mark| {
                let lifted_by = Some(&mark.lifted_by).filter(|by| !by.is_empty());
                json!({
                    "code": mark.code, "ledger": mark.ledger, "source": mark.source, "file_sha": mark.file_sha256, "since": mark.since,
                    "lifted_by": lifted_by,
                })
            })
            .collect();
        print::json(&serde_json::to_string_pretty(&listed)?);
        return Ok(Exit::Done);
    }
    for mark in &marks {
        let lifted = match mark.lifted_by.is_empty() {
            true => String::new(),
            false => format!(" 已解除（{} {}：{}）", mark.lifted_by, mark.lifted_at.get(..10).unwrap_or_default(), mark.lift_reason),
        };
        print_line!(
            "{} {} {} “{}” {} 文件{}{lifted}",
            mark.code,
            title(app, &mark.ledger),
            mark.source,
            mark.cell,
            mark.since.get(..10).unwrap_or_default(),
            mark.file_sha256.get(..SHA_CHARS).unwrap_or(&mark.file_sha256),
        );
    }
    let mut named = restricted::all_mentioning(app).await?;
    named.retain(|one| codes.is_empty() || codes.contains(&one.code));
    if !named.is_empty() {
        print_line!("下列各件提到上述项目，一并不列示（如不相干，可解除：duban restricted lift 编号 --by 姓名 --reason 理由）：");
    }
    for one in &named {
        print_line!("{} {} {}", one.code, title(app, &one.ledger), one.cell);
    }
    if marks.is_empty() {
        print_line!("没有标注为不便公开的编号。");
    }
    print_blocked(app).await?;
    Ok(Exit::Done)
}

/// Prints by which commands packs are made anew that name what was marked later.
pub(crate) async fn print_blocked(app: &App) -> anyhow::Result<()> {
    for BlockedPacks { job, as_of, packs } in restricted::blocked(app).await? {
        print_line!(
            "{packs}份分级材料列有其后标注的事项，不再提供给各单位，尚未重新生成：duban run {job} --as-of {as_of}（duban serve 运行时自动执行）"
        );
    }
    Ok(())
}

async fn sent(app: &App, format: &str, codes: &[String]) -> anyhow::Result<Exit> {
    let out = restricted::went_out(app.store(), app.config(), codes).await?;
    if format == "json" {
        let listed: Vec<_> = out
            .iter()
            .flat_map(|(code, list)| {
                list.iter().map(move |one| match one {
                    WentOut::Mail(mail) => json!({
                        "code": code, "kind": "mail", "id": mail.id, "unit": mail.unit, "subject": mail.subject, "state": mail.state.code(),
                        "at": if mail.ended_at.is_empty() { &mail.created_at } else { &mail.ended_at },
                    }),
                    WentOut::File { path, unit } => json!({ "code": code, "kind": "file", "path": path, "unit": unit }),
                })
            })
            .collect();
        print::json(&serde_json::to_string_pretty(&listed)?);
        return Ok(Exit::Done);
    }
    for (code, list) in &out {
        print_line!("{code}：{}", if list.is_empty() { "没有发出过" } else { "标注以前已发出或已存档" });
        for one in list {
            match one {
                WentOut::Mail(mail) => {
                    let at = if mail.ended_at.is_empty() { &mail.created_at } else { &mail.ended_at };
                    let day = at.get(..10).unwrap_or_default();
                    print_line!("  {day} {} <{}> {}（{}）", mail.unit, masked_address(&mail.address), mail.id, mail.state.word());
                }
                WentOut::File { path, unit } if unit.is_empty() => print_line!("  {path}（{}）", app.config().settings.office.name),
                WentOut::File { path, unit } => print_line!("  {path}（{unit}）"),
            }
        }
    }
    Ok(Exit::Done)
}
