//! `explain` and `findings` give the same: every finding of a generated register, read from several sources, is explained as it was found.

use super::helpers::{duban, fresh_root, seeds, service};
use super::secrecy::producers::{csv_of, random_register};
use chrono::NaiveDate;
use duban::app::compose::App;
use duban::app::explain::explain;
use duban::app::findings::{FindingsFilter, find};
use duban::domain::audience::Audience;
use duban::domain::judging::finding::State;
use duban::domain::register::record::{Cell, Record};
use duban::worker::import::input::Input;
use duban::worker::import::puller::PullRequest;
use fastrand::Rng;
use std::path::Path;

async fn pull(service: &App, path: &Path, source: &str, covers_on: NaiveDate) {
    let request = PullRequest {
        input: Input::File(path.to_path_buf()),
        source: source.into(),
        sample: source == "sample",
        covers_on: Some(covers_on),
        accept: true,
        only: None,
    };
    service.importer().pull(&service.config().policy, &request).await.expect("a pull");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_finding_is_explained_as_it_was_found() {
    for seed in seeds(1) {
        let root = fresh_root();
        let mut dice = Rng::with_seed(seed * 337 + 11);
        let service = service(root.path(), "2026-10-09T02:00:00Z").await;
        let policy = service.config().policy.clone();
        let as_of: NaiveDate = "2026-09-30".parse().expect("a day");
        let sample = root.path().join("样例.xlsx");
        duban(root.path(), &["sample", "--projects", "20", sample.to_str().expect("a path")]);
        pull(&service, &sample, "sample", as_of).await;
        let mut register = random_register(&mut dice, &policy, as_of, &mut Vec::new());
        exempt_difficulties(&policy, &mut register, as_of);
        // a later source has some codes of the first one with other content, and codes of its own
        let mut others = random_register(&mut dice, &policy, as_of, &mut Vec::new());
        others.retain(|_| dice.usize(..3) == 0);
        for (source, rows) in [("import", &register), ("second", &others)] {
            for (index, ledger) in policy.ledgers.iter().enumerate() {
                let rows: Vec<&Record> = rows.iter().filter(|(of, _)| *of == index).map(|(_, record)| record).collect();
                if !rows.is_empty() {
                    let path = root.path().join(format!("{source}-{}.csv", ledger.id));
                    std::fs::write(&path, csv_of(&policy, index, &rows)).expect("a file");
                    pull(&service, &path, source, as_of).await;
                }
            }
        }
        let found = find(service.evaluator(), as_of, &FindingsFilter::default()).await.expect("findings");
        let (mut explained, mut exempt, mut waiting) = (0, 0, 0);
        for finding in found.iter() {
            let rule = &found.policy.rules[finding.rule];
            let explanation =
                explain(service.evaluator(), &rule.id, &finding.key, as_of, Audience::Office).await.expect("an explanation").explanation;
            let place = format!("seed {seed}: {} {}", rule.id, finding.key);
            assert_eq!(explanation.state, Some(finding.state.code()), "{place}");
            assert_eq!(explanation.light, finding.light.map(|light| light.code()), "{place}");
            assert_eq!(explanation.act, finding.act.map(|act| act.code()), "{place}");
            assert_eq!(explanation.overdue_days, finding.overdue_days(), "{place}");
            assert!(finding.due_on.is_none() || explanation.due_on == finding.due_on, "{place}: {:?}", explanation.due_on);
            let name = |unit: usize| found.policy.units.units[unit].name.clone();
            assert_eq!(explanation.waiting_on, finding.waiting_on().map(name), "{place}");
            let recipients: Vec<Option<String>> = finding.recipients().map(|unit| unit.map(name)).collect();
            assert_eq!(explanation.recipients.iter().map(|recipient| recipient.unit.clone()).collect::<Vec<_>>(), recipients, "{place}");
            explained += 1;
            exempt += usize::from(finding.state == State::Exempt);
            waiting += usize::from(finding.waiting_on().is_some());
        }
        service.store().close().await;
        assert!(explained > 60 && exempt > 0 && waiting > 0, "seed {seed}: {explained} {exempt} {waiting}");
    }
}

/// Exempts half of the unanswered difficulties: their projects wait for nobody.
fn exempt_difficulties(policy: &duban::domain::rules::policy::Policy, register: &mut [(usize, Record)], as_of: NaiveDate) {
    let of = |id: &str| policy.ledger(id).expect("a ledger");
    let (difficulties, exemptions, projects) = (of("difficulty"), of("exemption"), of("project"));
    let field = |ledger: usize, id: &str| policy.ledgers[ledger].field(id).expect("a field");
    let mut codes = Vec::new();
    for (number, (_, record)) in register.iter_mut().filter(|(ledger, _)| *ledger == difficulties).enumerate().take(6) {
        record.cells[field(difficulties, "answered_on")] = Cell::Empty;
        record.cells[field(difficulties, "solved_on")] = Cell::Empty;
        record.cells[field(difficulties, "raised_on")] = Cell::Date(as_of - chrono::Days::new(50));
        record.cells[field(difficulties, "asked_level")] = Cell::Text("省级".into());
        record.cells[field(difficulties, "department")] = Cell::Text("自然资源部门".into());
        record.cells[field(difficulties, "project_code")] = Cell::Text(format!("PROJECT{number:04}").into());
        codes.push(record.code.clone());
    }
    for (_, record) in register.iter_mut().filter(|(ledger, _)| *ledger == projects).take(6) {
        record.cells[field(projects, "stage")] = Cell::Text("签约".into());
        record.cells[field(projects, "agreement")] = Cell::Text("合同".into());
        record.cells[field(projects, "signed_on")] = Cell::Date(as_of - chrono::Days::new(500));
        ["performed_on", "started_on", "produced_on", "terminated_on", "planned_start_on"]
            .iter()
            .for_each(|id| record.cells[field(projects, id)] = Cell::Empty);
    }
    for ((_, record), code) in register.iter_mut().filter(|(ledger, _)| *ledger == exemptions).zip(codes.iter().step_by(2)) {
        for (id, cell) in [
            ("kind", Cell::Text("豁免".into())),
            ("rule", Cell::Text("difficulty-unanswered".into())),
            ("key", Cell::Text(code.as_str().into())),
            ("granted_on", Cell::Date(as_of - chrono::Days::new(20))),
            ("expires_on", Cell::Date(as_of + chrono::Days::new(60))),
        ] {
            record.cells[field(exemptions, id)] = cell;
        }
    }
}
