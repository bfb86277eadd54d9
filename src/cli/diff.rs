//! `diff`, `snapshot gone`, `snapshot confirm-gone`: what changed between two snapshots, and what has left a register.

use crate::app::compose::App;
use crate::cli::Exit;
use crate::cli::findings::guarded;
use crate::cli::ledger::known;
use crate::clock::stamp;
use crate::config::problem::suggest;
use crate::domain::intake::place::place_of;
use crate::domain::register::ledger::{Ledger, Role};
use crate::domain::register::period::chinese_date;
use crate::domain::register::record::Record;
use crate::store::changes::Side;
use crate::store::gone::GoneConfirmation;
use crate::store::records::StoredRecord;
use crate::store::snapshots::{Snapshot, SnapshotState};
use crate::worker::import::intake_report::place_in;
use crate::worker::run::gone::Gone;
use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use std::io::{Stdout, Write};

/// A source of the ledger on both sides; `None` = it held nothing then.
struct Pair {
    source: [String; 2],
    sides: [Option<i64>; 2],
    heading: String,
}

/// Where the lines of a comparison go.
enum Out {
    Table,
    Csv(Box<csv::Writer<Stdout>>),
}

/// One line: what, code, name, unit, field, old, new, old place, new place.
type Line = [String; 9];

const CSV_HEAD: [&str; 11] = ["类别", "台账", "来源", "编号", "名称", "责任单位", "栏目", "原内容", "新内容", "原位置", "新位置"];

/// Counts of what was printed.
#[derive(Default)]
struct Counts {
    added: u64,
    gone: u64,
    changed: u64,
    /// The same cells from a sheet with other columns.
    shape: u64,
}

/// Prints what differs between two snapshots.
pub async fn diff(app: &App, a: &str, b: &str, ledger: Option<&str>, format: &str) -> anyhow::Result<Exit> {
    let all = app.store().snapshots().list().await?;
    let policy = &app.config().policy;
    let wanted = ledger.map(|name| known(policy, name)).transpose()?;
    let days = (a.parse::<NaiveDate>(), b.parse::<NaiveDate>());
    let (ledger, pairs) = match days {
        (Ok(a), Ok(b)) => {
            let Some(ledger) = wanted else {
                bail!(
                    "two days need --ledger (one of: {})",
                    policy.ledgers.iter().map(|ledger| ledger.id.as_str()).collect::<Vec<_>>().join(", ")
                )
            };
            (ledger, in_force(app, ledger, a, b).await?)
        }
        (Err(_), Err(_)) => {
            let (one, two) = (named(app, &all, a)?, named(app, &all, b)?);
            ensure!(one.0.id == two.0.id, "{a} and {b} are of different ledgers: compare two snapshots of one");
            if let Some(wanted) = wanted {
                ensure!(wanted.id == one.0.id, "--ledger {} does not agree with {a}", wanted.id);
            }
            (one.0, vec![pair(&one, &two)])
        }
        _ => bail!("{a} and {b}: give two snapshots (LEDGER/SOURCE/SEQ) or two days with --ledger"),
    };
    let mut out = match format {
        "csv" => {
            let mut writer = csv::Writer::from_writer(std::io::stdout());
            writer.write_record(CSV_HEAD)?;
            Out::Csv(Box::new(writer))
        }
        _ => Out::Table,
    };
    let mut counts = Counts::default();
    for pair in &pairs {
        if let Out::Table = out {
            say!("{}", pair.heading);
        }
        compare(app, &all, ledger, pair, &mut out, &mut counts).await?;
    }
    match out {
        Out::Csv(mut writer) => writer.flush()?,
        Out::Table => {
            let shape = if counts.shape > 0 {
                format!("；另有{}行内容相同，只是所在表的栏目有增减", counts.shape)
            } else {
                String::new()
            };
            say!("新增{}，消失{}，变更{}{shape}", counts.added, counts.gone, counts.changed);
        }
    }
    Ok(Exit::Done)
}

/// The snapshot that `LEDGER/SOURCE/SEQ` names.
fn named<'a>(app: &'a App, all: &'a [Snapshot], text: &str) -> anyhow::Result<(&'a Ledger, &'a Snapshot)> {
    let parts = text.split_once('/').and_then(|(ledger, rest)| Some((ledger, rest.rsplit_once('/')?)));
    let Some((ledger, (source, number))) = parts else {
        bail!("{text} is no snapshot: write LEDGER/SOURCE/SEQ as in `duban snapshot list`, such as project/import/2");
    };
    let ledger = known(&app.config().policy, ledger)?;
    let of_source: Vec<&Snapshot> = all.iter().filter(|known| known.ledger == ledger.id && known.source == source).collect();
    if of_source.is_empty() {
        let mut sources: Vec<&str> = all.iter().filter(|known| known.ledger == ledger.id).map(|known| known.source.as_str()).collect();
        sources.dedup();
        ensure!(!sources.is_empty(), "ledger \"{}\" was never read", ledger.id);
        bail!("source \"{source}\" holds no {} ({})", ledger.id, suggest(source, sources.into_iter()).unwrap_or_default());
    }
    let found = number.parse::<i64>().ok().and_then(|number| of_source.iter().find(|known| known.seq == number));
    let Some(found) = found else {
        let numbers: Vec<String> = of_source.iter().map(|known| known.seq.to_string()).collect();
        bail!("{}/{source} has no snapshot {number} (there are: {})", ledger.id, numbers.join(", "));
    };
    Ok((ledger, found))
}

fn pair(one: &(&Ledger, &Snapshot), two: &(&Ledger, &Snapshot)) -> Pair {
    let named = |snapshot: &Snapshot| format!("{}第{}次快照（截至{}）", snapshot.source, snapshot.seq, chinese_date(snapshot.covers_on));
    Pair {
        source: [one.1.source.clone(), two.1.source.clone()],
        sides: [Some(one.1.seq), Some(two.1.seq)],
        heading: format!("{}：{} → {}", one.0.title, named(one.1), named(two.1)),
    }
}

/// The snapshots of a ledger in force on two days, source by source.
async fn in_force(app: &App, ledger: &Ledger, a: NaiveDate, b: NaiveDate) -> anyhow::Result<Vec<Pair>> {
    let mut pairs: Vec<Pair> = Vec::new();
    let (before, after) = (app.evaluator().view(&[], a).await?, app.evaluator().view(&[], b).await?);
    for (side, view) in [before, after].into_iter().enumerate() {
        for found in view.in_force.into_iter().filter(|found| found.snapshot.ledger == ledger.id) {
            let source = found.snapshot.source;
            let at = pairs.iter().position(|pair| pair.source[0] == source).unwrap_or_else(|| {
                let heading = format!("{}（{source}）：{}与{}有效的数据", ledger.title, chinese_date(a), chinese_date(b));
                pairs.push(Pair { source: [source.clone(), source.clone()], sides: [None, None], heading });
                pairs.len() - 1
            });
            pairs[at].sides[side] = Some(found.snapshot.seq);
            let (word, day) = if side == 0 { ("；前为", a) } else { ("；后为", b) };
            let early = if found.early {
                format!("（没有截至{}及以前的数据，以最早的一次代替）", chinese_date(day))
            } else {
                String::new()
            };
            pairs[at].heading.push_str(&format!(
                "{word}第{}次快照（截至{}）{early}",
                found.snapshot.seq,
                chinese_date(found.snapshot.covers_on)
            ));
        }
    }
    ensure!(!pairs.is_empty(), "ledger \"{}\" was never read", ledger.id);
    Ok(pairs)
}

/// Prints one pair, page by page.
async fn compare(app: &App, all: &[Snapshot], ledger: &Ledger, pair: &Pair, out: &mut Out, counts: &mut Counts) -> anyhow::Result<()> {
    let side = |index: usize| Side { source: &pair.source[index], seq: pair.sides[index].unwrap_or(0) };
    let (old, new) = (side(0), side(1));
    let place = |side: Side<'_>, stored: &StoredRecord, field: Option<&str>| place_in(all, &ledger.id, side.source, stored, field);
    for (gone, here, other) in [(false, new, old), (true, old, new)] {
        let mut after = String::new();
        loop {
            let page = app.store().changes().only_in(ledger, here, other, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.record.code);
            for stored in &page {
                let count = if gone { &mut counts.gone } else { &mut counts.added };
                *count += 1;
                let mut line = line(if gone { "消失" } else { "新增" }, ledger, &stored.record);
                line[if gone { 7 } else { 8 }] = place(here, stored, None);
                out.print(ledger, here.source, &line)?;
            }
        }
    }
    let mut after = String::new();
    loop {
        let page = app.store().changes().changed(ledger, old, new, &after).await?;
        let Some((_, last)) = page.last() else { break };
        after.clone_from(&last.record.code);
        for (before, now) in &page {
            let fields: Vec<usize> =
                (0..ledger.fields.len()).filter(|field| before.record.cell(*field) != now.record.cell(*field)).collect();
            if fields.is_empty() {
                counts.shape += 1;
                continue;
            }
            counts.changed += 1;
            for field in fields {
                let id = Some(ledger.fields[field].id.as_str());
                let mut line = line("变更", ledger, &now.record);
                line[4].clone_from(&ledger.fields[field].title);
                line[5] = before.record.cell(field).to_string();
                line[6] = now.record.cell(field).to_string();
                line[7] = place(old, before, id);
                line[8] = place(new, now, id);
                out.print(ledger, new.source, &line)?;
            }
        }
    }
    Ok(())
}

fn line(what: &str, ledger: &Ledger, record: &Record) -> Line {
    let mut line = Line::default();
    line[0] = what.to_owned();
    line[1].clone_from(&record.code);
    line[2] = record.text(ledger.role(Role::Name)).to_owned();
    line[3] = record.text(Some(ledger.owner.field())).to_owned();
    line
}

impl Out {
    fn print(&mut self, ledger: &Ledger, source: &str, line: &Line) -> anyhow::Result<()> {
        let [what, code, name, unit, field, old, new, old_place, new_place] = line;
        match self {
            Out::Csv(writer) => {
                let cells = [what, &ledger.title, source, code, name, unit, field, old, new, old_place, new_place];
                writer.write_record(cells.map(guarded))?;
            }
            Out::Table => {
                let shown = |text: &str| if text.is_empty() { "（空）".to_owned() } else { text.replace(['\r', '\n'], " ") };
                let head = [what.as_str(), code, name, unit].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
                if field.is_empty() {
                    say!("{head}（{old_place}{new_place}）");
                } else {
                    let text = format!("{head} {field}：{} → {}（{old_place} → {new_place}）", shown(old), shown(new));
                    writeln!(std::io::stdout(), "{text}")?;
                }
            }
        }
        Ok(())
    }
}

/// Lists what has left the registers and is not confirmed.
pub async fn gone(app: &App, ledger: Option<&str>) -> anyhow::Result<Exit> {
    if let Some(name) = ledger {
        known(&app.config().policy, name)?;
    }
    let all = app.store().snapshots().list().await?;
    let found = app.evaluator().gone(ledger).await?;
    for gone in &found {
        say!("{}", sentence(&all, gone));
    }
    say!("消失而未经确认的编号{}个", found.len());
    Ok(Exit::Done)
}

fn sentence(all: &[Snapshot], gone: &Gone) -> String {
    let of = |seq: i64| all.iter().find(|known| known.ledger == gone.ledger && known.source == gone.source && known.seq == seq);
    let place = of(gone.absent.version.first_seq).map_or(String::new(), |began| {
        place_of(&began.origin.file, &began.origin.sheets, &began.accounts, gone.absent.sheet, gone.absent.row, None)
    });
    let since = of(gone.gone_seq).map_or(String::new(), |snapshot| format!("（截至{}）", chinese_date(snapshot.covers_on)));
    let named = [gone.absent.code.as_str(), &gone.absent.name, &gone.absent.unit].into_iter().filter(|part| !part.is_empty());
    format!(
        "{}/{} {}：自第{}次快照{since}起没有，最后见于第{}次快照（{place}）",
        gone.ledger,
        gone.source,
        named.collect::<Vec<_>>().join(" "),
        gone.gone_seq,
        gone.seen_seq
    )
}

/// Records the office's word that a code has left.
pub async fn confirm_gone(app: &App, ledger: &str, source: &str, code: &str, by: &str, reason: &str) -> anyhow::Result<Exit> {
    let ledger = known(&app.config().policy, ledger)?;
    let (by, reason) = (by.trim(), reason.trim());
    ensure!(!by.is_empty(), "--by names nobody: who confirms it?");
    ensure!(!reason.is_empty(), "--reason is empty: why has it left the register?");
    let all = app.store().snapshots().list().await?;
    let mut sources: Vec<&str> = all
        .iter()
        .filter(|known| known.ledger == ledger.id && known.state == SnapshotState::InForce)
        .map(|known| known.source.as_str())
        .collect();
    sources.dedup();
    if !sources.contains(&source) {
        ensure!(!sources.is_empty(), "ledger \"{}\" was never read", ledger.id);
        bail!("source \"{source}\" holds no {} ({})", ledger.id, suggest(source, sources.into_iter()).unwrap_or_default());
    }
    let Some(gone) = app.evaluator().gone_code(&ledger.id, source, code).await? else {
        let listed: Vec<Gone> = app.evaluator().gone(Some(&ledger.id)).await?.into_iter().filter(|gone| gone.source == source).collect();
        let hint = suggest(code, listed.iter().map(|gone| gone.absent.code.as_str()).take(1000)).unwrap_or_default();
        ensure!(hint.starts_with("did you mean"), "{code} has not left {}/{source}; see `duban snapshot gone`", ledger.id);
        bail!("{code} has not left {}/{source} ({hint})", ledger.id);
    };
    let confirmed = GoneConfirmation {
        ledger: ledger.id.clone(),
        source: source.to_owned(),
        code: gone.absent.code.clone(),
        seen_seq: gone.seen_seq,
        confirmed_at: stamp(app.clock().now()),
        who: by.to_owned(),
        reason: reason.to_owned(),
    };
    let name = if gone.absent.name.is_empty() { String::new() } else { format!(" {}", gone.absent.name) };
    if app.store().gone().confirm(&confirmed).await? {
        say!("{} {}{name}：已由{by}确认退出台账，不再列出。事由：{reason}", ledger.title, confirmed.code);
    } else {
        let before = app.store().gone().confirmed().await?;
        let known = before
            .iter()
            .find(|known| {
                (&known.ledger, &known.source, &known.code, known.seen_seq)
                    == (&confirmed.ledger, &confirmed.source, &confirmed.code, confirmed.seen_seq)
            })
            .context("the confirmation is not there")?;
        say!("{} {}{name}：已由{}确认过，未作改动。事由：{}", ledger.title, confirmed.code, known.who, known.reason);
    }
    Ok(Exit::Done)
}
