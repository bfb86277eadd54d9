//! Mails and workbooks held against each other.

use super::World;
use crate::domain::audience::Audience;
use crate::domain::notify::feedback::Answers;
use crate::workbook::model::Workbook;
use crate::workbook::reconcile::{Discrepancy, MailContent, reconcile_attachment, reconcile_digests};
use crate::workbook::tests::synthetic;
use std::collections::BTreeSet;
use std::collections::HashMap;

impl World {
    /// The digests that the quarterly job would send.
    fn plan_digests(&self) -> crate::domain::notify::plan::Plan {
        use crate::domain::notify::inputs::{DataState, PlanInputs, Rhythm};
        use crate::domain::notify::plan::plan;
        plan(&PlanInputs {
            policy: &self.config.policy,
            as_of: self.as_of,
            sent_on: "2026-10-08".parse().unwrap(),
            office_name: "省投资促进局",
            contact: "省投资促进局项目督查处",
            objection_workdays: 5,
            judged: &self.judged,
            records: &self.records,
            last_notified: &HashMap::new(),
            last_digest_on: &HashMap::new(),
            asked_on: &HashMap::new(),
            unreached: &[],
            gone: &BTreeSet::new(),
            answers: &Answers::default(),
            rhythm: Rhythm::Always,
            through_place: &Default::default(),
            covered: &Default::default(),
            drafts: &[],
            unsigned: Default::default(),
            levels: &self.config.policy.units.levels.all().collect::<Vec<_>>(),
            started: true,
            data: &DataState::default(),
            source_line: "数据来源：项目台账",
            next_on: &|_| None,
            is_counts_only: &|_| false,
        })
    }

    /// The differences between the digests and a workbook of the office.
    fn reconcile(&self, planned: &crate::domain::notify::plan::Plan, book: &Workbook<'_>) -> Vec<Discrepancy> {
        reconcile_digests(&self.config.policy, &self.judged.findings, planned, &self.config.templates["quarterly-supervision"], book)
    }
}

#[test]
fn mails_and_workbooks_have_the_same_findings() {
    let world = World::new(synthetic, &[("unstarted", "GZ2025000010"), ("unstarted", "GZ2025000013")]);
    let planned = world.plan_digests();
    assert!(planned.coverage.adds_up() && planned.digests.len() > 50 && !planned.not_notified.is_empty());
    let book = world.book("quarterly-supervision", Audience::Office);
    assert_eq!(world.reconcile(&planned, &book), []);
    let policy = &world.config.policy;
    for digest in planned.digests.iter().filter(|digest| digest.roll_up.is_none()) {
        let book = world.book("unit-list", Audience::Unit(digest.recipient.unit));
        let mail = MailContent { unit: &digest.recipient.unit_name, findings: &digest.findings, counts: Some(&digest.counts) };
        assert_eq!(reconcile_attachment(policy, &world.judged.findings, &mail, &world.config.templates["unit-list"], &book), []);
    }
}

#[test]
fn a_row_or_count_in_only_one_of_them_is_reported() {
    let world = World::new(synthetic, &[]);
    let text_of = |wrong: &[Discrepancy]| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    // A row that is missing from a list. The sums of the workbook are not checked here.
    let planned = world.plan_digests();
    let mut book = world.book("quarterly-supervision", Audience::Office);
    let list = book.sheets.iter_mut().find(|sheet| sheet.name == "签约未开工").unwrap();
    let at = list.rows.iter().position(|row| row.key.is_some()).unwrap();
    let removed = list.rows.remove(at);
    let code = removed.key.clone().unwrap();
    let unit = world.judged.findings.iter().find(|finding| finding.key == code).unwrap().unit.clone();
    let wrong = text_of(&world.reconcile(&planned, &book));
    assert!(wrong.contains(&format!("{code}（签约未开工） 签约未开工：提醒列有，清单没有")), "{wrong}");
    assert!(wrong.contains(&*unit), "{wrong}");
    // A row that is listed twice is reported with its cells.
    let list = book.sheets.iter_mut().find(|sheet| sheet.name == "签约未开工").unwrap();
    list.rows.insert(at, removed.clone());
    list.rows.insert(at, removed);
    let wrong = text_of(&world.reconcile(&planned, &book));
    let cells = format!("签约未开工!D{}、签约未开工!D{}：清单列出2次", at + 1, at + 2);
    assert!(wrong.contains(&cells), "{cells}: {wrong}");
    // A listed finding that no digest covers.
    let book = world.book("quarterly-supervision", Audience::Office);
    let mut fewer = world.plan_digests();
    let digest = fewer.digests.iter_mut().find(|digest| digest.recipient.unit_name == "瓮安县").unwrap();
    let index = digest.covered[0].finding;
    for digest in &mut fewer.digests {
        digest.covered.retain(|pair| pair.finding != index);
    }
    let wrong = text_of(&world.reconcile(&fewer, &book));
    assert!(wrong.contains(&*world.judged.findings[index].key) && wrong.contains("清单列有，提醒没有"), "{wrong}");
    // A wrong count in a mail.
    let mut more = world.plan_digests();
    more.digests.iter_mut().find(|digest| digest.recipient.unit_name == "瓮安县").unwrap().counts.red += 1;
    let wrong = text_of(&world.reconcile(&more, &book));
    assert!(wrong.starts_with("瓮安县 ") && wrong.contains("提醒所写红灯") && !wrong.contains('\n'), "{wrong}");
    // An attachment that lists a finding of another unit and lacks one of its own.
    let own = planned.digests.iter().find(|digest| digest.recipient.unit_name == "瓮安县").unwrap();
    let book = world.book("unit-list", Audience::Unit(own.recipient.unit));
    let other = (0..world.judged.findings.len()).find(|index| !own.findings.contains(index)).unwrap();
    let mut rows = own.findings.clone();
    rows[0] = other;
    let mail = MailContent { unit: &own.recipient.unit_name, findings: &rows, counts: Some(&own.counts) };
    let wrong =
        text_of(&reconcile_attachment(&world.config.policy, &world.judged.findings, &mail, &world.config.templates["unit-list"], &book));
    assert!(wrong.contains("提醒列有，清单没有") && wrong.contains("清单列有，提醒没有") && wrong.contains("!E"), "{wrong}");
}
