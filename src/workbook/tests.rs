//! Tests with a small province: shipped ledgers, rules, units and templates, and records written in the tests.

use crate::config::load::{Config, read_files};
use crate::domain::audience::Audience;
use crate::domain::judging::finding::State;
use crate::domain::judging::indicators::Indicators;
use crate::domain::judging::judge::Judged;
use crate::domain::judging::roster::Rosters;
use crate::domain::notify::form_seal::FormKey;
use crate::domain::register::ledger::FieldKind;
use crate::domain::register::record::Origin;
use crate::domain::register::record::Record;
use crate::domain::register::record::{Cell, Columns, Decimal, FEN_PER_YI, Place};
use crate::domain::rules::context::{Context, OldData};
use crate::domain::rules::exemption::{ExemptKind, Exemption};
use crate::domain::rules::owner::{Linked, link, owner_of};
use crate::domain::rules::policy::ExemptKey;
use crate::domain::rules::policy::Policy;
use crate::report::xlsx;
use crate::workbook::balance::check_balance;
use crate::workbook::build::build;
use crate::workbook::material::{IntakeIssue, Material, SourceSnapshot};
use crate::workbook::model::Column;
use crate::workbook::model::Role;
use crate::workbook::model::Row;
use crate::workbook::model::Sheet;
use crate::workbook::model::Value;
use crate::workbook::model::Workbook;
use crate::workbook::previous_run::PreviousRun;
use crate::workbook::sheets::kinds::SheetKind;
use crate::workbook::sheets::matrix::declaration::{Axis, MatrixRows, UnitTitle};
use crate::workbook::template::Template;
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

mod file_names;
mod reconcile;

/// The configuration of this checkout without jobs, which need mail bodies of another module.
fn config() -> Config {
    let mut files = read_files(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    files.retain(|path, _| !path.starts_with("jobs/"));
    Config::parse(files).unwrap()
}

struct World {
    config: Config,
    as_of: NaiveDate,
    judged: Judged,
    records: HashMap<(usize, String), Record>,
    indicators: Indicators,
    previous_run: Option<PreviousRun>,
}

/// A record from `field=value` pairs, by the ledger's own types.
fn record(policy: &Policy, ledger: &str, row: u32, pairs: &[(&str, &str)]) -> (usize, Record) {
    let index = policy.ledger(ledger).unwrap();
    let ledger = &policy.ledgers[index];
    let mut cells = vec![Cell::Empty; ledger.fields.len()];
    for (id, text) in pairs {
        let field = ledger.field(id).unwrap_or_else(|| panic!("{id}"));
        cells[field] = match ledger.fields[field].kind {
            _ if text.is_empty() => Cell::Empty,
            FieldKind::Text => Cell::Text((*text).into()),
            FieldKind::Date { .. } => Cell::Date(text.parse().unwrap()),
            FieldKind::Money => Cell::Money(Decimal::parse(text).unwrap().scaled(10).unwrap()),
            FieldKind::Decimal => Cell::Decimal(Decimal::parse(text).unwrap()),
            FieldKind::Int => Cell::Int(text.parse().unwrap()),
            FieldKind::Bool => Cell::Bool(*text == "是"),
        };
    }
    let columns: Columns = (0..ledger.fields.len()).collect();
    let code = cells[ledger.field("code").unwrap()].text().unwrap().to_owned();
    (index, Record { code, cells, columns, place: Place { origin: 0, sheet: 0, row }, ..Record::default() })
}

impl World {
    fn new(rows: impl Fn(&Policy) -> Vec<(usize, Record)>, exempt: &[(&str, &str)]) -> World {
        let config = config();
        let as_of: NaiveDate = "2026-09-30".parse().unwrap();
        let policy = &config.policy;
        let rows = rows(policy);
        let project = policy.project_ledger().unwrap();
        let projects: HashMap<String, Linked> = rows
            .iter()
            .filter(|(ledger, _)| *ledger == project)
            .map(|(_, record)| (record.code.clone(), link(policy, &policy.ledgers[project], record)))
            .collect();
        let exempt = exempt
            .iter()
            .map(|(rule, key)| {
                (ExemptKey { rule: (*rule).to_owned(), key: (*key).to_owned() }, Exemption { kind: ExemptKind::Exemption, expires: as_of })
            })
            .collect();
        let (waiting_on, answered, old_data) = (&HashMap::new(), &HashMap::new(), OldData::none());
        let context = Context { policy, as_of, projects: &projects, waiting_on, answered, exempt: &exempt, old_data };
        let mut judged = Judged::new(policy);
        let mut indicators = Indicators::new(policy, as_of);
        for (ledger, record) in &rows {
            judged.record(&context, *ledger, record);
            let owner = owner_of(policy, &policy.ledgers[*ledger], record, &projects);
            indicators.add(policy, *ledger, record, owner.unit);
        }
        judged.sort();
        let records = rows.into_iter().map(|(ledger, record)| ((ledger, record.code.clone()), record)).collect();
        World { config, as_of, judged, records, indicators, previous_run: None }
    }

    fn book(&self, template: &str, audience: Audience) -> Workbook<'_> {
        let template = &self.config.templates[template];
        build(template, Box::leak(Box::new(self.material(self.rosters(template), audience)))).unwrap()
    }

    /// What the sheets of a template select, without members.
    fn rosters(&self, template: &Template) -> Rosters {
        Rosters::new(template.sheets.iter().filter_map(|sheet| sheet.kind.as_kind().selection().cloned()))
    }

    fn material(&self, rosters: Rosters, audience: Audience) -> Material<'_> {
        let origins = vec![Origin { file: "全省台账.xlsx".into(), sheets: vec!["全省项目台账".into()] }];
        let sources = vec![SourceSnapshot {
            ledger: "项目台账".into(),
            source: "sample".into(),
            snapshot: 37,
            covers_on: self.as_of,
            file: "全省台账.xlsx".into(),
            sheets: vec!["全省项目台账".into()],
            accepted: 12,
            quarantined: 1,
            skipped: 2,
            note: String::new(),
        }];
        let intake = vec![IntakeIssue {
            ledger: "项目台账".into(),
            level: "待核".into(),
            file: "全省台账.xlsx".into(),
            sheet: "全省项目台账".into(),
            cell: "P27".into(),
            field: "签约时间".into(),
            raw: "2023-02-30".into(),
            reason: "这一天不存在".into(),
            hint: "请改正后重新导入".into(),
            unit: "瓮安县".into(),
            code: "GZ202500999".into(),
            restricted: false,
        }];
        let inputs = vec![("督办规则".to_owned(), "a1b2c3d4".to_owned()), ("工作日历".to_owned(), "0f0e0d0c".to_owned())];
        Material {
            policy: &self.config.policy,
            as_of: self.as_of,
            office: "省投资促进局",
            contact: "省投资促进局项目督查处",
            made_on: "2026-10-08".parse().unwrap(),
            data_line: "",
            reply_by: "2026-10-15".parse().unwrap(),
            judged: &self.judged,
            records: &self.records,
            rosters: Box::leak(Box::new(rosters)),
            origins: origins.leak(),
            indicators: &self.indicators,
            sources: sources.leak(),
            intake: intake.leak(),
            restrictions: Box::leak(Box::default()),
            answers: Box::leak(Box::default()),
            form_key: Box::leak(Box::new(FormKey::of_nobody())),
            silent: &[],
            previous_run: self.previous_run.as_ref(),
            gone: &[],
            unsigned: Default::default(),
            audience,
            only_findings: None,
            only_counted: None,
            inputs: inputs.leak(),
        }
    }

    fn unit(&self, name: &str) -> Audience {
        Audience::Unit(self.config.policy.units.find(name).unwrap())
    }
}

fn dozen(policy: &Policy) -> Vec<(usize, Record)> {
    let place = [("city", "黔南布依族苗族自治州"), ("county", "瓮安县"), ("agreement", "合同"), ("stage", "签约")];
    let of = |row: u32, more: &[(&str, &str)]| {
        let pairs: Vec<(&str, &str)> =
            place.iter().filter(|(id, _)| !more.iter().any(|(other, _)| other == id)).chain(more).copied().collect();
        record(policy, "project", row, &pairs)
    };
    vec![
        of(
            2,
            &[
                ("code", "0001"),
                ("name", "=HYPERLINK(\"x\")项目"),
                ("industry", "现代化工"),
                ("amount", "10"),
                ("funds", "2.5"),
                ("signed_on", "2025-03-01"),
                ("planned_start_on", "2026-03-31"),
                ("phone", "13812345678"),
                ("leader", "张某"),
                ("difficulty", "用地未落实，联系13987654321"),
                ("evaluated_on", "2025-02-01"),
                ("evaluation_result", "通过"),
            ],
        ),
        of(
            3,
            &[
                ("code", "0002"),
                ("name", "乙项目"),
                ("industry", "茶叶"),
                ("amount", "1.62"),
                ("signed_on", "2026-01-10"),
                ("performed_on", "2026-02-01"),
                ("started_on", "2026-03-01"),
                ("planned_production_on", "2026-12-31"),
                ("progress_pct", "10"),
                ("stage", "开工"),
                ("planned_start_on", "2026-03-01"),
            ],
        ),
        of(4, &[("code", "0003"), ("name", "丙项目"), ("county", "云岩区"), ("city", "贵阳市"), ("signed_on", "")]),
        of(
            5,
            &[
                ("code", "0004"),
                ("name", "丁项目"),
                ("county", "无此县"),
                ("amount", "3"),
                ("signed_on", "2024-01-01"),
                ("industry", "其他业"),
            ],
        ),
        of(
            6,
            &[
                ("code", "0005"),
                ("name", "戊项目"),
                ("stage", "洽谈"),
                ("agreement", ""),
                ("county", "贵安新区"),
                ("city", "贵阳市"),
                ("negotiation_began_on", "2025-06-01"),
                ("updated_on", "2026-09-20"),
            ],
        ),
        of(7, &[("code", "0006"), ("name", "己项目"), ("amount", "0.5"), ("signed_on", "2025-01-01"), ("terminated_on", "2025-06-01")]),
        record(
            policy,
            "work-order",
            2,
            &[
                ("code", "D1"),
                ("name", "甲项目落地"),
                ("project_code", "0001"),
                ("holder", "瓮安县"),
                ("dispatched_on", "2026-06-01"),
                ("due_on", "2026-07-01"),
            ],
        ),
    ]
}

fn world() -> World {
    World::new(dozen, &[("unentered", "0001")])
}

fn texts(book: &Workbook) -> String {
    let cells = book.sheets.iter().flat_map(|sheet| &sheet.rows).flat_map(|row| &row.cells);
    cells.filter_map(|cell| if let Value::Text(text) = cell { Some(format!("{text}\n")) } else { None }).collect()
}

#[test]
fn totals_equal_their_parts_each_other_and_the_lists() {
    let world = world();
    let book = world.book("quarterly-supervision", Audience::Office);
    assert!(book.figures.len() > 100 && book.sums.len() > 100);
    assert_eq!(check_balance(&book), []);
}

#[test]
fn a_wrong_total_and_a_lost_row_are_found() {
    let world = world();
    let mut book = world.book("quarterly-supervision", Audience::Office);
    let regions = book.sheets.iter_mut().find(|sheet| sheet.name == "分地区").unwrap();
    let total = regions.rows.iter_mut().find(|row| row.role == Role::Total).unwrap();
    total.cells[2] = Value::Count(7);
    let list = book.sheets.iter_mut().find(|sheet| sheet.name == "签约未开工").unwrap();
    let lost = list.rows.iter().position(|row| row.tag.is_some()).unwrap();
    list.rows[lost].tag = None;
    let places: Vec<String> = check_balance(&book).into_iter().map(|mismatch| mismatch.place).collect();
    assert!(places.iter().any(|place| place.starts_with("分地区!C")), "{places:?}");
    assert!(places.iter().any(|place| place.starts_with("总体情况!")), "{places:?}");
}

#[test]
fn a_row_names_its_file_where_the_workbook_does_not() {
    let world = world();
    let texts = |template: &str, audience: Audience| {
        let book = world.book(template, audience);
        let cells = book.sheets.iter().flat_map(|sheet| &sheet.rows).flat_map(|row| &row.cells);
        let texts = cells.filter_map(|cell| match cell {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        });
        texts.collect::<Vec<_>>()
    };
    let is_place = |text: &&String| text.ends_with('行') && text.contains('第');
    let whole = |text: &&String| text.starts_with("全省台账.xlsx 全省项目台账 第");
    let (covered, alone) = (texts("quarterly-supervision", Audience::Office), texts("unit-list", world.unit("瓮安县")));
    // the workbook names no file of the work orders, so their rows do
    let places = covered.iter().filter(is_place);
    assert!(places.clone().count() > 20 && places.filter(whole).count() == 2, "{covered:?}");
    assert!(alone.iter().any(|text| text.starts_with("第") && text.ends_with('行')) && !alone.iter().any(|text| whole(&text)), "{alone:?}");
    let named = |texts: &[String]| texts.iter().filter(|text| text.starts_with("数据来源：")).cloned().collect::<Vec<_>>();
    assert_eq!(named(&covered), Vec::<String>::new(), "the cover has a table");
    assert_eq!(named(&alone), ["数据来源：项目台账（截至2026年9月30日，第37次快照，全省台账.xlsx 全省项目台账）。"]);
}

#[test]
fn every_finding_of_every_state_is_on_a_list() {
    let world = world();
    let book = world.book("quarterly-supervision", Audience::Office);
    let listed = book.sheets.iter().flat_map(|sheet| &sheet.rows).filter(|row| row.tag.is_some()).count();
    assert_eq!(listed, world.judged.findings.len());
    for state in [State::Open, State::Exempt, State::Unjudged] {
        assert!(world.judged.findings.iter().any(|finding| finding.state == state), "{state:?}");
    }
}

#[test]
fn rates_are_taken_over_contracts_and_show_both_denominators() {
    let world = world();
    let province = world.indicators.whole();
    // 0001, 0002, 0004 and the terminated 0006; 0003 has no signing day, 0005 no contract
    assert_eq!(province.signed(crate::domain::judging::indicators::Window::All).contracts, 4);
    assert_eq!(province.live(crate::domain::judging::indicators::Window::All).contracts, 3);
    assert_eq!(province.signed(crate::domain::judging::indicators::Window::Year).contracts, 1);
    assert_eq!(province.signed(crate::domain::judging::indicators::Window::All).amount, i128::from(FEN_PER_YI) * 1512 / 100);
    let units = &world.config.policy.units;
    let city = units.find("黔南布依族苗族自治州").unwrap();
    assert_eq!(world.indicators.of_division(&world.config.policy, city).projects, 3);
    assert_eq!(world.indicators.of_unit(None).projects, 1);
    assert_eq!(world.indicators.orders_of(units.find("瓮安县")).open(), 1);
}

#[test]
fn a_unit_sees_its_own_rows_with_numbers_masked_and_no_draft_act() {
    let world = world();
    let book = world.book("unit-list", world.unit("瓮安县"));
    let text = texts(&book);
    assert!(text.contains("138****5678") && text.contains("139****4321"), "{text}");
    assert!(!text.contains("13812345678") && !text.contains("13987654321"));
    assert!(!text.contains("丁项目") && !text.contains("戊项目"));
    assert!(!text.contains("拟办") && !text.contains("通报\n"));
    assert!(text.contains("办理情况\n") && !text.contains("进展情况\n") && !text.contains("待答复单位\n"), "{text}");
    assert!(text.contains("附件\n") && text.contains("瓮安县督办事项清单\n"));
    let office = texts(&world.book("quarterly-supervision", Audience::Office));
    assert!(office.contains("13812345678") && office.contains("通报（拟办）"));
    assert!(office.contains("全省台账.xlsx 全省项目台账 第2行"));
}

#[test]
fn a_negotiated_project_is_for_its_own_unit() {
    let world = world();
    let of = |name: &str| texts(&world.book("unit-list", world.unit(name)));
    assert!(of("贵安新区").contains("戊项目"));
    assert!(!of("云岩区").contains("戊项目") && of("云岩区").contains("0003"));
}

#[test]
fn equal_workbooks_are_equal_to_the_byte() {
    let world = world();
    let bytes = || xlsx::render(&world.book("quarterly-supervision", Audience::Office)).unwrap();
    let first = bytes();
    assert_eq!(first, bytes());
}

#[test]
fn a_study_list_has_one_row_per_project_with_its_leading_finding() {
    let world = world();
    let book = world.book("county-monthly-study", Audience::Office);
    let rows: Vec<String> = book.sheets[0].rows.iter().filter(|row| row.tag.is_some()).map(|row| format!("{:?}", row.cells)).collect();
    let of_0001: Vec<&String> = rows.iter().filter(|row| row.contains("\"0001\"")).collect();
    // the exempt finding of the project has its own row
    assert_eq!(of_0001.len(), 2, "{rows:?}");
    assert!(of_0001[0].contains("Text(\"签约未开工\")") && of_0001[0].contains("签约未履约（●红）"), "{}", of_0001[0]);
}

/// A template can title the row of 贵阳市 as 贵阳贵安, or list 贵安新区 beside the cities. The totals are the same.
#[test]
fn the_template_joins_places_or_lists_them_apart() {
    let mut world = world();
    let row = |world: &World, sheet: &str, label: &str| -> Option<Vec<Value>> {
        let book = world.book("quarterly-supervision", Audience::Office);
        assert_eq!(check_balance(&book), []);
        let sheet = book.sheets.iter().find(|known| known.name == sheet).unwrap();
        sheet.rows.iter().find(|row| row.cells.first() == Some(&Value::text(label))).map(|row| row.cells.clone())
    };
    let projects = |cells: Option<Vec<Value>>| cells.and_then(|cells| cells[2].figure());
    let (city, all) = (projects(row(&world, "分地区", "贵阳市")).unwrap(), projects(row(&world, "分地区", "合计")));
    let platform = projects(row(&world, "分地区", "　贵安新区")).unwrap();
    assert!(platform > 0 && city >= platform);

    let units = &world.config.policy.units;
    let (guiyang, guian) = (units.find("贵阳市").unwrap(), units.find("贵安新区").unwrap());
    let set = |world: &mut World, rows: MatrixRows| {
        for sheet in &mut world.config.templates.get_mut("quarterly-supervision").unwrap().sheets {
            if let SheetKind::Matrix(matrix) = &mut sheet.kind
                && matrix.axis == Axis::Region
            {
                matrix.rows.clone_from(&rows);
            }
        }
    };
    set(&mut world, MatrixRows { titles: vec![UnitTitle { unit: guiyang, title: "贵阳贵安".into() }], apart: Vec::new() });
    assert_eq!(projects(row(&world, "分地区", "贵阳贵安")), Some(city));
    assert_eq!(row(&world, "分地区", "贵阳市"), None);

    set(&mut world, MatrixRows { titles: Vec::new(), apart: vec![guian] });
    assert_eq!(projects(row(&world, "分地区", "贵阳市")), Some(city - platform));
    assert_eq!(projects(row(&world, "分地区", "贵安新区")), Some(platform));
    assert_eq!(projects(row(&world, "分地区", "合计")), all);
}

#[test]
fn a_sheet_of_records_that_nobody_selected_is_an_error() {
    let world = World::new(|_| Vec::new(), &[]);
    let material = world.material(Rosters::default(), Audience::Office);
    let books = world.config.templates.values().map(|template| build(template, &material).is_ok()).collect::<Vec<_>>();
    let selecting = world.config.templates.values().map(|template| world.rosters(template).is_empty()).collect::<Vec<_>>();
    assert_eq!(books, selecting);
    assert!(selecting.contains(&false), "a template with a sheet of records");
}

#[test]
fn an_empty_province_still_makes_every_workbook() {
    let world = World::new(|_| Vec::new(), &[]);
    for template in ["quarterly-supervision", "county-monthly-study", "unit-list"] {
        let book = world.book(template, Audience::Office);
        assert_eq!(check_balance(&book), [], "{template}");
        xlsx::render(&book).unwrap();
    }
    assert!(!world.book("quarterly-supervision", Audience::Office).sheets.iter().any(|sheet| sheet.name == "目标企业"));
}

#[test]
fn an_unknown_name_in_a_template_gets_a_suggestion() {
    let mut files = config().files;
    let path = "report-templates/unit-list.toml";
    let text = files[path].replace("overdue_days", "overdue_dayz").replace("project.amount", "project.amuont");
    files.insert(path.into(), text);
    let path = "report-templates/quarterly-supervision.toml";
    let text = files[path].replace("rules = [\"stale\"]", "rules = [\"slow\"]");
    files.insert(path.into(), text);
    let problems = Config::parse(files).unwrap_err().to_string();
    for part in ["\"overdue_dayz\"", "did you mean \"overdue_days\"?", "did you mean \"amount\"?", "\"stale\"", "\"slow\""] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
}

#[test]
fn a_long_list_is_streamed_row_by_row() {
    let mut book = Workbook { title: "长表".into(), created: "2026-09-30".parse().unwrap(), ..Workbook::default() };
    let mut long = Sheet { name: "长表".into(), columns: vec![Column { width: 10.0, ..Column::default() }; 2], ..Sheet::default() };
    long.banner(Role::Title, "长表");
    long.row(Role::Head, vec![Value::text("甲"), Value::text("乙")]);
    for number in 0..20_001 {
        long.row(Role::Body, vec![Value::Count(number), Value::text("文字")]);
    }
    long.filter = Some((1, 20_002));
    book.sheets.push(long);
    let bytes = xlsx::render(&book).unwrap();
    assert_eq!(bytes, xlsx::render(&book).unwrap());
}

#[test]
fn a_few_hundred_projects_balance_in_every_template() {
    let world = World::new(synthetic, &[("unstarted", "GZ2025000010"), ("unstarted", "GZ2025000013")]);
    for (template, audience) in
        [("quarterly-supervision", Audience::Office), ("county-monthly-study", Audience::Office), ("unit-list", world.unit("瓮安县"))]
    {
        let book = world.book(template, audience);
        assert_eq!(check_balance(&book), []);
        assert!(xlsx::render(&book).unwrap().len() > 5000);
    }
}

#[test]
fn a_few_rows_too_many_do_not_lie_on_a_page_of_their_own() {
    let pages = |rows: usize| {
        let columns = vec![Column { width: 12.0, ..Column::default() }; 6];
        let mut sheet = Sheet { landscape: true, columns, repeat: Some((0, 0)), ..Sheet::default() };
        sheet.row(Role::Head, vec![Value::text("甲")]);
        for number in 0..rows {
            sheet.row(Role::Body, vec![Value::count(number)]);
        }
        sheet.paginate();
        (sheet.pages_high, sheet.breaks)
    };
    // 32 rows of 15 points with the head fill a landscape page of A4
    assert_eq!([28, 31, 32, 34, 40].map(|rows| pages(rows).0), [0, 1, 1, 1, 0]);
    // the last page, of 40 rows and of 64 rows, takes rows from the page before it
    assert_eq!([pages(28).1, pages(40).1, pages(64).1], [vec![], vec![31], vec![31, 55]]);
}

/// The printed change of a rate is the difference of the two printed rates. The table of a city has its own places only and is balanced.
#[test]
fn rates_are_compared_with_those_of_the_previous_run() {
    let mut world = World::new(synthetic, &[]);
    // a quarter before, half the projects had not been started
    let earlier = World::new(
        |policy| {
            let project = policy.project_ledger().unwrap();
            let started = policy.ledgers[project].field("started_on").unwrap();
            let mut rows = synthetic(policy);
            for (_, record) in rows.iter_mut().filter(|(ledger, _)| *ledger == project).step_by(2) {
                record.cells[started] = Cell::Empty;
            }
            rows
        },
        &[],
    );
    let snapshot = earlier.indicators.snapshot(&earlier.config.policy, &earlier.judged.findings);
    // stored and read back
    let snapshot: crate::domain::judging::indicators::IndicatorSnapshot =
        serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
    let day: NaiveDate = "2026-06-30".parse().unwrap();
    world.previous_run = Some(PreviousRun { as_of: day, indicator_snapshots: vec![(day, snapshot)], ..PreviousRun::default() });
    let heads = |sheet: &Sheet<'_>| -> Vec<String> {
        let head = sheet.rows.iter().find(|row| row.role == Role::Head).unwrap();
        head.cells.iter().map(|cell| cell.shown().replace('\n', "")).collect()
    };
    let row = |sheet: &Sheet<'_>, label: &str| -> BTreeMap<String, String> {
        let row = sheet.rows.iter().find(|row| row.cells.first() == Some(&Value::text(label))).unwrap();
        heads(sheet).into_iter().zip(row.cells.iter().map(Value::shown)).collect()
    };
    let tenths = |text: &str| text.trim_end_matches('%').replace(['.', '+'], "").parse::<i64>().unwrap();
    let now = world.book("quarterly-supervision", Audience::Office);
    assert_eq!(check_balance(&now), []);
    let was = earlier.book("quarterly-supervision", Audience::Office);
    for (sheet, label) in [("分地区", "合计"), ("分地区", "贵阳市"), ("分产业", "合计"), ("分产业", "茶叶")] {
        let of = |book: &Workbook<'_>| row(book.sheets.iter().find(|known| known.name == sheet).unwrap(), label);
        let (now, was) = (of(&now), of(&was));
        assert_eq!(was["开工率比上期（百分点）"], "-");
        let moved = tenths(&now["开工率比上期（百分点）"]);
        assert_eq!(moved, tenths(&now["开工率"]) - tenths(&was["开工率"]), "{sheet} {label}");
        assert!(label != "合计" || moved > 0);
    }
    // the periods are listed from the oldest to this one
    let text = texts(&now);
    assert!(text.contains("四、各期变化") && !texts(&was).contains("四、各期变化"), "{text}");
    // indicators of an older run are not those of the previous run
    let stale = PreviousRun { as_of: "2026-07-31".parse().unwrap(), ..world.previous_run.clone().unwrap() };
    assert!(world.previous_run.as_ref().unwrap().indicator_snapshot().is_some() && stale.indicator_snapshot().is_none());

    let city = world.book("city-quarterly-study", world.unit("贵阳市"));
    assert_eq!(check_balance(&city), []);
    let sheet = city.sheets.iter().find(|sheet| sheet.name == "各县情况").unwrap();
    let places: Vec<String> = sheet.rows.iter().filter(|row| row.role == Role::Body).map(|row| row.cells[0].shown()).collect();
    assert!(places.contains(&"云岩区".to_owned()) && places.contains(&"贵安新区".to_owned()), "{places:?}");
    assert!(!places.contains(&"瓮安县".to_owned()) && !places.contains(&"遵义市".to_owned()), "{places:?}");
    let whole = now.sheets.iter().find(|sheet| sheet.name == "分地区").unwrap();
    assert_eq!(row(sheet, "合计")["合同项目（个）"], row(whole, "贵阳市")["合同项目（个）"]);
}

/// A few hundred projects spread over real places and industries.
fn synthetic(policy: &Policy) -> Vec<(usize, Record)> {
    use crate::domain::register::levels::LevelKind;
    let units = &policy.units;
    let places: Vec<usize> = (0..units.units.len()).filter(|unit| units.units[*unit].level.is_place()).collect();
    let weng = units.find("瓮安县").unwrap();
    let mut out = Vec::new();
    let day = |base: &str, plus: u64| (base.parse::<NaiveDate>().unwrap() + chrono::Days::new(plus)).to_string();
    for n in 0..300u64 {
        let place = if n % 10 == 0 { weng } else { places[(n * 37 % places.len() as u64) as usize] };
        let city = units.division_of(place).map(|city| units.units[city].name.clone()).unwrap_or_default();
        let industry = &units.industries[(n * 7 % units.industries.len() as u64) as usize].name;
        let code = format!("GZ2025{n:06}");
        let name = format!("{}年产{}万吨{industry}精深加工及配套产业园项目（{}期）", units.units[place].name, n % 9 + 1, n % 3 + 1);
        let signed = day("2024-06-01", n * 3 % 800);
        let (amount, funds) = (format!("{}.{:02}", n % 23, n % 97), format!("{}.{}", n % 5, n % 10));
        let mut pairs: Vec<(&str, String)> = vec![
            ("code", code.clone()),
            ("name", name.clone()),
            ("city", city),
            ("county", units.units[place].name.clone()),
            ("industry", if n % 11 == 3 { "其他制造".into() } else { industry.clone() }),
            ("amount", amount),
            ("funds", funds),
            ("agreement", if n % 13 == 5 { "框架协议".into() } else { "合同".into() }),
            ("stage", "签约".into()),
            ("signed_on", if n % 29 == 7 { String::new() } else { signed.clone() }),
            ("leader", "张建国".into()),
            ("officer", "李明".into()),
            ("phone", "13812345678".into()),
            ("updated_on", day("2026-07-20", n % 70)),
            ("unit", "县投资促进局".into()),
        ];
        let started = signed.parse::<NaiveDate>().unwrap() + chrono::Days::new(120);
        match n % 4 {
            0 => pairs.push(("difficulty", "项目用地未落实，已提请市级协调用地指标；施工用电待供电部门批复".into())),
            1 => pairs.extend([
                ("performed_on", day(&signed, 60)),
                ("started_on", started.to_string()),
                ("planned_production_on", day(&signed, 500)),
                ("progress_pct", (n % 60).to_string()),
                ("evaluated_on", signed.clone()),
                ("evaluation_result", "通过".into()),
                ("entered_on", day(&signed, 20)),
            ]),
            2 => pairs.extend([
                ("performed_on", day(&signed, 60)),
                ("started_on", started.to_string()),
                ("planned_start_on", day(&signed, 90)),
                ("planned_production_on", day(&signed, 300)),
                ("produced_on", day(&signed, 310)),
                ("evaluated_on", signed.clone()),
                ("team", "专班".into()),
                ("plan", "方案".into()),
                ("entered_on", signed.clone()),
                ("stage", "投产".into()),
            ]),
            _ => pairs.extend([
                ("negotiation_began_on", day("2025-06-01", n)),
                ("stage", "洽谈".into()),
                ("signed_on", String::new()),
                ("agreement", String::new()),
            ]),
        }
        let mut last: Vec<(&str, String)> = Vec::new();
        for (id, value) in pairs {
            last.retain(|(other, _)| *other != id);
            last.push((id, value));
        }
        let borrowed: Vec<(&str, &str)> = last.iter().map(|(id, value)| (*id, value.as_str())).collect();
        out.push(record(policy, "project", n as u32 + 2, &borrowed));
        if n % 6 == 0 {
            out.push(record(
                policy,
                "work-order",
                n as u32 + 2,
                &[
                    ("code", &format!("GD2026{n:04}")),
                    ("name", &name),
                    ("project_code", &code),
                    ("origin", "省外招商推介会"),
                    ("holder", &units.units[place].name),
                    ("dispatched_on", &day("2026-06-01", n / 4)),
                    ("due_on", &day("2026-07-01", n / 3)),
                    ("received_on", if n % 12 == 0 { "2026-06-20" } else { "" }),
                ],
            ));
        }
    }
    assert!(places.iter().any(|place| units.units[*place].level.kind() == LevelKind::Park));
    out
}

#[test]
fn a_long_list_holds_what_a_short_one_would() {
    let many = |policy: &Policy| -> Vec<(usize, Record)> {
        (0..2300)
            .map(|number| {
                let code = format!("GZ{number:06}");
                let pairs = [
                    ("code", code.as_str()),
                    ("name", "项目"),
                    ("city", "黔南布依族苗族自治州"),
                    ("county", "瓮安县"),
                    ("agreement", "合同"),
                    ("stage", "签约"),
                    ("amount", "1.5"),
                    ("signed_on", "2025-06-01"),
                ];
                record(policy, "project", number + 2, &pairs)
            })
            .collect()
    };
    let world = World::new(many, &[]);
    let book = world.book("quarterly-supervision", Audience::Office);
    assert_eq!(check_balance(&book), []);
    let sheet = book.sheets.iter().find(|sheet| sheet.name == "签约未履约").unwrap();
    let later = sheet.lazy_rows.as_ref().expect("made when written");
    let listed: Vec<Row> =
        sheet.rows.iter().filter(|row| row.tag.is_some()).cloned().chain((0..later.count).map(|at| later.row(at))).collect();
    assert_eq!(listed.len(), 2300);
    assert!(listed.iter().zip(1..).all(|(row, number)| row.cells[0] == Value::Count(number)));
    assert_eq!(sheet.filter.unwrap().1 + 1, sheet.rows.len() + later.count);
    let amounts =
        |row: &Row| row.cells.iter().filter_map(|cell| if let Value::Amount(fen) = cell { Some(*fen) } else { None }).sum::<i128>();
    let total = sheet.closing_rows.iter().find(|row| row.role == Role::Total).expect("a total");
    assert_eq!(amounts(total), listed.iter().map(amounts).sum::<i128>());
    assert_eq!(xlsx::render(&book).unwrap(), xlsx::render(&book).unwrap());
}
