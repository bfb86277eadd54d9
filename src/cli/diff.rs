//! `diff`, `snapshot gone`, `snapshot confirm-gone`: prints what differs between two snapshots, and which codes are gone.

use crate::app::audit::record_export;
use crate::app::compose::App;
use crate::app::snapshots;
use crate::app::snapshots::{Compared, GoneCode, GoneCodes, RecordChange};
use crate::cli::csv_text::CsvPrinter;
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use crate::domain::intake::place::place_of;
use crate::domain::plain_text::shown_name;
use crate::domain::register::ledger::Role;
use crate::domain::register::period::chinese_date;
use crate::store::snapshots::Snapshot;
use crate::worker::run::gone::Gone;

/// The format in which a comparison is printed.
enum DiffOutput {
    Table,
    Csv(Box<CsvPrinter>),
}

const CSV_HEAD: [&str; 11] = ["类别", "台账", "来源", "编号", "名称", "责任单位", "栏目", "原内容", "新内容", "原位置", "新位置"];

/// Prints what differs between two snapshots. That it was handed out is on record.
pub(crate) async fn diff(
    app: &App,
    a: &str,
    b: &str,
    ledger: Option<&str>,
    format: &str,
    person: &PersonArguments,
) -> anyhow::Result<Exit> {
    record_export(app, "export diff", &format!("{a} {b} {format}"), person.person(&person.who())).await?;
    let mut out = match format {
        "csv" => DiffOutput::Csv(Box::new(CsvPrinter::to_stdout())),
        _ => DiffOutput::Table,
    };
    let mut head_written = false;
    let counts = snapshots::diff(app.evaluator(), a, b, ledger, |part| {
        if let (DiffOutput::Csv(writer), false) = (&mut out, head_written) {
            writer.row(CSV_HEAD)?;
            head_written = true;
        }
        out.print(part)
    })
    .await?;
    match out {
        DiffOutput::Csv(mut writer) => writer.flush()?,
        DiffOutput::Table => {
            let other_columns = match counts.other_columns {
                0 => String::new(),
                rows => format!("；另有{rows}行内容相同，只是所在表的栏目有增减"),
            };
            print_line!("新增{}，消失{}，变更{}{other_columns}", counts.added, counts.gone, counts.changed);
        }
    }
    Ok(Exit::Done)
}

impl DiffOutput {
    /// Prints one heading or one difference.
    fn print(&mut self, part: Compared<'_>) -> anyhow::Result<()> {
        let (ledger, source, record, change) = match part {
            Compared::Heading(heading) => {
                if let DiffOutput::Table = self {
                    print_line!("{heading}");
                }
                return Ok(());
            }
            Compared::Record { ledger, source, record, change } => (ledger, source, record, change),
        };
        let name = record.text(ledger.role(Role::Name));
        let unit = record.text(Some(ledger.owner.field()));
        let (word, field, old, new, old_place, new_place) = match change {
            RecordChange::Added { place } => ("新增", String::new(), String::new(), String::new(), String::new(), place),
            RecordChange::Gone { place } => ("消失", String::new(), String::new(), String::new(), place, String::new()),
            RecordChange::Field { title, old, new, old_place, new_place } => ("变更", title, old, new, old_place, new_place),
        };
        match self {
            DiffOutput::Csv(writer) => {
                let cells = [word, &ledger.title, source, &record.code, name, unit, &field, &old, &new, &old_place, &new_place];
                writer.row(cells)?;
            }
            DiffOutput::Table => {
                let shown = |text: &str| if text.is_empty() { "（空）".into() } else { shown_name(text).into_owned() };
                let named = [word, record.code.as_str(), name, unit].into_iter().filter(|part| !part.is_empty());
                let head = named.map(shown_name).collect::<Vec<_>>().join(" ");
                if field.is_empty() {
                    print_line!("{head}（{old_place}{new_place}）");
                } else {
                    print_line!("{head} {field}：{} → {}（{old_place} → {new_place}）", shown(&old), shown(&new));
                }
            }
        }
        Ok(())
    }
}

/// Lists the codes that are gone and not confirmed as such.
pub(crate) async fn gone(app: &App, ledger: Option<&str>) -> anyhow::Result<Exit> {
    let GoneCodes { codes, snapshots } = snapshots::gone(app.evaluator(), ledger).await?;
    for gone in &codes {
        print_line!("{}", gone_line(&snapshots, gone));
    }
    print_line!("消失而未经确认的编号{}个", codes.len());
    Ok(Exit::Done)
}

fn gone_line(all: &[Snapshot], gone: &Gone) -> String {
    let snapshot = |seq: i64| all.iter().find(|known| known.ledger == gone.ledger && known.source == gone.source && known.seq == seq);
    let place = snapshot(gone.absent.version.first_seq).map_or(String::new(), |first| {
        place_of(&first.origin.file, &first.origin.sheets, &first.accounts, gone.absent.sheet, gone.absent.row, None)
    });
    let since = snapshot(gone.gone_seq).map_or(String::new(), |snapshot| format!("（截至{}）", chinese_date(snapshot.covers_on)));
    let named =
        [gone.absent.code.as_str(), &gone.absent.name, &gone.absent.unit].into_iter().filter(|part| !part.is_empty()).map(shown_name);
    format!(
        "{}/{} {}：自第{}次快照{since}起没有，最后见于第{}次快照（{place}）",
        gone.ledger,
        gone.source,
        named.collect::<Vec<_>>().join(" "),
        gone.gone_seq,
        gone.seen_seq
    )
}

/// Records the office's confirmation that a code has left the register for good.
pub(crate) async fn confirm_gone(app: &App, of: GoneCode<'_>, by: &str, reason: &str) -> anyhow::Result<Exit> {
    let confirmed = snapshots::confirm_gone(app.evaluator(), of, by, reason).await?;
    let name = if confirmed.name.is_empty() { String::new() } else { format!(" {}", confirmed.name) };
    if confirmed.known_before {
        print_line!(
            "{} {}{name}：已由{}确认过，未作改动。事由：{}",
            confirmed.ledger_title,
            confirmed.code,
            confirmed.who,
            confirmed.reason
        );
    } else {
        print_line!(
            "{} {}{name}：已由{}确认退出台账，不再列出。事由：{}",
            confirmed.ledger_title,
            confirmed.code,
            confirmed.who,
            confirmed.reason
        );
    }
    Ok(Exit::Done)
}
