//! Judges all rules of config/rules.toml for generated projects, in memory, on one core, without reading or storing anything.
//!
//! `cargo bench --bench rules` [-- --projects 1000000]
//!
//! The projects are those of `duban sample`. A few at a time are copied right before they are judged, outside the measured time, because a
//! run judges each record when it has read it. All findings are held in memory, as in a run. Prints seconds, projects per second and the
//! number of findings; the goal is 2 seconds for a million projects.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time and reads its environment")]

use chrono::NaiveDate;
use duban::config::load::{Config, read_files};
use duban::domain::judging::judge::Judged;
use duban::domain::register::ledger::Role;
use duban::domain::register::record::Record;
use duban::domain::rules::context::{Context, OldData};
use duban::domain::sample::sample;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Projects generated at a time.
const BATCH: usize = 50_000;

/// Projects copied at a time.
const READ: usize = 200;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut projects = 1_000_000usize;
    while let Some(argument) = arguments.next() {
        if argument == "--projects" {
            projects = arguments.next().and_then(|count| count.parse().ok()).expect("--projects takes a number");
        }
    }
    let files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("the shipped files");
    let as_of = NaiveDate::from_ymd_opt(2026, 9, 30).expect("a day");
    let policy = Config::parse(files).expect("the shipped configuration").policy.on(as_of);
    let ledger = policy.project_ledger().expect("projects");
    let code = policy.ledgers[ledger].role(Role::Code).expect("a code");
    let (projects_of, waiting, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
    let context = Context {
        policy: &policy,
        as_of,
        projects: &projects_of,
        waiting_on: &waiting,
        answered: &HashMap::new(),
        exempt: &exempt,
        old_data: OldData::none(),
    };
    let made = sample(&policy, BATCH, as_of).ledgers.into_iter().find(|(index, _)| *index == ledger).expect("projects").1;
    let mut records: Vec<Record> = made
        .into_iter()
        .map(|cells| Record { code: cells[code].to_string(), columns: (0..cells.len()).collect(), cells, ..Record::default() })
        .collect();
    let mut judged = Judged::new(&policy);
    judged.make_room(projects);
    let (mut busy, mut done, mut batch) = (Duration::ZERO, 0, 0);
    while done < projects {
        batch += 1;
        for (number, record) in records.iter_mut().enumerate() {
            record.code = format!("GZ{batch:03}{number:06}");
        }
        let count = records.len().min(projects - done);
        for part in records[..count].chunks(READ) {
            let read = part.to_vec();
            let began = Instant::now();
            for record in &read {
                judged.record(&context, ledger, record);
            }
            busy += began.elapsed();
        }
        done += count;
    }
    let began = Instant::now();
    judged.sort();
    let sorting = began.elapsed();
    let rules = policy.rules.iter().filter(|rule| rule.ledger == ledger).count();
    println!(
        "{done} projects, {rules} rules: judged in {:.3} s ({:.0} projects a second), sorted in {:.3} s; {} findings, {} notices, {} remarks",
        busy.as_secs_f64(),
        done as f64 / busy.as_secs_f64(),
        sorting.as_secs_f64(),
        judged.findings.len(),
        judged.notices.len(),
        judged.quality.len()
    );
}
