//! `pull`, `import`, `snapshot`: prints what was read from a file or source, and lists, releases and exports snapshots.

use crate::app::audit::record_export;
use crate::app::compose::App;
use crate::app::import;
use crate::app::import::{DecidedHeader, HeaderMeaning, ImportRequest, Imported, Pulled};
use crate::app::reports::ledger_named;
use crate::app::snapshots;
use crate::app::snapshots::GoneCode;
use crate::cli::csv_text::CsvPrinter;
use crate::cli::day::day;
use crate::cli::diff;
use crate::cli::exit::Exit;
use crate::cli::outbox::print_stopped;
use crate::cli::person::PersonArguments;
use crate::domain::intake::note::{Note, NoteKind, sentence};
use crate::domain::notify::feedback::FormAccount;
use crate::domain::plain_text::{shell_word, shown_name};
use crate::domain::register::period::chinese_date;
use crate::domain::secrecy::{HeaderDecision, Polarity};
use crate::store::handle::Store;
use crate::store::snapshots::SnapshotState;
use crate::worker::import::pull_report::PullReport;
use chrono::NaiveDate;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum SnapshotAction {
    /// All snapshots of all ledgers
    List,
    /// Bring a held snapshot into force
    Release {
        ledger: String,
        source: String,
        seq: i64,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Put a held snapshot aside for good
    Discard {
        ledger: String,
        source: String,
        seq: i64,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Codes that were in an earlier snapshot in force and are not in the one now in force
    Gone {
        #[arg(long)]
        ledger: Option<String>,
    },
    /// The office confirms that a code has left the register for good
    ConfirmGone {
        ledger: String,
        source: String,
        code: String,
        /// Who confirms it
        #[arg(long)]
        by: String,
        /// Why it has left
        #[arg(long)]
        reason: String,
    },
    /// Write the accepted rows of a ledger as csv to stdout
    Export {
        ledger: String,
        #[arg(long, value_parser = day)]
        as_of: Option<NaiveDate>,
        #[command(flatten)]
        person: PersonArguments,
    },
}

/// Notes printed at most for a ledger; the import report has all of them.
const NOTES_SHOWN: usize = 20;

/// Rules printed at most that judge nothing because a column is missing.
const RULES_SHOWN: usize = 5;

/// Prints the outcome of a pull for the clerk. `command` is the one that reads the source anew.
fn print_report(report: &PullReport, command: &str) {
    if let Some(picked) = &report.picked {
        print_line!("{picked}");
    }
    for ledger in &report.ledgers {
        let outcome = match ledger.state {
            None => format!("与第{}次快照相同，无需更新", ledger.seq),
            Some(SnapshotState::Held) if !ledger.undecided.is_empty() || !ledger.proposals.is_empty() => {
                format!("第{}次快照暂缓生效（{}）；办法见下列提示", ledger.seq, ledger.held_because)
            }
            Some(SnapshotState::Held) => format!(
                "第{}次快照暂缓生效（{}）；核对后用 duban snapshot release 或 import --accept 放行",
                ledger.seq, ledger.held_because
            ),
            Some(_) => {
                let difference = &ledger.difference;
                format!("第{}次快照，新增{}、变更{}、消失{}", ledger.seq, difference.added, difference.changed, difference.gone)
            }
        };
        print_line!(
            "{} {}（截至{}）：读入{}行，入库{}，待核{}，未作数据{}，提示{}；{outcome}",
            shown_name(&report.file),
            ledger.title,
            chinese_date(ledger.covers_on),
            ledger.accepted + ledger.quarantined + ledger.skipped,
            ledger.accepted,
            ledger.quarantined,
            ledger.skipped,
            ledger.warnings,
        );
        if ledger.accepted + ledger.quarantined + ledger.skipped == 0 {
            print_line!("  表头下面没有数据，请核对是否选错了文件或工作表。");
        }
        if let Some((seq, covers_on)) = ledger.newer {
            print_line!(
                "  本次数据的截至日早于第{seq}次快照，{}及以后仍以第{seq}次快照为准；如截至日有误，请用 --covers 注明后重新导入",
                chinese_date(covers_on)
            );
        }
        if let Some(day) = ledger.day_in_file {
            print_line!("  文件写明截至{}，按指定的截至日入库；如非有意，请去掉 --covers 重新导入", chinese_date(day));
        }
        if ledger.ahead {
            print_line!("  截至日在今天之后，请核对");
        }
        for header in &ledger.undecided {
            print_line!("  “{header}”栏可能是保密标注，请办公室选一条命令确定，每个来源只需一次；确定前可能标注的各行先按不便公开处理：");
            for way in import::ways_to_decide(command, header) {
                print_line!("    {way}");
            }
        }
        for (header, title) in &ledger.proposals {
            print_line!("  “{header}”栏像是“{title}”，请办公室选一条命令确定，每个来源只需一次；确定前不生效：");
            for way in import::ways_to_name(command, header, title) {
                print_line!("    {way}");
            }
        }
        if ledger.restricted > 0 {
            print_line!("  本次新标注不便公开的编号{}个，立即生效；清单：duban restricted list", ledger.restricted);
        }
        if !ledger.lost.is_empty() {
            print_line!("  上次有而这次没有的栏：{}；各行的这些内容按未填处理，如只是改了表头，请改回后重新导入", ledger.lost.join("、"));
        }
        if !ledger.ownerless.is_empty() {
            print_line!("  没有“{}”栏，找不到各行的责任单位，发现的问题无处可送；请补上该栏后重新导入", ledger.ownerless.join("”“"));
        }
        if !ledger.idle_rules.is_empty() {
            let rest = ledger.idle_rules.len().saturating_sub(RULES_SHOWN);
            let more = if rest > 0 { format!("等{}条", ledger.idle_rules.len()) } else { String::new() };
            let rules = ledger.idle_rules.iter().take(RULES_SHOWN).cloned().collect::<Vec<_>>().join("、");
            print_line!("  没有“{}”栏，以下规则不作判断：{rules}{more}", ledger.missing.join("”“"));
        }
        for line in note_lines(&ledger.notes, &ledger.sheets_of_file, &[NoteKind::Quarantined], NOTES_SHOWN) {
            print_line!("  {line}");
        }
    }
    if report.withheld > 0 {
        print_line!("已停发{}封列有这些编号的待发邮件和拟办件", report.withheld);
    }
    for (sheet, reason) in &report.unread {
        print_line!(
            "{}{} 未读取：{reason}",
            shown_name(&report.file),
            if sheet.is_empty() { String::new() } else { format!(" 工作表“{sheet}”") }
        );
    }
    if let Some(workbook) = &report.workbook {
        print_line!("导入报告：{workbook}");
    }
    if let Some(fault) = &report.fault {
        print_error!("error: {}: {fault}", shown_name(&report.file));
    }
}

/// Prints, for the clerk, what became of the rows of feedback forms.
fn print_forms(accounts: &[FormAccount]) {
    for account in accounts {
        let sheet = account.sheets.first().map_or("", |sheet| sheet.sheet.as_str());
        let rows = account.taken + account.blank + account.same + account.returned;
        print_line!(
            "{} {sheet}（截至{}）：{rows}行，收下{}，未填写{}，与前次相同{}，退回{}",
            account.unit,
            chinese_date(account.as_of),
            account.taken,
            account.blank,
            account.same,
            account.returned
        );
        if !account.missing_columns.is_empty() {
            print_line!("  {sheet} 缺“{}”栏，其中的内容没有读到；栏名请勿改动", account.missing_columns.join("”“"));
        }
        if account.restricted > 0 {
            print_line!("  {sheet} 标注不便公开{}件，均已停止公开，请核对：duban restricted list", account.restricted);
        }
        if account.foreign_marks > 0 {
            print_line!("  {sheet} 另有{}件标注不属于该单位，或台账中没有，未采用", account.foreign_marks);
        }
        for (place, code, line) in &account.lines {
            print_line!("  {place} {code} {line}");
        }
    }
}

/// The exit code of one pull.
fn exit_of(report: &PullReport) -> Exit {
    if report.held() {
        Exit::Held
    } else if report.quarantined() > 0 || report.fault.is_some() {
        Exit::Partial
    } else {
        Exit::Done
    }
}

/// Reads one file, after the person has decided about the headers of `map`. Exit code: 3 if a snapshot is held, 2 if rows wait for
/// correction or were returned.
pub(crate) async fn import(app: &App, request: ImportRequest, map: &[String], person: &PersonArguments) -> anyhow::Result<Exit> {
    decide_headers(app, &request.source, map, person).await?;
    let command = import::import_command(&request.file.to_string_lossy(), &request.source);
    match import::import(app.importer(), request, person.person(&person.who())).await? {
        Imported::Forms(accounts) => {
            let returned = accounts.iter().any(|account| account.returned > 0 || !account.missing_columns.is_empty());
            print_forms(&accounts);
            Ok(if returned { Exit::Partial } else { Exit::Done })
        }
        Imported::Register(report) => {
            print_report(&report, &command);
            if report.withheld > 0 {
                print_stopped(app.store()).await?;
            }
            Ok(exit_of(&report))
        }
    }
}

/// Decides about the headers of a source in the name of a person.
async fn decide_headers(app: &App, source: &str, map: &[String], person: &PersonArguments) -> anyhow::Result<()> {
    for text in map {
        let by = person.person(person.by.as_deref().unwrap_or_default());
        let DecidedHeader { header, meaning } = import::decide_header(app.importer(), source, text, by).await?;
        let meaning = match meaning {
            HeaderMeaning::Secrecy(decision) => decision_text(decision).to_owned(),
            HeaderMeaning::Field(title) => format!("作为“{title}”读取"),
        };
        print_line!("来源“{source}”的“{header}”栏：{meaning}");
    }
    Ok(())
}

/// What a decision about a header means for the rows below it.
fn decision_text(decision: HeaderDecision) -> &'static str {
    match decision {
        HeaderDecision::Secrecy(Polarity::Marks) => "作为保密标注，填“否”或写明公开的除外，其余按不便公开处理",
        HeaderDecision::Secrecy(Polarity::Opens) => "作为公开标注，填“是”或写明公开的除外，其余按不便公开处理",
        HeaderDecision::Ignored => "不予读取",
    }
}

/// Reads one source, or all of them, after the person has decided about the headers of `map`. The exit code is that of the worst source.
pub(crate) async fn pull(app: &App, name: Option<&str>, accept: bool, map: &[String], person: &PersonArguments) -> anyhow::Result<Exit> {
    if let Some(source) = name.filter(|source| app.config().settings.source(source).is_some()) {
        decide_headers(app, source, map, person).await?;
    }
    let (mut worst, mut withheld) = (Exit::Done, 0);
    import::pull(app.importer(), name, accept, person.person(&person.who()), |source, pulled| match pulled {
        Pulled::SampleUnused => print_line!("{source}：已有其他来源的项目台账，样例不再读取"),
        Pulled::Report(report) => {
            print_report(&report, &format!("duban pull {}", shell_word(source)));
            withheld += report.withheld;
            worst = worst.or_worse(exit_of(&report));
        }
        Pulled::Failed(error) => {
            print_error!("error: {source}: {error:#}");
            worst = Exit::Failed;
        }
    })
    .await?;
    if withheld > 0 {
        print_stopped(app.store()).await?;
    }
    Ok(worst)
}

/// Prints all snapshots of all ledgers.
pub(crate) async fn list_snapshots(store: &Store) -> anyhow::Result<()> {
    for snapshot in store.snapshots().list().await? {
        let state = match snapshot.state {
            SnapshotState::Held => "暂缓",
            SnapshotState::InForce => "有效",
            SnapshotState::Discarded => "作废",
        };
        print_line!(
            "{}/{} 第{}次 {state} 截至{} {}行 {} {}{}",
            snapshot.ledger,
            snapshot.source,
            snapshot.seq,
            snapshot.covers_on,
            snapshot.rows,
            shown_name(&snapshot.origin.file),
            &snapshot.file_sha256[..12.min(snapshot.file_sha256.len())],
            if snapshot.reason.is_empty() { String::new() } else { format!(" {}", snapshot.reason) },
        );
    }
    Ok(())
}

/// Lists, releases, discards and exports snapshots.
pub(crate) async fn snapshot(app: &App, action: SnapshotAction) -> anyhow::Result<Exit> {
    let decide = async |ledger: String, source: String, seq: i64, state: SnapshotState, person: PersonArguments| -> anyhow::Result<Exit> {
        snapshots::decide(app.evaluator(), &ledger, &source, seq, state, person.person(&person.who())).await?;
        print_line!("{ledger}/{source} 第{seq}次快照：{}", if state == SnapshotState::InForce { "已放行生效" } else { "已作废" });
        Ok(Exit::Done)
    };
    match action {
        SnapshotAction::List => list_snapshots(app.store()).await.map(|()| Exit::Done),
        SnapshotAction::Gone { ledger } => diff::gone(app, ledger.as_deref()).await,
        SnapshotAction::ConfirmGone { ledger, source, code, by, reason } => {
            let of = GoneCode { ledger: &ledger, source: &source, code: &code };
            diff::confirm_gone(app, of, &by, &reason).await
        }
        SnapshotAction::Release { ledger, source, seq, person } => decide(ledger, source, seq, SnapshotState::InForce, person).await,
        SnapshotAction::Discard { ledger, source, seq, person } => decide(ledger, source, seq, SnapshotState::Discarded, person).await,
        SnapshotAction::Export { ledger, as_of, person } => {
            export(app, &ledger, as_of.unwrap_or_else(|| app.clock().today()), &person).await
        }
    }
}

/// Writes the records of a ledger on a day as csv to stdout.
async fn export(app: &App, ledger: &str, as_of: NaiveDate, person: &PersonArguments) -> anyhow::Result<Exit> {
    let ledger = ledger_named(&app.config().policy, ledger)?;
    record_export(app, "export", &format!("{} {as_of}", ledger.id), person.person(&person.who())).await?;
    let mut out = CsvPrinter::to_stdout();
    out.row(ledger.fields.iter().map(|field| field.id.as_str()))?;
    snapshots::each_record(app.evaluator(), ledger, as_of, |record| out.row(record.cells.iter().map(ToString::to_string))).await?;
    out.flush()?;
    Ok(Exit::Done)
}

/// At most `most` notes of some kinds as sentences, then the number of the others.
fn note_lines(notes: &[Note], sheets: &[String], kinds: &[NoteKind], most: usize) -> Vec<String> {
    let chosen: Vec<&Note> = notes.iter().filter(|note| kinds.contains(&note.kind)).collect();
    let mut lines: Vec<String> =
        chosen.iter().take(most).map(|note| sentence(note, sheets.get(note.sheet as usize).map_or("", String::as_str))).collect();
    if chosen.len() > most {
        lines.push(format!("……另有{}条，见导入报告", chosen.len() - most));
    }
    lines
}
