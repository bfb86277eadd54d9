//! Sources other than a single file: the newest file of a folder, and queries of other databases.

use super::helpers::{duban, edit, files_below, fresh_root, stderr, stdout};
use sqlx::AssertSqlSafe;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

/// Adds a source behind the sample.
fn add_source(root: &Path, source: &str) {
    edit(root, "config/duban.toml", "# [brake]", &format!("[[source]]\n{source}\n\n# [brake]"));
}

/// A register of one project that was last changed `minutes` ago. These tests use the clock of the machine.
fn register(folder: &Path, name: &str, code: &str, minutes: u64) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("项目编号,项目名称,县（市、区）\n{code},甲项目,瓮安县\n")).expect("a register");
    if minutes > 0 {
        let written = File::open(&path).and_then(|file| file.metadata()).and_then(|metadata| metadata.modified()).expect("a time");
        set_time(&path, written - Duration::from_secs(minutes * 60));
    }
    path
}

fn set_time(path: &Path, at: SystemTime) {
    File::options().write(true).open(path).and_then(|file| file.set_modified(at)).expect("the time set");
}

fn codes(root: &Path) -> Vec<String> {
    let exported = duban(root, &["snapshot", "export", "project", "--as-of", "2100-01-01"]);
    stdout(&exported).lines().skip(1).map(|line| line.split(',').next().unwrap_or_default().to_owned()).collect()
}

/// Asserts that a command failed with a message.
fn refused(output: &Output, expect: &str) {
    assert_eq!(output.status.code(), Some(1), "{}", stdout(output));
    assert!(stderr(output).contains(expect), "expected {expect}\nsaid {}", stderr(output));
}

#[test]
fn the_newest_file_of_a_folder_is_read() {
    let root = fresh_root();
    let incoming = root.path().join("incoming");
    std::fs::create_dir(&incoming).expect("a folder");
    add_source(root.path(), "name = \"county\"\nfolder = \"incoming/\"\npattern = \"*台账*.csv\"");
    register(&incoming, "台账2026年二季度.csv", "GZ2", 5);
    register(&incoming, "台账2026-09-30.csv", "GZ3", 60);
    register(&incoming, "台账.csv", "GZ1", 4);
    register(&incoming, "~$台账2027.csv", "GZ9", 3);
    register(&incoming, "台账20271231.csv.part", "GZ9", 3);
    register(&incoming, "说明20271231.csv", "GZ9", 3);
    let pulled = duban(root.path(), &["pull", "county"]);
    assert_eq!(pulled.status.code(), Some(0), "{}", stderr(&pulled));
    let printed = stdout(&pulled);
    assert!(printed.contains("符合“*台账*.csv”的文件有3个，读取“台账2026-09-30.csv”，按文件名中的日期（2026-09-30）\n"), "{printed}");
    assert_eq!(codes(root.path()), ["GZ3"]);
    // the same file brings nothing new
    assert!(stdout(&duban(root.path(), &["pull", "county"])).contains("无需更新"));
    // a file that may still be in copying is not read, and the output names it
    register(&incoming, "台账2026年三季度（20261015修订）.csv", "GZ4", 0);
    let printed = stdout(&duban(root.path(), &["pull", "county"]));
    assert!(printed.contains("；台账2026年三季度（20261015修订）.csv刚写入不满60秒，可能还在复制，本次不读取"), "{printed}");
    assert_eq!(codes(root.path()), ["GZ3"]);
    let checked = duban(root.path(), &["check"]);
    assert!(stdout(&checked).contains("county：incoming/：符合"), "{}", stdout(&checked));
    edit(root.path(), "config/duban.toml", "pattern = \"*台账*.csv\"", "settle_seconds = 0\npattern = \"*台账*.csv\"");
    let pulled = duban(root.path(), &["pull", "county", "--accept"]);
    assert_eq!(pulled.status.code(), Some(0), "{}", stderr(&pulled));
    assert_eq!(codes(root.path()), ["GZ4"]);
}

#[test]
fn each_problem_of_a_folder_has_its_message() {
    let root = fresh_root();
    let incoming = root.path().join("incoming");
    add_source(root.path(), "name = \"county\"\nfolder = \"incoming\"\npattern = \"*.csv\"\nmarker = \"MOUNTED\"");
    let pull = || duban(root.path(), &["pull", "county"]);
    let checked = duban(root.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(0), "a file may come later");
    assert!(stdout(&checked).contains("county：注意：incoming：文件夹"), "{}", stdout(&checked));
    std::fs::create_dir(&incoming).expect("a folder");
    refused(&pull(), "incoming中没有标志文件“MOUNTED”，可能没有挂载");
    File::create(incoming.join("MOUNTED")).expect("a marker");
    refused(&pull(), "incoming：文件夹是空的");
    register(&incoming, ".hidden.csv", "GZ1", 9);
    refused(&pull(), "incoming：文件夹是空的");
    register(&incoming, "notes.txt", "GZ1", 9);
    refused(&pull(), "文件夹中有1个文件，没有符合“*.csv”的");
    register(&incoming, "a.csv", "GZ1", 0);
    refused(&pull(), "a.csv刚写入不满60秒，可能还在复制，本次不读取（请等复制完成后再读取）");
    edit(root.path(), "config/duban.toml", "marker = \"MOUNTED\"\n", "");
    std::fs::remove_dir_all(&incoming).expect("gone");
    refused(&pull(), "不存在，可能没有挂载");
    File::create(&incoming).expect("a file");
    refused(&pull(), "不是文件夹");
}

/// A SQLite file with a register in it.
fn sqlite_register(root: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(root.join("business.db")).create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.expect("a database");
        for statement in [
            "CREATE TABLE register (code TEXT, title TEXT, county TEXT, amount, signed DATE, progress REAL, scanned BLOB)",
            "INSERT INTO register VALUES ('GZ1', '甲项目', '瓮安县', '1.23456789', '2026-01-07', 12.5, x'ff00')",
            "INSERT INTO register VALUES ('GZ2', '乙项目', '瓮安县', 3, NULL, NULL, NULL)",
            "INSERT INTO register VALUES (9007199254740993, '丙项目', '福泉市', 0.1, '2026-02-01 08:00:00', 100, NULL)",
        ] {
            sqlx::query(statement).execute(&pool).await.expect("a register");
        }
        pool.close().await;
    });
}

const COLUMNS: &str = "code, title AS 名称, county AS \"县（市、区）\", amount, signed AS signed_on, progress AS progress_pct";

/// Chosen columns of the accepted rows.
fn exported(root: &Path, fields: &[&str]) -> Vec<String> {
    let output = duban(root, &["snapshot", "export", "project", "--as-of", "2100-01-01"]);
    let mut reader = csv::Reader::from_reader(output.stdout.as_slice());
    let header = reader.headers().cloned().expect("a header");
    let at: Vec<usize> = fields.iter().map(|field| header.iter().position(|known| known == *field).expect("a field")).collect();
    reader.records().flatten().map(|row| at.iter().map(|at| row.get(*at).unwrap_or("?")).collect::<Vec<_>>().join(" | ")).collect()
}

const FIELDS: [&str; 6] = ["code", "name", "county", "amount", "signed_on", "progress_pct"];

#[test]
fn a_query_of_sqlite_is_a_source() {
    let root = fresh_root();
    let at = root.path();
    sqlite_register(at);
    let query = format!("SELECT {COLUMNS} FROM register");
    add_source(
        at,
        &format!("name = \"业务库\"\ndatabase = \"sqlite:business.db\"\nquery = '''{query}'''\nrows_max = 3\ntimeout_seconds = 2"),
    );
    let before = std::fs::read(at.join("business.db")).expect("the database");
    let pulled = duban(at, &["pull", "业务库"]);
    assert_eq!(pulled.status.code(), Some(0), "{}{}", stdout(&pulled), stderr(&pulled));
    let printed = stdout(&pulled);
    assert!(printed.starts_with("业务库 项目台账（截至") && printed.contains("读入3行，入库3，待核0"), "{printed}");
    let expected = [
        "9007199254740993 | 丙项目 | 福泉市 | 0.1 | 2026-02-01 | 100",
        "GZ1 | 甲项目 | 瓮安县 | 1.23456789 | 2026-01-07 | 12.5",
        "GZ2 | 乙项目 | 瓮安县 | 3 |  | ",
    ];
    assert_eq!(exported(at, &FIELDS), expected);
    // the fingerprint does not depend on the order of rows
    let fingerprint = |root: &Path| stdout(&duban(root, &["snapshot", "list"])).split_whitespace().last().unwrap_or_default().to_owned();
    let first = fingerprint(at);
    assert_eq!(first.len(), 12);
    edit(at, "config/duban.toml", "FROM register'''", "FROM register ORDER BY amount DESC'''");
    assert!(stdout(&duban(at, &["pull", "业务库"])).contains("无需更新"));
    edit(at, "config/duban.toml", "ORDER BY amount DESC'''", "UNION ALL SELECT 'GZ4', '丁', '瓮安县', 1, NULL, NULL'''");
    refused(&duban(at, &["pull", "业务库"]), "查询结果超过3行（请核对config/duban.toml中来源“业务库”的query，或加大rows_max）");
    let mut now = format!("SELECT {COLUMNS} FROM register UNION ALL SELECT 'GZ4', '丁', '瓮安县', 1, NULL, NULL");
    for (next, expect) in [
        ("SELECT code, name FROM registr", "查询有误：no such table: registr（请核对config/duban.toml中来源“业务库”的query）"),
        ("WITH a AS (SELECT 1) DELETE FROM register RETURNING code, title AS name", "查询要写入数据，已拒绝"),
        ("WITH a AS (SELECT 1) DELETE FROM register", "查询没有结果列"),
        ("WITH c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x AS code, x AS name FROM c WHERE x < 0", "查询超过2秒，已停止"),
        ("SELECT code, county, scanned FROM register", "缺必填栏“项目名称”"),
    ] {
        edit(at, "config/duban.toml", &now, next);
        refused(&duban(at, &["pull", "业务库"]), expect);
        now = next.to_owned();
    }
    // no row after three: the brake holds the snapshot
    edit(at, "config/duban.toml", &now, "SELECT code, title AS name FROM register WHERE code = 0");
    assert_eq!(duban(at, &["pull", "业务库"]).status.code(), Some(3));
    assert_eq!(exported(at, &FIELDS), expected, "nothing changed");
    assert!(std::fs::read(at.join("business.db")).expect("the database") == before);
    std::fs::remove_file(at.join("business.db")).expect("gone");
    refused(&duban(at, &["pull", "业务库"]), "不存在（请核对config/duban.toml中来源“业务库”的database）");
    assert!(!at.join("business.db").exists());
    assert!(stdout(&duban(at, &["check"])).contains("业务库：注意：数据库文件"));
}

/// A source that fails stops neither the others nor the run, which is partial and names the reason.
#[test]
fn a_source_that_fails_stops_no_other() {
    let root = fresh_root();
    let at = root.path();
    sqlite_register(at);
    add_source(at, &format!("name = \"b\"\ndatabase = \"sqlite:business.db\"\nquery = '''SELECT {COLUMNS} FROM register'''"));
    add_source(at, "name = \"a\"\nfolder = \"incoming\"");
    add_source(at, "name = \"c\"\ndatabase = \"postgres://duban:geh%65im@127.0.0.1:1/business\"\nquery = \"SELECT 1\"");
    let pulled = duban(at, &["pull"]);
    assert_eq!(pulled.status.code(), Some(1));
    let printed = stderr(&pulled);
    assert!(printed.contains("error: a: incoming：文件夹") && printed.contains("error: sample: "), "{printed}");
    assert!(printed.contains("来源“c”的数据库查询：连不上数据库"), "{printed}");
    assert!(stdout(&pulled).contains("b 项目台账"), "{}", stdout(&pulled));
    let run = duban(at, &["run", "daily-pull"]);
    assert_eq!(run.status.code(), Some(2), "{}", stderr(&run));
    assert!(stdout(&run).contains("未全部完成：") && stdout(&run).contains("连不上数据库"), "{}", stdout(&run));
    let checked = duban(at, &["check"]);
    assert!(stdout(&checked).contains("c：注意：数据库地址中写有密码"), "{}", stdout(&checked));
    // no output contains the password
    for output in [pulled, run, checked] {
        assert!(!stdout(&output).contains("geh%65im") && !stderr(&output).contains("geh%65im"));
    }
    for (name, bytes) in files_below(&at.join("var")) {
        assert!(!bytes.windows(8).any(|window| window == b"geh%65im"), "{name} holds the password");
    }
}

#[test]
fn a_query_of_postgresql_is_a_source() {
    super::store_contract::on(true, async |db| {
        let pool = db.raw().await;
        for statement in [
            "CREATE TABLE register (code CHAR(8), title VARCHAR(40), county TEXT, amount NUMERIC(20,8), signed DATE, progress REAL, \
             started TIMESTAMPTZ, ended TIMESTAMP, listed BOOLEAN, id UUID)",
            "INSERT INTO register VALUES ('GZ1', '甲项目', '瓮安县', 123.12345678, '2026-01-07', 12.5, '2026-05-01 00:30:00+08', NULL, \
             true, '6f9619ff-8b86-d011-b42d-00cf4fc964ff')",
            "INSERT INTO register VALUES ('GZ2', '乙项目', '瓮安县', NULL, NULL, NULL, NULL, '2026-06-01 23:59:59', false, NULL)",
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&pool).await.expect("a register");
        }
        let root = fresh_root();
        let at = root.path();
        let query = "SELECT code, title AS 项目名称, county AS 县, amount, signed AS signed_on, progress AS progress_pct, started AS started_on, \
                     ended AS produced_on, listed, id FROM register";
        let settings = |query: &str, more: &str| format!("name = \"业务库\"\ndatabase = \"{}\"\nquery = '''{query}'''\n{more}", db.url());
        add_source(at, &settings(query, "timeout_seconds = 2\nrows_max = 1000\npassword_file = \"config/business-password\""));
        refused(&duban(at, &["pull", "业务库"]), "密码文件");
        std::fs::write(at.join("config/business-password"), "secret\n").expect("a password");
        let pulled = duban(at, &["pull", "业务库"]);
        assert_eq!(pulled.status.code(), Some(0), "{}{}", stdout(&pulled), stderr(&pulled));
        let fields = ["code", "name", "county", "amount", "signed_on", "progress_pct", "started_on", "produced_on"];
        let expected =
            ["GZ1 | 甲项目 | 瓮安县 | 123.12345678 | 2026-01-07 | 12.5 | 2026-05-01 | ", "GZ2 | 乙项目 | 瓮安县 |  |  |  |  | 2026-06-01"];
        assert_eq!(exported(at, &fields), expected);
        assert!(stdout(&duban(at, &["pull", "业务库"])).contains("无需更新"));
        let mut now = query;
        for (next, expect) in [
            ("WITH gone AS (DELETE FROM register RETURNING code, title AS name) SELECT * FROM gone", "查询要写入数据，已拒绝"),
            ("SELECT code, title AS name, pg_sleep(9) FROM register", "查询超过2秒，已停止"),
            (
                "SELECT code, name FROM registr",
                "查询有误：relation \"registr\" does not exist（请核对config/duban.toml中来源“业务库”的query）",
            ),
            ("SELECT code, name FROM register", "查询有误：column \"name\" does not exist"),
            ("SELECT code, title AS name FROM register, generate_series(1, 700)", "查询结果超过1000行"),
        ] {
            edit(at, "config/duban.toml", now, next);
            refused(&duban(at, &["pull", "业务库"]), expect);
            now = next;
        }
        assert_eq!(exported(at, &fields), expected, "nothing changed");
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM register").fetch_one(&pool).await.expect("a count");
        assert_eq!(rows, 2);
        edit(at, "config/duban.toml", &format!("{}\"", db.url()), &format!("{}_none\"", db.url()));
        refused(&duban(at, &["pull", "业务库"]), "没有这个数据库");
        pool.close().await;
    });
}
