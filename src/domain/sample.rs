//! An invented register for trying out the program: every place and industry, every stage, with the errors of real registers.
//!
//! Invariant: the same number of projects gives the same rows. Persons, companies and amounts are invented.

use crate::domain::register::ledger::{Ledger, Purpose};
use crate::domain::register::record::{Cell, Decimal, FEN_PER_YI};
use crate::domain::register::units::{UnitId, Units};
use crate::domain::rules::condition::{AGREEMENT_CONTRACT, STAGE_NEGOTIATING, STAGE_TERMINATED};
use crate::domain::rules::policy::Policy;
use chrono::{Datelike, Days, NaiveDate};

/// The rows of a made-up register: for each ledger (index) its rows of cells in field order.
#[derive(Clone, Debug)]
pub struct Sample {
    pub as_of: NaiveDate,
    pub ledgers: Vec<(usize, Vec<Vec<Cell>>)>,
}

/// A small generator with a fixed sequence (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }

    /// True in `percent` of 100 throws.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

const KINDS: [&str; 8] = ["新建", "年产5万吨", "年产12万套", "绿色", "智能", "现代", "高端", "生态"];
const PRODUCTS: [&str; 16] = [
    "茶叶精深加工",
    "食用菌工厂化栽培",
    "中药材提取",
    "刺梨饮品",
    "磷化工新材料",
    "锂电池正极材料",
    "铝合金型材",
    "装配式建材",
    "白酒包装",
    "数据中心",
    "服务器组装",
    "冷链物流",
    "山地旅游",
    "康养社区",
    "预制菜",
    "电力装备",
];
const FORMS: [&str; 4] = ["生产线项目", "产业园项目", "基地建设项目", "一体化项目"];
const FIRMS: [&str; 12] = ["栎川", "砚丰", "禾屿", "澄壹", "墨坤", "霖拓", "芷衡", "屹岫", "沅砺", "珩筑", "朔禾", "谨桓"];
const FIRM_KINDS: [&str; 4] = ["实业有限公司", "新材料有限公司", "农业发展有限公司", "科技股份有限公司"];
// invented places, so that no real company is named
const FIRM_PLACES: [&str; 6] = ["霁川", "澜浦", "岚州", "汐宁", "栎阳港", "沐江"];
const SURNAMES: [&str; 16] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林"];
const GIVEN: [&str; 16] =
    ["建华", "志远", "晓梅", "国平", "春燕", "永强", "丽娟", "文博", "海燕", "家明", "玉兰", "振宇", "秀芳", "立新", "思源", "红霞"];
const EVENTS: [&str; 4] = ["春季产业招商推介会", "数字产业对接会", "大湾区招商活动", "生态食品博览会"];
const DIFFICULTIES: [&str; 6] = ["项目用地未落实", "环评手续未办结", "用电报装未完成", "企业资金短缺", "用工不足", "征拆进度慢"];
const HANDLING: [&str; 3] = ["已召开专题会议研究", "正在办理用地手续", "企业已进场"];

/// Makes a register of `projects` projects as of `as_of`, and the work orders of those signed at an event.
pub fn sample(policy: &Policy, projects: usize, as_of: NaiveDate) -> Sample {
    let units = &policy.units;
    let places: Vec<UnitId> = units.units.iter().enumerate().filter(|(_, unit)| unit.level.is_place()).map(|(id, _)| id).collect();
    let mut dice = Dice::new(2026);
    let mut maker = Maker { policy, units, as_of, orders: Vec::new() };
    let Some(index) = policy.project_ledger() else { return Sample { as_of, ledgers: Vec::new() } };
    let rows = (0..projects).map(|number| maker.project(index, number, places[number % places.len()], places.len(), &mut dice)).collect();
    let mut ledgers = vec![(index, rows)];
    if let Some(orders) = policy.ledger_for(Purpose::Order) {
        ledgers.push((orders, maker.orders));
    }
    Sample { as_of, ledgers }
}

struct Maker<'a> {
    policy: &'a Policy,
    units: &'a Units,
    as_of: NaiveDate,
    orders: Vec<Vec<Cell>>,
}

/// The stage and dates of one project up to `as_of`.
#[derive(Default)]
struct Life {
    stage: &'static str,
    signed: Option<NaiveDate>,
    started: Option<NaiveDate>,
    produced: Option<NaiveDate>,
    above_scale: Option<NaiveDate>,
    terminated: Option<NaiveDate>,
}

impl Maker<'_> {
    fn project(&mut self, index: usize, number: usize, place: UnitId, places: usize, dice: &mut Dice) -> Vec<Cell> {
        let ledger = &self.policy.ledgers[index];
        // the first project of every place is an old contract that has not started, so each place has a finding
        let overdue = number < places;
        let began = self.before(dice, 60, 900);
        let life = if overdue { self.overdue_life(dice) } else { self.life(began, dice) };
        let framework = !overdue && life.signed.is_some() && dice.chance(9);
        let agreement = match (life.signed, framework) {
            (None, _) => "",
            (_, true) => "框架协议",
            _ => AGREEMENT_CONTRACT,
        };
        let industry = &self.units.industries[number % self.units.industries.len()];
        let event = match life.signed.filter(|_| dice.chance(40)) {
            Some(day) => format!("{}年{}", day.year(), dice.pick(&EVENTS)),
            None => String::new(),
        };
        let year = life.signed.unwrap_or(began).year();
        let code = format!("YB{year}{:05}", number + 1);
        let name =
            format!("{}{}{}{}", dice.pick(&KINDS), dice.pick(&PRODUCTS), dice.pick(&FORMS), if dice.chance(8) { "（一期）" } else { "" });
        let investor = format!("{}{}{}", dice.pick(&FIRM_PLACES), dice.pick(&FIRMS), dice.pick(&FIRM_KINDS));
        let hundredths = match dice.below(100) {
            0..70 => 10 + dice.below(290),
            70..92 => 300 + dice.below(700),
            _ => 1000 + dice.below(4000),
        };
        let amount = hundredths as i64 * (FEN_PER_YI / 100);
        let funds = if life.started.is_some() { amount / 100 * dice.below(80) as i64 } else { amount / 100 * dice.below(15) as i64 };
        let signed = life.signed;
        let planned_start = signed.filter(|_| !overdue && dice.chance(60)).map(|day| day + Days::new(90 + dice.below(270)));
        let planned_production = life.started.filter(|_| dice.chance(88)).map(|day| match life.produced {
            Some(produced) => produced - Days::new(dice.below(60)),
            None => (day + Days::new(240 + dice.below(500))).max(self.as_of + Days::new(dice.below(200)) - Days::new(60)),
        });
        let progress = match (life.started, life.produced) {
            (_, Some(_)) => Some(100),
            // most are near the plan, some far behind
            (Some(started), _) => {
                let planned = planned_production
                    .map_or(50, |end| ((self.as_of - started).num_days() * 100 / (end - started).num_days().max(1)).min(99));
                let behind = if dice.chance(75) { dice.below(9) } else { 10 + dice.below(40) } as i64;
                Some((planned - behind).clamp(1, 99))
            }
            _ => None,
        };
        let division = self.units.division_of(place).map_or("", |division| self.units.units[division].name.as_str());
        let county = self.units.units[place].name.clone();
        let person = |dice: &mut Dice| format!("{}{}", dice.pick(&SURNAMES), dice.pick(&GIVEN));
        let mut row = Row::new(ledger);
        row.text("code", &code);
        row.text("name", &name);
        row.text("investor", &investor);
        row.text("industry", &industry.name);
        row.text("event", &event);
        row.text("city", division);
        row.text("county", &county);
        row.text("agreement", agreement);
        row.text("stage", life.stage);
        row.set("amount", Cell::Money(amount));
        row.set("funds", if signed.is_some() { Cell::Money(funds / 1_000_000 * 1_000_000) } else { Cell::Empty });
        row.date("negotiation_began_on", Some(signed.map_or(began, |day| day - Days::new(30 + dice.below(200)))));
        row.date("evaluated_on", signed.filter(|_| dice.chance(75)).map(|day| day - Days::new(5 + dice.below(20))));
        row.date("signed_on", signed.filter(|_| overdue || dice.chance(99)));
        row.date("entered_on", signed.filter(|_| dice.chance(85)).and_then(|day| self.known(day + Days::new(5 + dice.below(32)))));
        row.date(
            "performed_on",
            life.started
                .or(signed.filter(|_| !overdue && dice.chance(75)).and_then(|day| self.known(day + Days::new(20 + dice.below(80))))),
        );
        row.date("planned_start_on", planned_start);
        row.date("started_on", life.started);
        row.date("planned_production_on", planned_production);
        row.date("produced_on", life.produced);
        row.date("above_scale_on", life.above_scale);
        row.date("terminated_on", life.terminated);
        row.set("progress_pct", progress.map_or(Cell::Empty, |points| Cell::Decimal(Decimal::new(points, 0))));
        row.text("unit", &format!("{county}投资促进局"));
        let (leader, officer) = (person(dice), person(dice));
        row.text("leader", if dice.chance(88) { &leader } else { "" });
        let has_officer = dice.chance(93);
        row.text("officer", if has_officer { &officer } else { "" });
        // 100 is no mobile prefix, so these numbers do not exist
        row.text("phone", &if has_officer { format!("1000000{:04}", dice.below(10_000)) } else { String::new() });
        row.text("team", if dice.chance(85) { "有" } else { "" });
        row.text("plan", if dice.chance(80) { "有" } else { "" });
        row.text("difficulty", if dice.chance(45) { DIFFICULTIES[dice.below(6) as usize] } else { "" });
        let freshest = if dice.chance(80) { 30 } else { 75 };
        row.date("updated_on", Some(self.before(dice, 0, freshest)));
        if let Some(day) = signed.filter(|_| !event.is_empty() && agreement == AGREEMENT_CONTRACT) {
            self.orders_of(&code, &name, &event, &industry.name, &county, day, dice);
        }
        row.cells
    }

    /// Two orders for a project signed at an event: by industry and by construction address (一(二)1).
    #[allow(clippy::too_many_arguments, reason = "the facts of one order")]
    fn orders_of(&mut self, code: &str, name: &str, event: &str, industry: &str, county: &str, signed: NaiveDate, dice: &mut Dice) {
        let Some(index) = self.policy.ledger_for(Purpose::Order) else { return };
        let lead = self.units.industry(industry).and_then(|industry| self.units.lead(industry, self.as_of));
        let lead = lead.map_or(String::new(), |unit| self.units.units[unit].name.clone());
        for (kind, holder) in [("产业牵头部门", lead.as_str()), ("属地", county)] {
            let Some(dispatched) = self.known(signed + Days::new(3 + dice.below(12))) else { continue };
            let due = dispatched + Days::new(*dice.pick(&[60, 90, 180]));
            let received = if dice.chance(96) { self.known(dispatched + Days::new(dice.below(5))) } else { None };
            // most orders are completed in time; of the rest, most have had some feedback
            let done = dice.chance(72);
            let completed = received.filter(|_| done).and_then(|day| self.known(day + Days::new(20 + dice.below(70))));
            let lately = self.before(dice, 1, 28);
            let feedback = match (received, completed) {
                (Some(received), Some(completed)) => Some(received.max(completed - Days::new(dice.below(15)))),
                (Some(received), None) if dice.chance(70) => Some(received.max(lately)),
                (Some(received), None) if dice.chance(50) => self.known(received + Days::new(10 + dice.below(60))),
                _ => None,
            };
            let extended = (completed.is_none() && dice.chance(6)).then(|| due + Days::new(30));
            let number = self.orders.len() + 1;
            let mut row = Row::new(&self.policy.ledgers[index]);
            row.text("code", &format!("YBD{}-{number:05}", dispatched.year()));
            row.text("project_code", code);
            row.text("name", name);
            row.text("origin", event);
            row.date("dispatched_on", Some(dispatched));
            row.text("holder_kind", kind);
            row.text("holder", holder);
            row.date("due_on", Some(due));
            row.date("received_on", received);
            row.date("last_feedback_on", feedback);
            row.text("handling", if feedback.is_some() { HANDLING[dice.below(3) as usize] } else { "" });
            row.date("completed_on", completed);
            row.date("extended_to", extended);
            self.orders.push(row.cells);
        }
    }

    fn overdue_life(&self, dice: &mut Dice) -> Life {
        Life { stage: "签约", signed: Some(self.before(dice, 370, 700)), ..Life::default() }
    }

    fn life(&self, began: NaiveDate, dice: &mut Dice) -> Life {
        let mut life = Life { stage: STAGE_NEGOTIATING, ..Life::default() };
        if dice.chance(17) {
            return life;
        }
        let Some(signed) = self.known(began + Days::new(30 + dice.below(150))) else { return life };
        life.stage = "签约";
        life.signed = Some(signed);
        if dice.chance(6)
            && let Some(day) = self.known(signed + Days::new(100 + dice.below(200)))
        {
            life.stage = STAGE_TERMINATED;
            life.terminated = Some(day);
            return life;
        }
        let start = signed + Days::new(30 + dice.below(260));
        if start > self.as_of || dice.chance(22) {
            return life;
        }
        life.stage = "开工";
        life.started = Some(start);
        let produced = start + Days::new(180 + dice.below(420));
        if produced > self.as_of || dice.chance(15) {
            return life;
        }
        life.stage = "投产";
        life.produced = Some(produced);
        let above = produced + Days::new(60 + dice.below(200));
        if above <= self.as_of && dice.chance(60) {
            life.stage = "见效";
            life.above_scale = Some(above);
        }
        life
    }

    fn before(&self, dice: &mut Dice, from: u64, to: u64) -> NaiveDate {
        self.as_of - Days::new(from + dice.below(to - from))
    }

    /// The day, if it is not after `as_of`; later events have not happened.
    fn known(&self, day: NaiveDate) -> Option<NaiveDate> {
        (day <= self.as_of).then_some(day)
    }
}

/// A row being built by field ids; fields that the office has removed are ignored.
struct Row<'a> {
    ledger: &'a Ledger,
    cells: Vec<Cell>,
}

impl<'a> Row<'a> {
    fn new(ledger: &'a Ledger) -> Row<'a> {
        Row { ledger, cells: vec![Cell::Empty; ledger.fields.len()] }
    }

    fn set(&mut self, field: &str, cell: Cell) {
        if let Some(index) = self.ledger.field(field) {
            self.cells[index] = cell;
        }
    }

    fn text(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.set(field, Cell::Text(text.into()));
        }
    }

    fn date(&mut self, field: &str, date: Option<NaiveDate>) {
        self.set(field, date.map_or(Cell::Empty, Cell::Date));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{Config, read_files};
    use crate::domain::judging::judge::Judged;
    use crate::domain::register::record::Record;
    use crate::domain::rules::context::{Context, OldData};
    use std::collections::{BTreeSet, HashMap};
    use std::path::Path;

    #[test]
    fn every_place_has_a_finding() {
        let policy = Config::parse(read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap().policy;
        let as_of = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        let made = sample(&policy, 200, as_of);
        let (index, rows) = &made.ledgers[0];
        let (none, waiting, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
        let context = Context {
            policy: &policy,
            as_of,
            projects: &none,
            waiting_on: &waiting,
            answered: &HashMap::new(),
            exempt: &exempt,
            old_data: OldData::none(),
        };
        let mut judged = Judged::new(&policy);
        for cells in rows {
            let code = cells[0].to_string();
            judged.record(
                &context,
                *index,
                &Record { code, cells: cells.clone(), columns: (0..cells.len()).collect(), ..Record::default() },
            );
        }
        let found: BTreeSet<UnitId> =
            judged.findings.iter().filter(|finding| finding.light.is_some()).filter_map(|finding| finding.owner).collect();
        let missing: Vec<&str> = policy
            .units
            .units
            .iter()
            .enumerate()
            .filter(|(id, unit)| unit.level.is_place() && !found.contains(id))
            .map(|(_, unit)| unit.name.as_str())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(rows, &sample(&policy, 200, as_of).ledgers[0].1);
    }

    #[test]
    fn findings_do_not_depend_on_the_order_of_records() {
        let policy = Config::parse(read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap().policy;
        let as_of = NaiveDate::from_ymd_opt(2026, 9, 30).unwrap();
        let (index, mut rows) = sample(&policy, 300, as_of).ledgers.swap_remove(0);
        let (none, waiting, exempt) = (HashMap::new(), HashMap::new(), HashMap::new());
        let context = Context {
            policy: &policy,
            as_of,
            projects: &none,
            waiting_on: &waiting,
            answered: &HashMap::new(),
            exempt: &exempt,
            old_data: OldData::none(),
        };
        let sorted = |rows: &[Vec<Cell>]| {
            let mut judged = Judged::new(&policy);
            for cells in rows {
                let columns = (0..cells.len()).collect();
                judged.record(&context, index, &Record { code: cells[0].to_string(), cells: cells.clone(), columns, ..Record::default() });
            }
            judged.sort();
            judged.findings.iter().map(|finding| (finding.rule, finding.owner, finding.key.to_string())).collect::<Vec<_>>()
        };
        rows.sort_by_key(|cells| cells[0].to_string());
        let by_code = sorted(&rows);
        rows.reverse();
        assert_eq!(sorted(&rows), by_code);
        let mut expected = by_code.clone();
        expected.sort_by_key(|(rule, owner, key)| (*rule, owner.is_none(), *owner, key.clone()));
        assert!(by_code == expected && by_code.len() > 300);
    }
}
