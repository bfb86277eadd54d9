//! Writes workbooks from data in memory: 3,000 small ones, like the packs of a province, on all cores, then one sheet of 300,000 rows.
//!
//! `cargo bench --bench workbooks` [-- --books 3000 --rows 20 --long 300000]
//!
//! As in a run, each is built, its sums are checked, and it is rendered, flushed to disk and renamed. Prints wall-clock and CPU seconds and
//! the peak memory of the process so far; the goal is 3 seconds for 3,000 workbooks on two cores.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time and reads its environment")]

use chrono::NaiveDate;
use duban::config::load::{Config, read_files};
use duban::domain::audience::Audience;
use duban::domain::judging::indicators::Indicators;
use duban::domain::judging::judge::Judged;
use duban::domain::judging::roster::{Reach, Rosters};
use duban::domain::notify::feedback::Answers;
use duban::domain::notify::form_seal::FormKey;
use duban::domain::register::ledger::Role;
use duban::domain::register::record::{Cell, Record, Records};
use duban::domain::restriction::Restrictions;
use duban::domain::rules::context::{Context, OldData};
use duban::domain::rules::policy::Policy;
use duban::domain::sample::sample;
use duban::report::{archive, xlsx};
use duban::workbook::balance::check_balance;
use duban::workbook::build::{build, file_name};
use duban::workbook::material::Material;
use duban::workbook::sheets::kinds::SheetKind;
use duban::workbook::template::Template;
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Generated projects by code. Each is copied from one of a few on request, so that the memory measured is that of the workbooks.
struct Generated {
    ledger: usize,
    known: Vec<Record>,
}

impl Generated {
    fn number(code: &str) -> Option<usize> {
        code.strip_prefix("GZ")?.parse().ok()
    }

    fn record(&self, number: usize) -> Record {
        let mut record = self.known[number % self.known.len()].clone();
        record.code = format!("GZ{number:08}");
        record
    }
}

impl Records for Generated {
    fn find(&self, ledger: usize, code: &str) -> Option<Cow<'_, Record>> {
        (ledger == self.ledger).then(|| Self::number(code).map(|number| Cow::Owned(self.record(number)))).flatten()
    }
}

/// CPU seconds of the process and its peak memory in MiB, from /proc.
fn used() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().expect("ticks") + fields[12].parse::<f64>().expect("ticks");
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    (ticks / 100.0, peak.trim().trim_end_matches(" kB").parse::<f64>().expect("kB") / 1024.0)
}

fn argument(name: &str, usual: usize) -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(usual, |count| count.parse().expect("a number"))
}

fn main() {
    let (books, rows, long) = (argument("--books", 3000), argument("--rows", 20), argument("--long", 300_000));
    let files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("the shipped files");
    let as_of = NaiveDate::from_ymd_opt(2026, 9, 30).expect("a day");
    let config = Config::parse(files).expect("the shipped configuration");
    let policy = config.policy.on(as_of);
    let ledger = policy.project_ledger().expect("projects");
    let code = policy.ledgers[ledger].role(Role::Code).expect("a code");
    let made = sample(&policy, rows.max(1000), as_of).ledgers.into_iter().find(|(index, _)| *index == ledger).expect("projects").1;
    let known: Vec<Record> = made
        .into_iter()
        .map(|cells| Record { code: cells[code].to_string(), columns: (0..cells.len()).collect(), cells, ..Record::default() })
        .collect();
    let place = policy.ledgers[ledger].role(Role::Place).expect("a place");
    // All projects of a small workbook belong to one county, so that the pack of its unit lists them.
    let home = known.iter().find_map(|record| policy.units.find(record.text(Some(place)))).expect("a county");
    let home_name = policy.units.units[home].name.clone();
    let mut own = Generated { ledger, known: known.clone() };
    for record in &mut own.known {
        record.cells[place] = Cell::Text(home_name.as_str().into());
    }
    let folder = tempfile::tempdir().expect("a folder");

    let template = &config.templates["county-study"];
    let small = Judgement::new(&policy, template, &own, rows, as_of);
    let next = AtomicUsize::new(0);
    let (began, before) = (Instant::now(), used().0);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= books {
                        break;
                    }
                    small.write(&policy, template, &own, Audience::Unit(home), folder.path(), Some(number));
                }
            });
        }
    });
    report(&format!("{books} workbooks of {rows} projects, {cores} cores"), began, before);

    let template = &config.templates["ledgers-quarterly"];
    let all = Template {
        sheets: template.sheets.iter().filter(|sheet| sheet.frame.name == "活动签约项目").cloned().collect(),
        ..template.clone()
    };
    let every = Template { sheets: all.sheets.into_iter().map(whole).collect(), ..template.clone() };
    let province = Generated { ledger, known };
    let large = Judgement::new(&policy, &every, &province, long, as_of);
    let (began, before) = (Instant::now(), used().0);
    large.write(&policy, &every, &province, Audience::Office, folder.path(), None);
    report(&format!("one sheet of {long} rows"), began, before);
}

/// The sheet without its condition: every project.
fn whole(mut sheet: duban::workbook::template::SheetTemplate) -> duban::workbook::template::SheetTemplate {
    if let SheetKind::Records(list) = &mut sheet.kind {
        list.selection.conditions.clear();
    }
    sheet
}

fn report(what: &str, began: Instant, before: f64) {
    let (cpu, peak) = used();
    println!("{what}: {:.2} s, CPU {:.2} s, peak so far {peak:.0} MiB", began.elapsed().as_secs_f64(), cpu - before);
}

/// The data that a run has before it writes workbooks: findings, rosters, indicators.
struct Judgement {
    judged: Judged,
    rosters: Rosters,
    indicators: Indicators,
    reach: Reach,
    as_of: NaiveDate,
    answers: Answers,
}

impl Judgement {
    fn new(policy: &Policy, template: &Template, records: &Generated, count: usize, as_of: NaiveDate) -> Judgement {
        let (projects, waiting, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
        let context = Context {
            policy,
            as_of,
            projects: &projects,
            waiting_on: &waiting,
            answered: &HashMap::new(),
            exempt: &exempt,
            old_data: OldData::none(),
        };
        let chosen = template.sheets.iter().filter_map(|sheet| match &sheet.kind {
            SheetKind::Records(list) => Some(list.selection.clone()),
            _ => None,
        });
        let (mut judged, mut rosters, mut indicators) = (Judged::new(policy), Rosters::new(chosen), Indicators::new(policy, as_of));
        for number in 0..count {
            let record = records.record(number);
            judged.record(&context, records.ledger, &record);
            rosters.add(&context, records.ledger, &record);
            let owner = duban::domain::rules::owner::owner_of(policy, &policy.ledgers[records.ledger], &record, &projects).unit;
            indicators.add(policy, records.ledger, &record, owner);
        }
        judged.sort();
        rosters.finish(policy, &judged);
        let reach = Reach::new(&policy.units, &judged);
        Judgement { judged, rosters, indicators, reach, as_of, answers: Answers::default() }
    }

    fn write(&self, policy: &Policy, template: &Template, records: &Generated, audience: Audience, folder: &Path, number: Option<usize>) {
        let rows = match audience {
            Audience::Office | Audience::ThirdParty => None,
            Audience::Unit(unit) => Some(self.reach.of(unit)),
        };
        let material = Material {
            policy,
            as_of: self.as_of,
            office: "省投资促进局",
            judged: &self.judged,
            records,
            rosters: &self.rosters,
            origins: &[],
            indicators: &self.indicators,
            sources: &[],
            only_counted: None,
            contact: "",
            made_on: self.as_of,
            data_line: "",
            reply_by: self.as_of,
            intake: &[],
            restrictions: &Restrictions::default(),
            audience,
            only_findings: rows,
            answers: &self.answers,
            form_key: &FormKey::of_nobody(),
            silent: &[],
            unsigned: Default::default(),
            previous_run: None,
            gone: &[],
            inputs: &[],
        };
        let book = build(template, &material).unwrap();
        assert!(check_balance(&book).is_empty(), "the sums agree");
        let name = format!("{}{}", number.map_or(String::new(), |number| number.to_string()), file_name(template, &material));
        archive::write(folder, &name, &xlsx::render(&book).expect("a workbook")).expect("a file");
    }
}
