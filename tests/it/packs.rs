//! Packs (a workbook for each unit of a level): who gets which rows, that the sums agree, and that a rebuild gives the same bytes.

use super::helpers::{duban, files_below, fresh_root, let_data_be_old, service, stderr, stdout};
use super::outputs::{cells, run};
use calamine::{Data, Reader, Xlsx};
use duban::store::reports::ReportKind;
use std::io::Cursor;
use std::path::Path;

const RUN: &str = "quarterly-packs@2026-10-08T10:00:00#0";

pub const DIFFICULTIES: &str = "\
问题编号,项目编号,问题类别,问题描述,提出日期,提请层级,责任部门,答复日期,解决日期
KN1,GZ202500123,用地,征拆进度慢,2026-05-18,县级,自然资源部门,,
KN2,GZ202500123,用地,用地指标未下达,2026-08-03,省级,自然资源部门,,
KN3,GZ202500124,用电,用电报装未完成,2026-08-03,市级,能源部门,2026-08-10,2026-09-01
KN4,GZ202600046,用地,选址未定,2026-09-01,县级,自然资源部门,,
";

const CONTACTS: &str = "\
企业编号,目标企业,产业类别,首次洽接日期,最近洽接日期,洽接单位,意向投资额(亿元),洽接状态
MB1,甲公司,刺梨,2026-01-10,2026-03-01,福泉市,6,实地考察
MB2,乙公司,刺梨,2026-01-10,2026-09-20,瓮安县,0.5,初步接触
";

const SESSIONS: &str = "\
会议编号,会议名称,会议类型,召开单位,召开日期,研究内容
HY1,第三季度招商项目研究会,研究,黔南布依族苗族自治州,2026-09-10,研究未开工项目
HY2,第三季度招商项目研究会,研究,遵义市,2026-09-11,研究未开工项目
";

/// Runs the quarterly job on a small register, imports further ledgers and runs the packs of the same day. Returns the output of the packs.
pub async fn packs(root: &Path) -> String {
    run(root).await;
    for (name, text) in [("困难.csv", DIFFICULTIES), ("企业.csv", CONTACTS)] {
        let path = root.join(name);
        std::fs::write(&path, text).expect("a ledger");
        let imported = duban(root, &["import", path.to_str().expect("a path"), "--covers", "2026-09-30"]);
        assert_eq!(imported.status.code(), Some(0), "{}{}", stdout(&imported), stderr(&imported));
    }
    let made = duban(root, &["run", "quarterly-packs", "--as-of", "2026-09-30"]);
    assert_eq!(made.status.code(), Some(0), "{}{}", stdout(&made), stderr(&made));
    stdout(&made)
}

/// The cells of the one workbook whose path has this prefix, as text.
fn book(books: &[(String, Vec<u8>)], beginning: &str) -> String {
    let found: Vec<_> = books.iter().filter(|(name, _)| name.starts_with(beginning)).collect();
    assert_eq!(found.len(), 1, "{beginning}: {:?}", books.iter().map(|(name, _)| name).collect::<Vec<_>>());
    cells(&found[0].1)
}

/// The result of a run is data: its packs are counted and found by template and unit, whatever their files are called.
#[tokio::test]
async fn a_run_stores_its_packs_as_data() {
    let root = fresh_root();
    let printed = packs(root.path()).await;
    let service = service(root.path(), "2026-10-08T13:00:00Z").await;
    let run = service.store().runs().get(RUN).await.expect("a look").expect("the run");
    let reports = service.store().reports().list(RUN).await.expect("reports");
    let (job, policy) = (service.config().job("quarterly-packs").expect("the job"), &service.config().policy);
    let judged = run.result.expect("a result").judged.expect("findings");
    assert_eq!(judged.packs.len(), job.packs.len());
    for (pack, counts) in job.packs.iter().zip(&judged.packs) {
        let of_template = reports.iter().filter(|file| file.key.kind == ReportKind::Pack && file.key.template == pack.template);
        let units: Vec<&str> = of_template.map(|file| file.key.unit.as_str()).collect();
        assert!(units.iter().all(|code| policy.units.units.iter().any(|unit| unit.code == *code)), "{units:?}");
        assert_eq!((counts.made, counts.failed), (units.len(), 0), "{}", counts.title);
        assert_eq!(counts.made + counts.without_rows, pack.units(&policy.units).count(), "{}", counts.title);
        assert!(printed.contains(&format!("分单位报表：{}{}份", counts.title, counts.made)), "{printed}");
    }
    let others = reports.iter().filter(|file| file.key.kind != ReportKind::Pack);
    assert!(others.clone().all(|file| file.key.unit.is_empty() && job.workbooks.contains(&file.key.template)));
    assert_eq!(others.count(), printed.lines().filter(|line| line.starts_with("报表：")).count());
}

#[tokio::test]
async fn each_level_gets_its_own_rows() {
    let root = fresh_root();
    let printed = packs(root.path()).await;
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("分单位报表")).collect();
    insta::assert_snapshot!("packs_printed", lines.join("\n"));
    let folder = root.path().join("var/reports/quarterly-packs/2026-09-30");
    let books = files_below(&folder);
    let names: Vec<&str> = books.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!("packs_files", names.join("\n"));
    insta::assert_snapshot!("pack_city", book(&books, "市（州）/黔南布依族苗族自治州招商项目季度研究材料"));
    insta::assert_snapshot!("pack_land", book(&books, "要素保障部门/省自然资源厅用地季度会商材料"));
    insta::assert_snapshot!("pack_office_ledgers", book(&books, "全省招商项目分类台账"));
    // A project under negotiation and a target enterprise are visible to their own unit, the recipients of their rule, and the office.
    for (name, bytes) in &books {
        let read = cells(bytes);
        let of_office = !name.contains('/');
        if !of_office {
            for phone in ["13812345678", "13987654321", "13711112222", "13633334444", "13655556666"] {
                assert!(!read.contains(phone), "{name} holds a full phone number");
            }
        }
        let may_see = of_office || name.contains("/瓮安县") || name.contains("/黔南布依族苗族自治州");
        assert!(may_see || !read.contains("食用菌工厂化栽培项目"), "{name} shows a project under negotiation");
        assert!(of_office || name.contains("/福泉市") || !read.contains("甲公司"), "{name} shows another unit's target enterprise");
        if name.contains("/福泉市") {
            assert!(!read.contains("GZ202500123"), "{name} shows another county's project");
        }
    }
    assert!(book(&books, "全省招商项目分类台账").contains("13812345678"), "the office reads phones in full");
    assert!(book(&books, "在谈项目和目标企业台账").contains("食用菌工厂化栽培项目"));
    assert!(book(&books, "县（市、区）/福泉市").contains("甲公司"), "a unit sees its own target enterprise");
}

#[tokio::test]
async fn a_rebuild_gives_the_same_packs_byte_for_byte() {
    let root = fresh_root();
    packs(root.path()).await;
    let before = files_below(&root.path().join("var/reports/quarterly-packs/2026-09-30"));
    assert!(before.iter().filter(|(name, _)| name.contains('/')).count() >= 5);
    let rebuilt = duban(root.path(), &["rebuild", RUN]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}{}", stdout(&rebuilt), stderr(&rebuilt));
    assert!(files_below(&root.path().join("var/rebuild").join(RUN)) == before, "another set of files, or other bytes");
    // A pack whose bytes differ from its stored SHA-256 is reported.
    let pack = before.iter().map(|(name, _)| name).find(|name| name.contains('/')).expect("a pack");
    std::fs::write(root.path().join("var/rebuild").join(RUN).join(pack), b"other").expect("damaged");
    let differs = duban(root.path(), &["rebuild", RUN]);
    assert_eq!(differs.status.code(), Some(1));
    assert!(stderr(&differs).contains("differs"), "{}", stderr(&differs));
}

#[tokio::test]
async fn a_month_has_a_pack_for_each_county_with_rows() {
    let root = fresh_root();
    run(root.path()).await;
    let made = duban(root.path(), &["run", "county-monthly-study", "--as-of", "2026-09-30"]);
    assert_eq!(made.status.code(), Some(0), "{}{}", stdout(&made), stderr(&made));
    let books = files_below(&root.path().join("var/reports/county-monthly-study/2026-09-30"));
    let counties: Vec<&str> = books.iter().filter(|(name, _)| name.contains('/')).map(|(name, _)| name.as_str()).collect();
    // The only project of 贵安新区 is a major project, so the sheet of major projects makes it a pack.
    assert_eq!(
        counties,
        [
            "县（市、区）/瓮安县招商项目月度研究材料（截至2026年9月30日）.xlsx",
            "县（市、区）/福泉市招商项目月度研究材料（截至2026年9月30日）.xlsx",
            "平台/贵安新区招商项目月度研究材料（截至2026年9月30日）.xlsx",
        ]
    );
}

#[tokio::test]
async fn the_annual_inspection_covers_the_year() {
    let root = fresh_root();
    run(root.path()).await;
    let path = root.path().join("会议.csv");
    std::fs::write(&path, SESSIONS).expect("a ledger");
    let taken = duban(root.path(), &["import", path.to_str().expect("a path"), "--covers", "2026-09-30"]);
    assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
    let_data_be_old(root.path());
    let made = duban(root.path(), &["run", "annual-inspection", "--as-of", "2026-12-31"]);
    assert_eq!(made.status.code(), Some(0), "{}{}", stdout(&made), stderr(&made));
    let books = files_below(&root.path().join("var/reports/annual-inspection/2026-12-31"));
    let office = book(&books, "省投资促进局招商项目年度专项督查材料");
    assert!(office.contains("机制未落实") && office.contains("2026年第四季度"), "{office}");
    let city = book(&books, "市（州）/黔南布依族苗族自治州");
    assert!(city.contains("第三季度招商项目研究会") && city.contains("瓮安县"), "{city}");
    // A city sees the sessions of its own places only.
    assert!(!city.contains("遵义市"), "{city}");
}

/// A code that is missing from the newest register is listed until the office confirms it. A rebuild of an earlier run still lists it.
#[tokio::test]
async fn a_missing_code_is_listed_until_it_is_confirmed() {
    let root = fresh_root();
    run(root.path()).await;
    let register = root.path().join("台账.csv");
    let text = std::fs::read_to_string(&register).expect("the register");
    let less: Vec<&str> = text.lines().filter(|line| !line.starts_with("GZ202600047")).collect();
    std::fs::write(&register, less.join("\n")).expect("a register");
    let path = register.to_str().expect("a path");
    let taken = duban(root.path(), &["import", path, "--covers", "2026-09-30", "--accept"]);
    assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
    let revise = ["run", "quarterly-supervision", "--as-of", "2026-09-30", "--revise"];
    let made = duban(root.path(), &revise);
    assert_eq!(made.status.code(), Some(0), "{}{}", stdout(&made), stderr(&made));
    let books = files_below(&root.path().join("var/reports/quarterly-supervision/2026-09-30-r1"));
    let read = book(&books, "季度督办工作簿");
    let sheet = read.split("-- 台账中消失的项目").nth(1).and_then(|rest| rest.split("-- ").next()).expect("the sheet");
    insta::assert_snapshot!("gone_sheet", sheet);
    let confirm =
        ["snapshot", "confirm-gone", "project", "import", "GZ202600047", "--by", "王处长", "--reason", "项目已取消，文号〔2026〕12号"];
    let confirmed = duban(root.path(), &confirm);
    assert_eq!(confirmed.status.code(), Some(0), "{}{}", stdout(&confirmed), stderr(&confirmed));
    // The rebuild of the earlier run does not know the confirmation.
    let rebuilt = duban(root.path(), &["rebuild", "quarterly-supervision@2026-10-08T08:00:00#1"]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}{}", stdout(&rebuilt), stderr(&rebuilt));
    // A new revision knows it.
    let revised = duban(root.path(), &revise);
    assert_eq!(revised.status.code(), Some(0), "{}{}", stdout(&revised), stderr(&revised));
    let books = files_below(&root.path().join("var/reports/quarterly-supervision/2026-09-30-r2"));
    assert!(!book(&books, "季度督办工作簿").contains("台账中消失的项目"));
}

/// A list of all projects of the province does not name the investor to a unit without a part in the project.
#[tokio::test]
async fn commercial_cells_are_hidden_from_uninvolved_units() {
    let root = fresh_root();
    // No shipped list of the whole province has the investor.
    let path = root.path().join("report-templates/land-quarterly.toml");
    let text = std::fs::read_to_string(&path).expect("a template");
    std::fs::write(&path, text.replace("\"project.name 项目名称\"", "\"project.name 项目名称\", \"project.investor 投资方\""))
        .expect("a template");
    packs(root.path()).await;
    let books = files_below(&root.path().join("var/reports/quarterly-packs/2026-09-30"));
    let land = book(&books, "要素保障部门/省自然资源厅用地季度会商材料");
    // The difficulty is asked of a department of the county, so the provincial department has no part in it.
    assert!(land.contains("（商业信息，略）"), "{land}");
    let office = book(&books, "全省招商项目分类台账");
    assert!(!office.contains("（商业信息，略）"), "{office}");
}

/// A quarter is compared with the previous one. A later correction of the register does not change a rebuild.
#[tokio::test]
async fn rates_are_compared_with_the_previous_quarter() {
    let root = fresh_root();
    run(root.path()).await;
    let_data_be_old(root.path());
    let made = duban(root.path(), &["run", "quarterly-supervision", "--as-of", "2026-12-31"]);
    assert_eq!(made.status.code(), Some(0), "{}{}", stdout(&made), stderr(&made));
    let of = |folder: &str| {
        let books = files_below(&root.path().join("var/reports/quarterly-supervision").join(folder));
        book(&books, "季度督办工作簿")
    };
    let (first, second) = (of("2026-09-30"), of("2026-12-31"));
    let total = |text: &str| text.lines().find(|line| line.starts_with("合计 | 全省")).map(str::to_owned).expect("a total");
    assert!(total(&first).contains("| - |") && !total(&second).contains("| - |"), "{first}\n{second}");
    assert!(!first.contains("四、各期变化"));
    let periods: Vec<&str> = second.lines().skip_while(|line| *line != "四、各期变化").skip(2).take(2).collect();
    assert!(periods[0].starts_with("2026年9月30日 | ") && periods[1].starts_with("2026年12月31日 | "), "{periods:?}");

    // The correction came after the run, so the rebuild must not include it.
    let register = root.path().join("台账.csv");
    let text = std::fs::read_to_string(&register).expect("the register");
    std::fs::write(&register, text.replace("2026-10-10,,,,,,,福泉市", "2026-10-10,2026-09-01,,,,,,福泉市")).expect("a register");
    let taken = duban(root.path(), &["import", register.to_str().expect("a path"), "--covers", "2026-09-30", "--accept"]);
    assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
    let runs = stdout(&duban(root.path(), &["runs"]));
    let id = runs.split_whitespace().find(|word| word.starts_with("quarterly-supervision@2027")).expect("the run");
    let rebuilt = duban(root.path(), &["rebuild", id]);
    assert_eq!(rebuilt.status.code(), Some(0), "{}{}", stdout(&rebuilt), stderr(&rebuilt));
}

/// The evaluation pack can be filled in and imported; every other workbook of the service is refused as a register.
#[tokio::test]
async fn a_filled_evaluation_pack_is_imported_and_other_packs_are_refused() {
    let root = fresh_root();
    packs(root.path()).await;
    let folder = root.path().join("var/reports/quarterly-packs/2026-09-30");
    let books = files_below(&folder);
    let (_, pack) = books.iter().find(|(name, _)| name.starts_with("招商项目第三方测评表")).expect("the pack");
    let mut read: Xlsx<_> = Xlsx::new(Cursor::new(pack.clone())).expect("a workbook");
    let range = read.worksheet_range("待测评项目").expect("the sheet");
    let head = range.rows().position(|row| row[0] == *"序号").expect("a head");
    let column = |title: &str| range.rows().nth(head).unwrap().iter().position(|cell| *cell == *title).expect("a column") as u16;
    let projects = range.rows().skip(head + 1).take_while(|row| row[0] != *"合计").count();
    assert!(projects >= 2);
    // Two evaluators send their parts separately.
    let filled = |number: u32, score: f64| {
        let mut out = rust_xlsxwriter::Workbook::new();
        // the first evaluator filled in the file itself, the second a copy of its sheet
        if number == 1 {
            out.set_properties(&rust_xlsxwriter::DocProperties::new().set_custom_property("duban", "report"));
        }
        let sheet = out.add_worksheet();
        for (number, row) in range.rows().enumerate() {
            for (at, cell) in row.iter().enumerate().filter(|(_, cell)| **cell != Data::Empty) {
                sheet.write_string(number as u32, at as u16, cell.to_string()).expect("a cell");
            }
        }
        let row = head as u32 + number;
        sheet.write_string(row, column("测评日期"), "2026-10-20").expect("a day");
        sheet.write_number(row, column("测评得分"), score).expect("a score");
        sheet.write_string(row, column("测评意见"), "进度与台账一致").expect("a remark");
        let path = root.path().join(format!("测评表（{number}）.xlsx"));
        out.save(&path).expect("saved");
        let taken = duban(root.path(), &["import", path.to_str().expect("a path"), "--covers", "2026-10-20"]);
        assert_eq!(taken.status.code(), Some(0), "{}{}", stdout(&taken), stderr(&taken));
        let printed = stdout(&taken);
        assert!(printed.contains("测评（截至2026年10月20日）") && printed.contains("入库1，待核0"), "{printed}");
        assert!(printed.contains("新增1、变更0、消失0"), "{printed}");
    };
    filled(1, 86.5);
    filled(2, 91.0);
    // The next pack lists the scores of both beside the data of the register.
    let_data_be_old(root.path());
    let next = duban(root.path(), &["run", "quarterly-packs", "--as-of", "2026-12-31"]);
    assert_eq!(next.status.code(), Some(0), "{}{}", stdout(&next), stderr(&next));
    let books = files_below(&root.path().join("var/reports/quarterly-packs/2026-12-31"));
    let scores = book(&books, "招商项目第三方测评表");
    assert!(scores.contains("已报回的测评结果与台账对照") && scores.contains("共2份测评"), "{scores}");
    assert!(scores.contains("86.5") && scores.contains("91"), "{scores}");
    // A pack of a city is refused as a register.
    let city = folder.join("市（州）");
    let city =
        std::fs::read_dir(&city).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.to_string_lossy().contains("季度研究材料"));
    let refused = duban(root.path(), &["import", city.expect("a pack").to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    assert!(stderr(&refused).contains("“未落地”是本系统编制的清单，不是台账"), "{}", stderr(&refused));
}
