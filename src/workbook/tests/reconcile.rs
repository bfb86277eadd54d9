//! Workbooks against digests.

use super::World;
use crate::domain::notify::feedback::Answers;
use crate::workbook::material::Audience;
use crate::workbook::model::Workbook;
use crate::workbook::reconcile::{Disagreement, against_attachment, against_digests};
use crate::workbook::tests::synthetic;
use std::collections::BTreeSet;
use std::collections::HashMap;

impl World {
    /// The digests that the quarter's job would send.
    fn planned(&self) -> crate::domain::notify::plan::Plan {
        use crate::domain::notify::inputs::{PlanInputs, Rhythm};
        use crate::domain::notify::plan::plan;
        use crate::domain::register::units::Level;
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
            gone: &BTreeSet::new(),
            answers: &Answers::default(),
            rhythm: Rhythm::Always,
            levels: &[Level::Province, Level::Department, Level::Support, Level::City, Level::County, Level::Platform],
            started: true,
            source_line: "数据来源：项目台账",
            next_on: &|_| None,
            may_carry_rows: &|_| true,
        })
    }

    fn held(&self, planned: &crate::domain::notify::plan::Plan, book: &Workbook<'_>) -> Vec<Disagreement> {
        against_digests(&self.config.policy, &self.judged.findings, planned, &self.config.templates["quarterly-supervision"], book)
    }
}

#[test]
fn what_is_mailed_is_what_is_listed() {
    let world = World::new(synthetic, &[("unstarted", "GZ2025000010"), ("unstarted", "GZ2025000013")]);
    let planned = world.planned();
    assert!(planned.coverage.adds_up() && planned.digests.len() > 50 && !planned.not_notified.is_empty());
    let book = world.book("quarterly-supervision", Audience::Office);
    assert_eq!(world.held(&planned, &book), []);
    let policy = &world.config.policy;
    for digest in planned.digests.iter().filter(|digest| digest.roll_up.is_none()) {
        let book = world.book("unit-list", Audience::Unit(digest.recipient.unit));
        let held = (digest.recipient.unit_name.as_str(), digest.findings.as_slice(), Some(&digest.counts));
        assert_eq!(against_attachment(policy, &world.judged.findings, held, &world.config.templates["unit-list"], &book), []);
    }
}

#[test]
fn a_row_or_a_number_that_only_mail_or_workbook_has_is_named() {
    let world = World::new(synthetic, &[]);
    let told = |wrong: &[Disagreement]| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    // a row lost from a list, while the sum over the book is not looked at
    let planned = world.planned();
    let mut book = world.book("quarterly-supervision", Audience::Office);
    let list = book.sheets.iter_mut().find(|sheet| sheet.name == "签约未开工").unwrap();
    let at = list.rows.iter().position(|row| row.key.is_some()).unwrap();
    let lost = list.rows.remove(at);
    let code = lost.key.clone().unwrap();
    let unit = world.judged.findings.iter().find(|finding| finding.key == code).unwrap().unit.clone();
    let wrong = told(&world.held(&planned, &book));
    assert!(wrong.contains(&format!("{code}（签约未开工） 签约未开工：提醒列有，清单没有")), "{wrong}");
    assert!(wrong.contains(&*unit), "{wrong}");
    // a row listed twice, with its cells
    let list = book.sheets.iter_mut().find(|sheet| sheet.name == "签约未开工").unwrap();
    list.rows.insert(at, lost.clone());
    list.rows.insert(at, lost);
    let wrong = told(&world.held(&planned, &book));
    let cells = format!("签约未开工!D{}、签约未开工!D{}：清单列出2次", at + 1, at + 2);
    assert!(wrong.contains(&cells), "{cells}: {wrong}");
    // a finding no digest speaks of
    let book = world.book("quarterly-supervision", Audience::Office);
    let mut less = world.planned();
    let digest = less.digests.iter_mut().find(|digest| digest.recipient.unit_name == "瓮安县").unwrap();
    let index = digest.covered[0].finding;
    for digest in &mut less.digests {
        digest.covered.retain(|pair| pair.finding != index);
    }
    let wrong = told(&world.held(&less, &book));
    assert!(wrong.contains(&*world.judged.findings[index].key) && wrong.contains("清单列有，提醒没有"), "{wrong}");
    // a mail's number
    let mut more = world.planned();
    more.digests.iter_mut().find(|digest| digest.recipient.unit_name == "瓮安县").unwrap().counts.red += 1;
    let wrong = told(&world.held(&more, &book));
    assert!(wrong.starts_with("瓮安县 ") && wrong.contains("提醒所写红灯") && !wrong.contains('\n'), "{wrong}");
    // an attachment that shows another unit's row, and lacks one of its own
    let own = planned.digests.iter().find(|digest| digest.recipient.unit_name == "瓮安县").unwrap();
    let book = world.book("unit-list", Audience::Unit(own.recipient.unit));
    let other = (0..world.judged.findings.len()).find(|index| !own.findings.contains(index)).unwrap();
    let mut rows = own.findings.clone();
    rows[0] = other;
    let held = (own.recipient.unit_name.as_str(), rows.as_slice(), Some(&own.counts));
    let wrong = told(&against_attachment(&world.config.policy, &world.judged.findings, held, &world.config.templates["unit-list"], &book));
    assert!(wrong.contains("提醒列有，清单没有") && wrong.contains("清单列有，提醒没有") && wrong.contains("!E"), "{wrong}");
}
