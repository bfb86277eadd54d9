//! One case = one file: a sheet as an office hands it over, what is accepted, and what the clerk is told.

use super::helpers::{cases, duban, fresh_root, stderr, stdout};

/// A case's cells may hold commas: columns are separated by `|`, as is the made file.
fn write_case(path: &std::path::Path, case: &toml::Table) {
    let text = case["sheet"].as_str().expect("a sheet");
    let encoding = case.get("encoding").and_then(toml::Value::as_str).unwrap_or("utf-8");
    let bytes = match encoding {
        "utf-8" => text.as_bytes().to_vec(),
        "utf-8-bom" => [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(),
        "utf-16le" => [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect(),
        "gb18030" => encoding_rs::GB18030.encode(text).0.into_owned(),
        other => panic!("encoding {other}"),
    };
    std::fs::write(path, bytes).expect("the file");
}

#[test]
fn every_sheet_is_read_as_a_careful_clerk_would() {
    let mut wrong = Vec::new();
    for (name, case) in cases("intake") {
        let root = fresh_root();
        let path = root.path().join(case.get("file").and_then(toml::Value::as_str).unwrap_or("register.csv"));
        write_case(&path, &case);
        let ledger = case.get("ledger").and_then(toml::Value::as_str).unwrap_or("project");
        let imported = duban(root.path(), &["import", path.to_str().expect("a path"), "--covers", "2026-09-30"]);
        let mut found = vec![format!("exit {}", imported.status.code().unwrap_or(-1))];
        let said = stdout(&imported);
        found.extend(said.lines().skip(1).filter(|line| !line.starts_with("导入报告：")).map(|line| line.trim().to_owned()));
        found.extend(stderr(&imported).lines().map(|line| line.split_once("：").map_or(line, |(_, rest)| rest).to_owned()));
        if let Some(counts) = said.lines().next().and_then(|line| line.split_once('：')).and_then(|(_, rest)| rest.split_once('；')) {
            found.insert(1, counts.0.to_owned());
        }
        let exported = duban(root.path(), &["snapshot", "export", ledger, "--as-of", "2026-09-30"]);
        let fields: Vec<&str> = case["fields"].as_array().expect("fields").iter().map(|field| field.as_str().expect("a field")).collect();
        let mut reader = csv::Reader::from_reader(exported.stdout.as_slice());
        let header = reader.headers().cloned().unwrap_or_default();
        for row in reader.records().flatten() {
            let cells: Vec<&str> = fields
                .iter()
                .map(|field| header.iter().position(|known| known == *field).and_then(|at| row.get(at)).unwrap_or("?"))
                .collect();
            found.push(cells.join(" | "));
        }
        let expected: Vec<String> =
            case["expect"].as_array().expect("expect").iter().map(|line| line.as_str().expect("a line").to_owned()).collect();
        if found != expected {
            wrong.push(format!("{name}\n  expected {expected:#?}\n  found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
