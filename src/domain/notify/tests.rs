//! Plans over a small example: the shipped policy, a handful of records, and what each unit is notified of.

use crate::config::load::{Config, read_files};
use crate::domain::audience::{masked, masked_phone};
use crate::domain::judging::finding::Change;
use crate::domain::judging::finding::Identity;
use crate::domain::judging::finding::State;
use crate::domain::judging::judge::Judged;
use crate::domain::notify::coverage::Coverage;
use crate::domain::notify::digest::Digest;
use crate::domain::notify::digest::Draft;
use crate::domain::notify::disposition::NotifyReason;
use crate::domain::notify::inputs::{DataState, LastNotified, PlanInputs, Rhythm, ThroughPlaces};
use crate::domain::notify::plan::{Plan, plan};
use crate::domain::notify::wording::yi;
use crate::domain::register::ledger::FieldKind;
use crate::domain::register::levels::{Level, LevelKind};
use crate::domain::register::record::Record;
use crate::domain::register::record::{Cell, Columns, Decimal};
use crate::domain::register::units::UnitId;
use crate::domain::rules::context::{Context, OldData};
use crate::domain::rules::exemption::exemptions_in_force;
use crate::domain::rules::owner::link;
use crate::domain::rules::rule::Act;
use crate::domain::rules::rule::Light;
use crate::domain::rules::rule::Relation;
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

mod rhythm;

const WENGAN: &str = "瓮安县";
const PHONES: [&str; 4] = ["13812345678", "138 1234 5678", "0854-2621234", "１３９８７６５４３２１"];

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The inputs of a plan.
pub(crate) struct Fixture {
    pub config: Config,
    records: HashMap<(usize, String), Record>,
    judged: Judged,
    last_notified: HashMap<UnitId, LastNotified>,
    answers: crate::domain::notify::feedback::Answers,
    last_digest_on: HashMap<UnitId, NaiveDate>,
    data: DataState,
    gone: BTreeSet<(usize, String)>,
    /// Projects waiting on an answer of the prefecture's 自然资源 department.
    waiting_on: Vec<&'static str>,
    rhythm: Rhythm,
    through_place: ThroughPlaces,
    covered: BTreeSet<UnitId>,
    levels: Vec<Level>,
    pub started: bool,
    is_counts_only: fn(&str) -> bool,
}

impl Fixture {
    /// The shipped configuration, reduced to the files that mail reads.
    pub fn config() -> Config {
        let mut files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        files.retain(|path, _| path.starts_with("config/") || path.ends_with(".j2"));
        Config::parse(files).unwrap()
    }

    pub fn new() -> Fixture {
        let config = Fixture::config();
        let levels = config.policy.units.levels.all().collect();
        let mut fixture = Fixture {
            config,
            records: HashMap::new(),
            judged: Judged::default(),
            last_notified: HashMap::new(),
            answers: Default::default(),
            last_digest_on: HashMap::new(),
            data: DataState::default(),
            gone: BTreeSet::new(),
            waiting_on: vec!["GZ202500001"],
            rhythm: Rhythm::Always,
            through_place: ThroughPlaces::default(),
            covered: BTreeSet::new(),
            levels,
            started: true,
            is_counts_only: |_| false,
        };
        let qiannan = "city=黔南布依族苗族自治州 county=瓮安县 industry=基础材料 agreement=合同 leader=张三 officer=李四13812345678 \
                       phone=13812345678 unit=瓮安县投资促进局 team=有 plan=有 evaluated_on=2025-01-01 evaluation_result=通过 \
                       updated_on=2026-09-20";
        let common = |rest: &str| format!("{qiannan} {rest}");
        for (code, fields) in [
            // red, overdue 183 days; 未履约 and 未录入 are under it; it waits on a department
            (
                "GZ202500001",
                common(
                    "name=年产2万吨磷酸铁锂生产线项目 stage=签约 amount=10 signed_on=2025-06-01 planned_start_on=2026-03-31 \
                     difficulty=项目用地未落实，联系０８５４－２６２１２３４",
                ),
            ),
            // orange
            (
                "GZ202600002",
                common(
                    "name=精细磷化工项目 stage=签约 amount=2.5 signed_on=2026-02-01 entered_on=2026-02-10 performed_on=2026-03-01 planned_start_on=2026-08-20",
                ),
            ),
            // yellow
            (
                "GZ202600003",
                common(
                    "name=白茶项目 stage=签约 amount=0.5 signed_on=2026-02-01 entered_on=2026-02-10 performed_on=2026-03-01 planned_start_on=2026-09-15",
                ),
            ),
            // due soon
            (
                "GZ202600004",
                common(
                    "name=包装材料项目 stage=签约 amount=0.8 signed_on=2026-05-01 entered_on=2026-05-10 performed_on=2026-06-01 planned_start_on=2026-10-06",
                ),
            ),
            // three rules need 签约时间; it counts once
            ("GZ202600045", common("name=石材加工项目 stage=签约 amount=0.9")),
            // its place is unknown
            (
                "GZ202600046",
                common("name=外地项目 stage=签约 amount=0.9 signed_on=2026-02-01 entered_on=2026-02-10 planned_start_on=2026-03-01")
                    .replace(WENGAN, "幸福县"),
            ),
            // under negotiation: only its own unit, the units its rule addresses and the office may see its row
            (
                "GZ202600047",
                common("name=秘密洽谈项目 stage=洽谈 amount=3 negotiation_began_on=2026-03-01").replace("agreement=合同", "agreement="),
            ),
        ] {
            fixture.add("project", code, &fields);
        }
        fixture.add(
            "difficulty",
            "KN00001",
            "project_code=GZ202500001 category=用地 name=项目用地未落实 raised_on=2026-08-12 asked_level=市级 department=自然资源部门",
        );
        fixture.add(
            "difficulty",
            "KN00002",
            "project_code=GZ202600047 category=用地 name=指标未下达 raised_on=2026-08-12 asked_level=省级 department=自然资源部门",
        );
        fixture.judge();
        fixture
    }

    fn ledger(&self, id: &str) -> usize {
        self.config.policy.ledger(id).unwrap()
    }

    fn add(&mut self, ledger: &str, code: &str, fields: &str) {
        let index = self.ledger(ledger);
        let shape = &self.config.policy.ledgers[index];
        let mut cells = vec![Cell::Empty; shape.fields.len()];
        cells[shape.field("code").unwrap()] = Cell::Text(code.into());
        for (name, value) in fields.split_whitespace().filter_map(|field| field.split_once('=')).filter(|(_, value)| !value.is_empty()) {
            let field = shape.field(name).unwrap();
            cells[field] = match shape.fields[field].kind {
                FieldKind::Date { .. } => Cell::Date(day(value)),
                FieldKind::Money => Cell::Money(Decimal::parse(value).unwrap().scaled(10).unwrap()),
                FieldKind::Decimal => Cell::Decimal(Decimal::parse(value).unwrap()),
                _ => Cell::Text(value.into()),
            };
        }
        let columns: Columns = (0..cells.len()).collect();
        self.records.insert((index, code.to_owned()), Record { code: code.to_owned(), cells, columns, ..Record::default() });
    }

    pub fn rename(&mut self, code: &str, name: &str) {
        let project = self.ledger("project");
        let field = self.config.policy.ledgers[project].field("name").unwrap();
        self.records.get_mut(&(project, code.to_owned())).unwrap().cells[field] = Cell::Text(name.into());
        self.judge();
    }

    fn judge(&mut self) {
        let policy = &self.config.policy;
        let as_of = day("2026-09-30");
        let project = self.ledger("project");
        let mut records: Vec<_> = self.records.iter().collect();
        records.sort_by_key(|(key, _)| (*key).clone());
        let projects = records
            .iter()
            .filter(|((ledger, _), _)| *ledger == project)
            .map(|((_, code), record)| (code.clone(), link(policy, &policy.ledgers[project], record)))
            .collect();
        let exemptions: Vec<Record> =
            records.iter().filter(|((ledger, _), _)| *ledger == self.ledger("exemption")).map(|(_, record)| (*record).clone()).collect();
        let exempt = exemptions_in_force(policy, &exemptions, as_of).in_force;
        let department = policy.units.department("自然资源部门", policy.units.find("黔南布依族苗族自治州"));
        let waiting = self.waiting_on.iter().map(|code| ((*code).to_owned(), department.unwrap())).collect();
        let context = Context {
            policy,
            as_of,
            projects: &projects,
            waiting_on: &waiting,
            answered: &HashMap::new(),
            exempt: &exempt,
            old_data: OldData::none(),
        };
        let mut judged = Judged::new(policy);
        for ((ledger, _), record) in records {
            judged.record(&context, *ledger, record);
        }
        judged.sort();
        self.judged = judged;
    }

    pub fn plan(&self) -> Plan {
        self.with(plan)
    }

    pub fn drafts(&self) -> Vec<Draft> {
        self.plan().acts.drafts
    }

    fn with<T>(&self, then: impl FnOnce(&PlanInputs<'_>) -> T) -> T {
        then(&PlanInputs {
            policy: &self.config.policy,
            as_of: day("2026-09-30"),
            sent_on: day("2026-09-30"),
            office_name: "省投资促进局",
            contact: "省投资促进局项目督查处0851-85812345",
            objection_workdays: 5,
            judged: &self.judged,
            records: &self.records,
            last_notified: &self.last_notified,
            last_digest_on: &self.last_digest_on,
            asked_on: &self.last_digest_on,
            unreached: &[],
            gone: &self.gone,
            answers: &self.answers,
            rhythm: self.rhythm,
            through_place: &self.through_place,
            covered: &self.covered,
            drafts: &[Act::Supervise, Act::Circulate, Act::Interview],
            unsigned: Default::default(),
            levels: &self.levels,
            started: self.started,
            data: &self.data,
            source_line: "数据来源：省平台9月30日台账（第37次快照）",
            next_on: &|_| Some(day("2026-10-09")),
            is_counts_only: &self.is_counts_only,
        })
    }

    fn unit(&self, name: &str) -> UnitId {
        self.config.policy.units.find(name).unwrap()
    }

    pub fn of<'a>(&self, planned: &'a Plan, name: &str) -> &'a Digest {
        self.find(planned, name).unwrap()
    }

    fn find<'a>(&self, planned: &'a Plan, name: &str) -> Option<&'a Digest> {
        let unit = self.unit(name);
        planned.digests.iter().find(|digest| digest.recipient.unit == unit)
    }

    /// Marks a plan as delivered on a day.
    fn deliver(&mut self, planned: &Plan, on: &str) {
        for digest in &planned.digests {
            self.last_notified.insert(digest.recipient.unit, digest.notified.iter().cloned().collect());
            self.last_digest_on.insert(digest.recipient.unit, day(on));
        }
    }
}

#[test]
fn an_item_is_a_project_and_its_leading_finding_is_first() {
    let fixture = Fixture::new();
    let planned = fixture.plan();
    let digest = fixture.of(&planned, WENGAN);
    assert_eq!(digest.subject, "【督办提醒】瓮安县 截至2026年9月30日：红2 橙1 黄1，近期到期1件（新增4）");
    let first = &digest.sections.urgent[0];
    assert_eq!((first.code.as_str(), first.mark, first.major.as_str(), first.act), ("GZ202500001", "●红", "省级重点", "催办"));
    assert_eq!(first.line, "签约未开工，约定2026年3月31日，已超期183天");
    assert_eq!(first.basis, "第一条（四）1");
    assert!(first.others.iter().any(|line| line == "●红 签约超期未录入平台，超期456天"), "{:?}", first.others);
    assert!(first.waiting_on.starts_with("已提请黔南布依族苗族自治州自然资源局，待答复，已另行催办答复单位"), "{}", first.waiting_on);
    assert_eq!(first.amount.map(yi).as_deref(), Some("10.00亿元"));
    assert_eq!(first.unit, "");
    // a worse finding of another unit leads, and names that unit
    let second = &digest.sections.urgent[1];
    assert_eq!((second.code.as_str(), second.mark, second.unit.as_str()), ("GZ202600047", "●红", "省自然资源厅"));
    assert!(second.line.starts_with("困难问题未答复") && second.others[0].starts_with("■黄 洽谈未签约"), "{second:?}");
    assert_eq!(digest.sections.due.iter().map(|due| due.code.as_str()).collect::<Vec<_>>(), ["GZ202600004"]);
    assert_eq!(digest.counts.blank, 1);
    assert_eq!(digest.sections.unjudged[0].cells, ["签约时间"]);
    assert_eq!(digest.letterhead.reply_by, day("2026-10-13"), "eight days of holiday, and Saturday 10 October works");
    let numerals = &digest.numerals;
    assert_eq!([numerals.urgent, numerals.due, numerals.rest, numerals.resolved, numerals.unjudged], ["一", "二", "三", "", "四"]);
    let counts = digest.counts;
    let rest: usize = digest.sections.rest.iter().flat_map(|line| &line.counts).map(|count| count.count).sum();
    assert_eq!(counts.items, digest.sections.urgent.len() + digest.sections.red_more + rest);
    assert_eq!(counts.items, counts.red + counts.orange + counts.yellow);
}

#[test]
fn a_restricted_project_and_what_belongs_to_it_is_only_counted() {
    let mut fixture = Fixture::new();
    let open = fixture.plan();
    let named = |planned: &Plan| planned.digests.iter().filter(|digest| format!("{digest:?}").contains("GZ202500001")).count();
    assert!(named(&open) >= 3, "owner, superior and office at least");
    // the units were notified of it, so its end would be listed too
    fixture.deliver(&open, "2026-09-01");
    let project = fixture.ledger("project");
    let field = fixture.config.policy.ledgers[project].field("restricted").unwrap();
    let before: usize = fixture.drafts().iter().map(|draft| draft.counts.items).sum();
    for word in ["是", "秘密"] {
        fixture.records.get_mut(&(project, "GZ202500001".to_owned())).unwrap().cells[field] = Cell::Text(word.into());
        fixture.judge();
        let planned = fixture.plan();
        assert!(planned.coverage.adds_up(), "{:?}", planned.coverage);
        assert!(planned.coverage.relations.iter().any(|line| line.held > 0));
        for digest in &planned.digests {
            let text = format!(
                "{:?} {:?} {:?} {:?}",
                digest.sections.urgent, digest.sections.resolved, digest.sections.unjudged, digest.sections.due
            );
            for secret in ["GZ202500001", "磷酸铁锂", "KN00001", "用地未落实"] {
                assert!(!text.contains(secret), "{}: {text}", digest.recipient.unit_name);
            }
            assert!(digest.findings.iter().all(|index| !fixture.judged.findings[*index].restricted));
            assert!(digest.notified.iter().all(|(identity, _)| identity.key != "GZ202500001" && identity.key != "KN00001"));
        }
        for name in [WENGAN, "黔南布依族苗族自治州", "省投资促进局"] {
            assert_eq!(fixture.of(&planned, name).restricted, 1, "{name}: one project, whatever number of findings");
        }
        let drafts = fixture.drafts();
        assert!(drafts.iter().map(|draft| draft.counts.items).sum::<usize>() < before);
        assert!(drafts.iter().all(|draft| draft.items.iter().all(|item| item.code != "GZ202500001")));
    }
    fixture.records.get_mut(&(project, "GZ202500001".to_owned())).unwrap().cells[field] = Cell::Text("公开".into());
    fixture.judge();
    let reopened = fixture.plan();
    assert!(named(&reopened) >= 3 && reopened.digests.iter().all(|digest| digest.restricted == 0));
}

#[test]
fn a_restricted_record_without_a_project_counts_once_whatever_number_of_findings() {
    let mut fixture = Fixture::new();
    fixture.add("work-order", "GZD9", "name=某工作单 restricted=是 dispatched_on=2026-01-05 due_on=2026-02-05 holder=瓮安县");
    fixture.judge();
    assert_eq!(fixture.judged.findings.iter().filter(|finding| &*finding.key == "GZD9").count(), 2);
    let planned = fixture.plan();
    assert_eq!(fixture.of(&planned, WENGAN).restricted, 1);
}

#[test]
fn each_unit_sees_its_own_part() {
    let fixture = Fixture::new();
    let planned = fixture.plan();
    let city = fixture.of(&planned, "黔南布依族苗族自治州");
    let places = city.sections.places.as_ref().unwrap();
    assert_eq!((places.total.red, places.total.orange, places.total.yellow), (city.counts.red, city.counts.orange, city.counts.yellow));
    assert_eq!(places.lines[0].name, WENGAN);
    assert_eq!(places.total.own, 2, "the yellow ones are the county's own");
    assert!(city.sections.urgent.iter().all(|item| item.unit == WENGAN));
    let lead = fixture.of(&planned, "基础材料牵头部门");
    assert!(lead.sections.urgent.iter().any(|item| item.code == "GZ202500001"));
    assert!(lead.sections.urgent.iter().all(|item| item.code != "GZ202600047"));
    // a department that owes an answer sees the difficulty, not the project under negotiation
    let land = fixture.of(&planned, "省自然资源厅");
    assert!(!serde_json::to_string(land).unwrap().contains("GZ202600047"));
    assert_eq!(land.sections.urgent.len(), 1);
    assert_eq!(
        (land.sections.urgent[0].name.as_str(), land.sections.urgent[0].amount, land.sections.urgent[0].leader.as_str()),
        ("指标未下达", None, "")
    );
    let office = fixture.of(&planned, "省投资促进局");
    let roll_up = office.roll_up.as_ref().unwrap();
    assert_eq!((roll_up.units_notified, roll_up.unrouted), (planned.digests.len() - 1, 1));
    assert_eq!(roll_up.unrouted_lines[0].unit, "幸福县");
    let total = &office.sections.places.as_ref().unwrap().total;
    assert_eq!((total.red, total.orange, total.yellow), (office.counts.red, office.counts.orange, office.counts.yellow));
}

#[test]
fn a_project_under_negotiation_is_in_no_draft() {
    let mut fixture = Fixture::new();
    let place = "city=黔南布依族苗族自治州 county=瓮安县 industry=基础材料";
    fixture.add("project", "GZ202500048", &format!("{place} name=又一洽谈项目 stage=洽谈 amount=3 negotiation_began_on=2025-03-01"));
    let named = |fixture: &Fixture| {
        let drafts = fixture.drafts();
        let all = drafts.iter().flat_map(|draft| draft.copies.iter().chain([draft]));
        all.filter(|draft| draft.notified.iter().any(|(identity, _)| identity.key == "GZ202500048")).count()
    };
    fixture.judge();
    assert!(fixture.judged.findings.iter().any(|finding| &*finding.key == "GZ202500048" && finding.light == Some(Light::Orange)));
    assert_eq!(named(&fixture), 0, "signing is not pressed");
    fixture.waiting_on.push("GZ202500048");
    fixture.judge();
    assert_eq!(named(&fixture), 0, "nor the unit that it waits for, which may not know of it");
}

/// One letter for each unit directly below the office, copies for those below it, one paper for all.
#[test]
fn a_letter_goes_to_the_unit_directly_below_the_office() {
    let mut fixture = Fixture::new();
    let place = "city=黔南布依族苗族自治州 county=福泉市 industry=基础材料 agreement=合同 stage=签约 amount=2 entered_on=2025-01-02 performed_on=2025-01-03";
    fixture.add("project", "GZ202500060", &format!("{place} name=另一县的项目 signed_on=2025-01-01 planned_start_on=2025-03-31"));
    fixture.judge();
    let planned = fixture.plan();
    let drafts = &planned.acts.drafts;
    let units: Vec<(&str, &str)> = drafts.iter().map(|draft| (draft.recipient.unit_name.as_str(), draft.act)).collect();
    assert_eq!(units.iter().filter(|(unit, _)| *unit == "黔南布依族苗族自治州").count(), 1, "{units:?}");
    assert!(units.iter().all(|(unit, _)| ![WENGAN, "福泉市"].contains(unit)), "{units:?}");
    assert_eq!(units.iter().filter(|(_, act)| *act == "circulate").collect::<Vec<_>>(), [&("省投资促进局", "circulate")]);
    let city = drafts.iter().find(|draft| draft.recipient.unit_name == "黔南布依族苗族自治州").unwrap();
    assert!(city.lines.iter().map(|line| line.items).sum::<usize>() == city.counts.items && city.lines.len() > 1, "{:?}", city.lines);
    let copied: Vec<&str> = city.copies.iter().map(|copy| copy.recipient.unit_name.as_str()).collect();
    assert!(copied.contains(&"福泉市"), "{copied:?}");
    for copy in &city.copies {
        assert!(copy.notified.iter().all(|line| city.notified.contains(line)), "a copy has lines of its letter only");
        assert_eq!(copy.copy_of, city.recipient.addressee);
    }
    assert_eq!((city.signature.as_str(), city.act), ("省投资促进局", "supervise"));
    let paper = drafts.iter().find(|draft| draft.act == "circulate").unwrap();
    assert_eq!(paper.signature, "省产业大招商工作领导小组办公室");
    let roll_up = fixture.of(&planned, "省投资促进局").roll_up.clone().unwrap();
    assert_eq!((roll_up.supervised, roll_up.circulated), (drafts.len() - 1, 1));
}

/// Only so many units are proposed, the weightiest first; the others are listed.
#[test]
fn only_the_weightiest_units_are_proposed_for_an_interview() {
    let mut fixture = Fixture::new();
    fixture.config.policy.acts.interviews_max = Some(1);
    for (code, city, county, amount) in
        [("GZ202500071", "贵阳市", "清镇市", 30), ("GZ202500072", "遵义市", "仁怀市", 20), ("GZ202500073", "安顺市", "平坝区", 1)]
    {
        let fields = format!(
            "city={city} county={county} industry=基础材料 agreement=合同 stage=签约 name=项目{code} amount={amount} \
             signed_on=2025-01-01 entered_on=2025-01-02 performed_on=2025-01-03 planned_start_on=2025-03-31"
        );
        fixture.add("project", code, &fields);
    }
    fixture.judge();
    let policy = fixture.config.policy.clone();
    for finding in fixture.judged.findings.iter_mut().filter(|finding| finding.key.starts_with("GZ20250007")) {
        finding.record_red_quarters(&policy, 2);
    }
    let acts = fixture.plan().acts;
    let of =
        |act: &str| acts.drafts.iter().filter(|draft| draft.act == act).map(|draft| draft.recipient.unit_name.clone()).collect::<Vec<_>>();
    assert_eq!(of("interview"), ["贵阳市"]);
    assert!(of("supervise").contains(&"遵义市".to_owned()) && of("supervise").contains(&"安顺市".to_owned()));
    let listed: Vec<&str> = acts.not_interviewed.iter().map(|unit| fixture.config.policy.units.units[*unit].name.as_str()).collect();
    assert_eq!(listed, ["遵义市", "安顺市"]);
}

/// A department with few items is notified in the mail of its place; what only its own units may see makes a mail of its own.
#[test]
fn departments_with_few_items_are_notified_through_their_place() {
    let mut fixture = Fixture::new();
    fixture.add(
        "difficulty",
        "KN00077",
        "name=用地指标 project_code=GZ202600002 department=自然资源部门 asked_level=县级 raised_on=2026-06-01 category=用地",
    );
    fixture.judge();
    let bureau = "瓮安县自然资源局";
    assert!(fixture.find(&fixture.plan(), bureau).is_some());
    fixture.through_place = ThroughPlaces { most: 2, levels: fixture.levels.clone() };
    let planned = fixture.plan();
    assert!(planned.coverage.adds_up(), "{:?}", planned.coverage);
    assert!(fixture.find(&planned, bureau).is_none());
    assert_eq!(planned.reasons[&fixture.unit(bureau)], NotifyReason::ThroughPlace);
    let county = fixture.of(&planned, WENGAN);
    assert_eq!(county.forwarded.iter().map(|unit| unit.unit_name.as_str()).collect::<Vec<_>>(), [bureau]);
    assert_eq!(county.forwarded[0].items[0].code, "GZ202600002");
    assert!(!county.numerals.forwarded.is_empty());
    // its copy of a letter goes the same way until a mail of its own has reached it
    let copies = |planned: &Plan| -> Vec<String> {
        planned.acts.drafts.iter().flat_map(|draft| &draft.copies).map(|copy| copy.recipient.unit_name.clone()).collect()
    };
    assert!(!copies(&planned).contains(&bureau.to_owned()), "{:?}", copies(&planned));
    fixture.last_digest_on.insert(fixture.unit(bureau), day("2026-06-30"));
    assert!(copies(&fixture.plan()).contains(&bureau.to_owned()));
    fixture.last_digest_on.clear();
    // under negotiation, it is passed on by the place whose project it is, and by no other
    let project = fixture.ledger("project");
    let field = |name: &str| fixture.config.policy.ledgers[project].field(name).unwrap();
    let (stage, county) = (field("stage"), field("county"));
    fixture.records.get_mut(&(project, "GZ202600002".to_owned())).unwrap().cells[stage] = Cell::Text("洽谈".into());
    fixture.judge();
    let planned = fixture.plan();
    assert!(fixture.find(&planned, bureau).is_none());
    assert!(!serde_json::to_string(&fixture.of(&planned, WENGAN).forwarded).unwrap().contains("精细磷化工"));
    fixture.records.get_mut(&(project, "GZ202600002".to_owned())).unwrap().cells[county] = Cell::Text("福泉市".into());
    fixture.add(
        "difficulty",
        "KN00077",
        "name=用地指标 project_code=GZ202600002 department=瓮安县自然资源局 asked_level=县级 raised_on=2026-06-01 category=用地",
    );
    fixture.judge();
    assert!(fixture.find(&fixture.plan(), bureau).is_some());
}

/// Where another job mails a unit for the same day, this one does not, and the proof counts it.
#[test]
fn units_of_another_job_are_covered() {
    let mut fixture = Fixture::new();
    fixture.covered = [fixture.unit(WENGAN)].into();
    let planned = fixture.plan();
    assert!(fixture.find(&planned, WENGAN).is_none());
    assert_eq!(planned.reasons[&fixture.unit(WENGAN)], NotifyReason::Covered);
    assert!(planned.coverage.adds_up() && planned.coverage.relations[0].covered > 0, "{:?}", planned.coverage);
}

/// 上规入统 is a service: it has a part of its own and is in no count of lights; what is only information shares one line.
#[test]
fn services_and_information_are_apart() {
    let mut fixture = Fixture::new();
    let place = "city=黔南布依族苗族自治州 county=瓮安县 industry=基础材料 agreement=合同 amount=0.5 signed_on=2024-01-01 entered_on=2024-01-02 \
                 performed_on=2024-01-03 evaluated_on=2023-12-01 evaluation_result=通过 started_on=2024-03-01 planned_production_on=2025-01-01 \
                 produced_on=2025-01-01 progress_pct=100";
    fixture.add("project", "GZ202400081", &format!("{place} name=已投产项目 stage=投产 updated_on=2026-09-20"));
    fixture.add("project", "GZ202400082", &format!("{place} name=多月未更新项目 stage=投产 updated_on=2026-06-01 above_scale_on="));
    fixture.judge();
    let planned = fixture.plan();
    let lead = fixture.of(&planned, "基础材料牵头部门");
    assert_eq!(lead.counts.services, 2);
    assert_eq!(lead.sections.services[0].text, "投产满6个月未上规入统，请上门服务");
    assert_eq!(lead.counts.items, lead.counts.red + lead.counts.orange + lead.counts.yellow);
    assert!(lead.sections.urgent.iter().all(|item| !item.code.starts_with("GZ20240008")));
    let county = fixture.of(&planned, WENGAN);
    assert!(county.sections.urgent.iter().all(|item| item.code != "GZ202400082"));
    let line = county.sections.rest.last().unwrap();
    assert_eq!(line.rule, "信息维护（长期未更新、“五个一”不全）");
    assert_eq!(line.counts.iter().map(|count| count.count).sum::<usize>(), 1);
}

#[test]
fn no_digest_holds_a_whole_phone_number() {
    for phone in PHONES {
        assert!(masked(&format!("张三{phone}转2")).contains("****"), "{phone}");
    }
    assert_eq!(masked("13812345678"), "138****5678");
    assert_eq!(masked("138-1234-5678、139 8765 4321"), "138****5678、139****4321");
    assert_eq!(masked_phone("85812345"), "85****45");
    for plain in ["年产20000000吨", "2026-08-12 10:30", "GZ202500123", "10.50亿元", "0.5", "100 200 300"] {
        assert_eq!(masked(plain), plain);
    }
    let fixture = Fixture::new();
    for digest in fixture.plan().digests {
        let text = serde_json::to_string(&digest).unwrap();
        for phone in ["13812345678", "2621234", "２６２１２３４", "85812345"] {
            assert!(!text.contains(phone), "{phone} in {text}");
        }
    }
}

#[test]
fn each_unit_has_one_named_reason() {
    use NotifyReason::{BeforeStart, ExemptOnly, HasItems, NoItems, NoMailbox, OtherLevel, RestrictedOnly};
    const CITY: &str = "黔南布依族苗族自治州";
    let check = |of: &str, change: fn(&mut Fixture), expected: [NotifyReason; 4]| {
        let mut fixture = Fixture::new();
        change(&mut fixture);
        let planned = fixture.plan();
        assert_eq!(planned.reasons.len(), fixture.config.policy.units.units.len(), "{of}");
        let found = [WENGAN, CITY, "福泉市", "省投资促进局"].map(|unit| planned.reasons[&fixture.unit(unit)]);
        assert_eq!(found, expected, "{of}");
    };
    check("all", |_| {}, [HasItems, HasItems, NoItems, HasItems]);
    check(
        "counties",
        |fixture| fixture.levels.retain(|level| level.kind() == LevelKind::Base),
        [HasItems, OtherLevel, NoItems, OtherLevel],
    );
    check("before the start", |fixture| fixture.started = false, [HasItems, BeforeStart, NoItems, HasItems]);
    let unreachable = |fixture: &mut Fixture| fixture.config.policy.units.units.iter_mut().for_each(|unit| unit.mailbox = None);
    check("no mailbox", unreachable, [NoMailbox, NoMailbox, NoItems, NoMailbox]);
    let restrict = |fixture: &mut Fixture| {
        fixture.judged.findings.iter_mut().for_each(|finding| Arc::make_mut(&mut finding.subject).restricted = true);
        fixture.judged.notices.clear();
    };
    check("restricted", restrict, [RestrictedOnly, RestrictedOnly, NoItems, RestrictedOnly]);
    let exempt = |fixture: &mut Fixture| {
        fixture.judged.findings.iter_mut().for_each(|finding| finding.state = State::Exempt);
        fixture.judged.notices.clear();
    };
    check("exempt", exempt, [ExemptOnly, ExemptOnly, NoItems, ExemptOnly]);
    for reason in NotifyReason::ALL {
        assert_eq!(NotifyReason::parse(reason.code()), Some(reason));
        assert!(!reason.sentence().is_empty() && !reason.sentence().ends_with('。'));
    }
}

#[test]
fn an_address_outside_the_domains_gets_counts_only() {
    let mut fixture = Fixture::new();
    fixture.is_counts_only = |address| address.starts_with("522725");
    let planned = fixture.plan();
    let digest = fixture.of(&planned, WENGAN);
    assert!(digest.recipient.counts_only && digest.attached.attachment.is_none() && digest.findings.is_empty());
    assert!(!serde_json::to_string(digest).unwrap().contains("GZ2026"));
    assert_eq!((digest.counts.items, digest.counts.blank), (4, 1));
    assert!(planned.coverage.adds_up(), "counts were notified: {:?}", planned.coverage);
    assert!(!fixture.of(&planned, "基础材料牵头部门").recipient.counts_only);
}

#[test]
fn a_unit_without_a_mailbox_is_reached_through_its_superior() {
    let mut fixture = Fixture::new();
    let (county, city) = (fixture.unit(WENGAN), fixture.unit("黔南布依族苗族自治州"));
    fixture.config.policy.units.units[county].mailbox = None;
    let planned = fixture.plan();
    let digest = fixture.of(&planned, WENGAN);
    assert_eq!((digest.recipient.mailbox_unit, digest.recipient.addressee.as_str()), (city, "瓮安县投资促进局"));
    assert_eq!(digest.recipient.forwarded_by, fixture.config.policy.units.units[city].title);
    assert_eq!(fixture.of(&planned, "省投资促进局").roll_up.as_ref().unwrap().forwarded, 1);
    assert!(planned.coverage.adds_up());
}

#[test]
fn the_coverage_proof_adds_up_and_can_fail() {
    let mut fixture = Fixture::new();
    fixture.add("exemption", "HM0001", "kind=豁免 rule=签约未开工 key=GZ202600002 granted_on=2026-09-01 expires_on=2026-12-31");
    fixture.judge();
    let mut planned = fixture.plan();
    let coverage = planned.coverage.clone();
    assert!(coverage.adds_up(), "{coverage:?}");
    let owner = coverage.relations[Relation::Owner as usize];
    assert!(owner.exempt >= 1 && owner.unrouted >= 1 && owner.in_digests > 0, "{coverage:?}");
    assert!(coverage.unjudged.addressed >= 2 && coverage.unjudged.in_digests == coverage.unjudged.addressed);
    assert!(fixture.of(&planned, WENGAN).counts.exempt >= 1);
    let words = coverage.in_words(&fixture.config.policy.units.levels);
    assert!(words.contains("责任单位：") && words.contains("相符"));

    fixture.levels.retain(|level| level.is_place());
    let narrow = fixture.plan();
    assert!(narrow.coverage.adds_up() && narrow.coverage.relations[Relation::Superior as usize].other_level > 0);
    assert!(fixture.find(&narrow, "省投资促进局").is_none());

    // a digest that lacks one of its rows breaks the proof
    planned.digests[0].covered.pop();
    let tampered = Coverage::of(&fixture.judged, &planned.digests, &[]);
    assert!(!tampered.adds_up() && tampered.in_words(&fixture.config.policy.units.levels).contains("不符"));
}
