//! The main job compared with the scripts that offices use today: read a register of N rows × 40 columns, clean its dates, judge eight rules,
//! write the found projects with all their columns to a workbook, and store the register. All read the same generated file and have to find
//! the same number of projects. Prints CPU seconds, wall-clock seconds and peak memory of whole process trees.
//!
//! `cargo bench --bench register` [-- --rows 10000,100000] [--peers polars,pandas] [--turns 3] [--python PATH]
//!
//! The speed of a shared machine varies from minute to minute, so each is measured in turn, several times, and the lowest values are compared.
//!
//! The peers need `pip install polars fastexcel XlsxWriter pandas openpyxl pyarrow`; a peer that cannot run is reported. Linux only: times and
//! memory come from /proc.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time and reads its environment")]

use calamine::Reader;
use fastrand::Rng;
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The day for which the eight rules are judged; the peers' scripts use the same.
const AS_OF: &str = "2026-09-30";

const HEADER: [&str; 40] = [
    "项目编号",
    "项目名称",
    "投资方",
    "产业类别",
    "签约活动名称",
    "市（州）",
    "县（市、区）",
    "协议类型",
    "项目阶段",
    "合同投资额（亿元）",
    "累计到位资金（亿元）",
    "洽谈时间",
    "评审时间",
    "评审结果",
    "拟签约时间",
    "签约时间",
    "录入平台时间",
    "履约时间",
    "计划开工时间",
    "实际开工时间",
    "计划投产时间",
    "实际投产时间",
    "上规入统时间",
    "终止时间",
    "计划进度",
    "形象进度",
    "责任单位",
    "责任领导",
    "责任人",
    "联系电话",
    "工作专班",
    "推进方案",
    "存在的困难和问题",
    "未推进原因",
    "下步措施",
    "预计解决时间",
    "最近更新时间",
    "建设内容及规模",
    "所在园区",
    "备注",
];

fn pick<'a>(dice: &mut Rng, of: &[&'a str]) -> &'a str {
    of[dice.usize(..of.len())]
}

/// Writes the register. `changed` of every thousand rows differ in remark and amount from the register written with 0.
fn generate(path: &Path, rows: u32, changed: u32) -> Result<(), Box<dyn std::error::Error>> {
    let industries = ["大数据", "大健康", "现代能源", "新型建材", "基础材料", "酱香白酒", "生态食品", "山地旅游", "现代农业", "航空航天"];
    let places = [
        ("贵阳市", "南明区"),
        ("贵阳市", "清镇市"),
        ("遵义市", "仁怀市"),
        ("遵义市", "桐梓县"),
        ("六盘水市", "盘州市"),
        ("安顺市", "平坝区"),
        ("毕节市", "金沙县"),
        ("铜仁市", "松桃苗族自治县"),
        ("黔东南苗族侗族自治州", "凯里市"),
        ("黔南布依族苗族自治州", "瓮安县"),
        ("黔西南布依族苗族自治州", "兴义市"),
    ];
    let words = ["华", "盛", "恒", "瑞", "泰", "宏", "远", "达", "金", "源", "天", "成", "众", "信", "安", "和"];
    let mut book = Workbook::new();
    let sheet = book.add_worksheet_with_low_memory()?;
    sheet.set_name("全省项目台账")?;
    sheet.write_string(0, 0, "全省招商引资项目台账（截至2026年9月30日）")?;
    for (column, title) in HEADER.iter().enumerate() {
        sheet.write_string(1, column as u16, *title)?;
    }
    let day = Format::new().set_num_format("yyyy-mm-dd");
    for index in 0..rows {
        // the version of the generator is pinned, so the generated file stays the same
        let mut dice = Rng::with_seed(u64::from(index) * 7919 + 17);
        let row = index + 2;
        let is_changed = changed > 0 && index % 1000 < changed;
        let (city, county) = places[dice.u64(..places.len() as u64) as usize];
        let name: String = (0..3).map(|_| pick(&mut dice, &words)).collect();
        let amount = (dice.u64(..20_000) + if is_changed { 1 } else { 0 }) as f64 / 100.0;
        // Each event comes 20 to 300 days after the previous one, until the day of the register.
        let began = 1200 + dice.u64(..1200) as i64;
        let mut events = [None; 8];
        let mut at = began;
        for event in &mut events {
            at -= 20 + dice.u64(..280) as i64;
            if at < 0 || dice.u64(..100) < 8 {
                break;
            }
            *event = Some(at);
        }
        let [evaluated, signed, entered, performed, started, produced, above, _] = events;
        let texts: [(u16, String); 20] = [
            (0, format!("GZ{index:09}")),
            (1, format!("{county}{name}{}项目{}", pick(&mut dice, &industries), index % 97)),
            (2, format!("{name}{}（集团）有限公司", pick(&mut dice, &["实业", "科技", "能源", "食品", "建材"]))),
            (3, pick(&mut dice, &industries).to_owned()),
            (4, if dice.u64(..10) < 4 { String::new() } else { format!("第{}届数博会招商推介会", dice.u64(..9) + 1) }),
            (5, city.to_owned()),
            (6, county.to_owned()),
            (7, if dice.u64(..10) < 8 { "合同" } else { "框架协议" }.to_owned()),
            (8, pick(&mut dice, &["签约", "开工", "投产", "见效"]).to_owned()),
            (13, if evaluated.is_some() { "通过" } else { "" }.to_owned()),
            (26, format!("{county}投资促进局")),
            (27, format!("张{}", pick(&mut dice, &words))),
            (28, format!("李{}{}", pick(&mut dice, &words), pick(&mut dice, &words))),
            (29, format!("0851-{:07}", dice.u64(..9_999_999))),
            (30, format!("{county}{}工作专班", pick(&mut dice, &industries))),
            (31, if dice.u64(..10) < 3 { String::new() } else { format!("按月调度，第{}季度完成前期手续", dice.u64(..4) + 1) }),
            (
                32,
                if dice.u64(..10) < 5 {
                    String::new()
                } else {
                    format!("用地报批尚缺{}亩指标，需上级协调解决", dice.u64(..900) + 10)
                },
            ),
            (37, format!("年产{}万吨{}生产线及配套设施", dice.u64(..500) + 1, pick(&mut dice, &["建材", "食品", "材料", "电池"]))),
            (38, format!("{county}经济开发区{}号地块", dice.u64(..400) + 1)),
            (39, if is_changed { format!("更正{index}") } else { String::new() }),
        ];
        for (column, text) in &texts {
            if !text.is_empty() {
                sheet.write_string(row, *column, text)?;
            }
        }
        sheet.write_number(row, 9, amount)?;
        sheet.write_number(row, 10, (amount * dice.u64(..100) as f64).round() / 100.0)?;
        sheet.write_number(row, 24, dice.u64(..101) as f64)?;
        sheet.write_number(row, 25, dice.u64(..101) as f64)?;
        let planned = |after: Option<i64>, days: i64| after.map(|at| at - days);
        let dates: [(u16, Option<i64>); 13] = [
            (11, Some(began)),
            (12, evaluated),
            (14, planned(Some(began), 200)),
            (15, signed),
            (16, entered),
            (17, performed),
            (18, planned(signed, 400)),
            (19, started),
            (20, planned(started, 700)),
            (21, produced),
            (22, above),
            (35, planned(signed, 500)),
            (36, Some(dice.u64(..90) as i64)),
        ];
        for (column, days_ago) in dates {
            let Some(days_ago) = days_ago else { continue };
            let (year, month, month_day) = civil(20_726 - days_ago);
            match dice.u64(..4) {
                0 => {
                    sheet.write_datetime_with_format(row, column, ExcelDateTime::from_ymd(year, month, month_day)?, &day)?;
                }
                1 => {
                    sheet.write_string(row, column, format!("{year}年{month}月{month_day}日"))?;
                }
                2 => {
                    sheet.write_string(row, column, format!("{year}/{month}/{month_day}"))?;
                }
                _ => {
                    sheet.write_string(row, column, format!("{year}{month:02}{month_day:02}"))?;
                }
            }
        }
    }
    book.save(path)?;
    Ok(())
}

/// Year, month and day of a day counted from 1970-01-01 (Hinnant's civil_from_days). 2026-09-30 is day 20,726.
fn civil(days: i64) -> (u16, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as u16, month as u8, (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8)
}

/// CPU seconds, wall-clock seconds and peak memory of a process tree.
#[derive(Clone, Copy, Debug)]
struct Cost {
    cpu: f64,
    wall: f64,
    peak_mib: f64,
}

impl Cost {
    const MAX: Cost = Cost { cpu: f64::INFINITY, wall: f64::INFINITY, peak_mib: f64::INFINITY };

    /// The lower of each value.
    fn min(self, other: Cost) -> Cost {
        Cost { cpu: self.cpu.min(other.cpu), wall: self.wall.min(other.wall), peak_mib: self.peak_mib.min(other.peak_mib) }
    }
}

/// CPU seconds of all finished children of this process. A clock tick is 10 ms on Linux.
fn children_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    [13, 14].iter().filter_map(|at| fields.get(*at)?.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Resident memory of a process and all its descendants, in bytes.
fn resident(root: u32) -> u64 {
    let mut total = 0;
    let mut pending = vec![root];
    while let Some(pid) = pending.pop() {
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        total += statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096;
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            pending.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    total
}

/// Runs a command. Returns its cost and its output.
fn measure(command: &mut Command) -> Result<(Cost, String), Box<dyn std::error::Error>> {
    let before = children_cpu();
    let began = Instant::now();
    let out = tempfile::NamedTempFile::new()?;
    let mut child = command.stdout(Stdio::from(out.reopen()?)).spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(resident(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let cost = Cost { cpu: children_cpu() - before, wall: began.elapsed().as_secs_f64(), peak_mib: peak as f64 / 1_048_576.0 };
    let printed = std::fs::read_to_string(out.path())?;
    // Exit code 2: the run is complete, but some rows were quarantined or some mails have no recipient.
    if !status.success() && status.code() != Some(2) {
        return Err(format!("{command:?} ended with {status}: {printed}").into());
    }
    Ok((cost, printed))
}

/// A fresh root with the shipped configuration, the bench's rules, job and template, and `file` as its only source.
fn root(file: &Path) -> Result<tempfile::TempDir, Box<dyn std::error::Error>> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tempfile::tempdir_in(work_dir()?)?;
    for folder in ["config", "config/ledgers", "config/calendar"] {
        std::fs::create_dir_all(root.path().join(folder))?;
        for entry in std::fs::read_dir(home.join(folder))?.flatten().filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), root.path().join(folder).join(entry.file_name()))?;
        }
    }
    for (from, to) in
        [("rules.toml", "config/rules.toml"), ("found.toml", "report-templates/found.toml"), ("bench.toml", "jobs/bench.toml")]
    {
        let target = root.path().join(to);
        std::fs::create_dir_all(target.parent().ok_or("no folder")?)?;
        std::fs::copy(home.join("benches/root").join(from), target)?;
    }
    set_source(root.path(), file)?;
    Ok(root)
}

fn set_source(root: &Path, file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let settings = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/root/duban.toml"))?;
    std::fs::write(root.join("config/duban.toml"), settings.replace("{file}", &file.display().to_string()))?;
    Ok(())
}

fn work_dir() -> std::io::Result<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-register");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

fn duban(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duban"));
    command.arg("--root").arg(root).env("RUST_LOG", "off");
    command
}

/// The number of projects in the workbook that a run wrote.
fn found_projects(root: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let dir = root.join("var/reports/bench").join(AS_OF);
    let book = std::fs::read_dir(&dir)?.flatten().next().ok_or("the run wrote no workbook")?;
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(book.path())?;
    let mut count = 0;
    for sheet in book.sheet_names() {
        let mut cells = book.worksheet_cells_reader(&sheet)?;
        while let Some(cell) = cells.next_cell()? {
            let text = match cell.get_value() {
                calamine::DataRef::String(text) => text.as_str(),
                calamine::DataRef::SharedString(text) => text,
                _ => continue,
            };
            count += u64::from(text.len() == 11 && text.starts_with("GZ"));
        }
    }
    Ok(count)
}

/// The number after a word in the output.
fn figure(printed: &str, word: &str) -> Option<u64> {
    let rest = printed.split_once(word)?.1;
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

struct Options {
    rows: Vec<u32>,
    peers: Vec<String>,
    /// Measurements of each.
    turns: u32,
    python: String,
}

fn options() -> Options {
    let mut options = Options {
        rows: vec![10_000, 100_000],
        peers: vec!["polars".into(), "pandas".into()],
        turns: 3,
        python: std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "python3".into()),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rows" => options.rows = arguments.next().unwrap_or_default().split(',').filter_map(|rows| rows.parse().ok()).collect(),
            "--peers" => {
                let named = arguments.next().unwrap_or_default();
                options.peers = named.split(',').filter(|peer| !peer.is_empty() && *peer != "none").map(str::to_owned).collect();
            }
            "--turns" => options.turns = arguments.next().and_then(|turns| turns.parse().ok()).unwrap_or(1),
            "--python" => options.python = arguments.next().unwrap_or_default(),
            // Cargo passes this flag to every bench.
            "--bench" => {}
            other => eprintln!("unknown argument {other}"),
        }
    }
    options
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options();
    let work = work_dir()?;
    let mut smaller: Option<(u32, f64)> = None;
    println!("{:<34} {:>9} {:>9} {:>10}", "", "CPU s", "wall s", "peak MiB");
    for rows in options.rows {
        let file = work.join(format!("register-{rows}.xlsx"));
        let changed = work.join(format!("register-{rows}-changed.xlsx"));
        for (path, share) in [(&file, 0), (&changed, 1)] {
            if !path.exists() {
                generate(path, rows, share)?;
            }
        }
        let show = |what: &str, cost: Cost| {
            println!("{:<34} {:>9.2} {:>9.2} {:>10.0}", format!("{rows} {what}"), cost.cpu, cost.wall, cost.peak_mib)
        };
        let (mut own, mut first_pull, mut second_pull) = (Cost::MAX, Cost::MAX, Cost::MAX);
        let mut peers: Vec<(&String, Result<Cost, String>)> = options.peers.iter().map(|peer| (peer, Ok(Cost::MAX))).collect();
        for _ in 0..options.turns.max(1) {
            let root_dir = root(&file)?;
            let (cost, _) = measure(duban(root_dir.path()).args(["run", "bench", "--as-of", AS_OF]))?;
            show("duban run", cost);
            own = own.min(cost);
            let found = found_projects(root_dir.path())?;
            for (peer, lowest) in &mut peers {
                let Ok(so_far) = *lowest else { continue };
                let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/peers/{peer}.py"));
                let dir = tempfile::tempdir_in(&work)?;
                *lowest = match measure(Command::new(&options.python).arg(&script).arg(&file).arg(dir.path())) {
                    Ok((cost, printed)) => {
                        show(peer, cost);
                        if figure(&printed, "found ") != Some(found) {
                            return Err(format!("{peer} and duban differ: {} and {found} projects", printed.trim()).into());
                        }
                        Ok(so_far.min(cost))
                    }
                    Err(error) => Err(error.to_string()),
                };
            }
            let root_dir = root(&file)?;
            let (cost, _) = measure(duban(root_dir.path()).arg("pull"))?;
            show("duban pull, first", cost);
            first_pull = first_pull.min(cost);
            set_source(root_dir.path(), &changed)?;
            let (cost, printed) = measure(duban(root_dir.path()).arg("pull"))?;
            show("duban pull, 0.1 % changed", cost);
            second_pull = second_pull.min(cost);
            let expected = u64::from(rows.div_ceil(1000));
            if figure(&printed, "变更") != Some(expected) {
                return Err(format!("{expected} rows have changed, but duban says: {printed}").into());
            }
        }
        for (peer, lowest) in &peers {
            match lowest {
                Ok(cost) => println!("{rows} {peer} / duban: CPU × {:.1}, wall × {:.1}", cost.cpu / own.cpu, cost.wall / own.wall),
                Err(error) => println!("{rows} {peer}: not measured, {error}"),
            }
        }
        println!("{rows} re-pull / first pull, CPU: {:.2}", second_pull.cpu / first_pull.cpu);
        if let Some((fewer, cpu)) = smaller.filter(|(fewer, _)| fewer * 10 == rows) {
            println!("{fewer} → {rows} rows, CPU of the run: × {:.1}", own.cpu / cpu);
        }
        smaller = Some((rows, own.cpu));
    }
    Ok(())
}
