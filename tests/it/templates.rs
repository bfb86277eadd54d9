//! Snapshots of every shipped template: the page setup of each sheet, and the styles and values of the cells of each row.

use super::helpers::{duban, files_below, fresh_root, home, let_data_be_old, stderr, stdout};
use super::outputs::{cells, run};
use super::packs::{DIFFICULTIES, packs};
use mail_parser::{MessageParser, MimeHeaders};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::{Cursor, Read};

/// Template, folder below var/reports, prefix of the file's path in it. Without a folder: the unit whose mail has the workbook attached.
const WORKBOOKS: [(&str, &str, &str); 19] = [
    ("quarterly-supervision", "quarterly-supervision/2026-09-30", "季度督办工作簿"),
    ("leader-page", "quarterly-supervision/2026-09-30", "全省招商项目落地情况专报"),
    ("work-order-bulletin", "quarterly-supervision/2026-09-30", "项目落地服务工作单办理情况通报"),
    ("ledgers-quarterly", "quarterly-packs/2026-09-30", "全省招商项目分类台账"),
    ("negotiation-quarterly", "quarterly-packs/2026-09-30", "在谈项目和目标企业台账"),
    ("joint-meeting", "quarterly-packs/2026-09-30", "省投资促进局招商项目联席会议材料"),
    ("evaluation-out", "quarterly-packs/2026-09-30", "招商项目第三方测评表"),
    ("city-quarterly-study", "quarterly-packs/2026-09-30", "市（州）/黔南布依族苗族自治州招商项目季度研究材料"),
    ("joint-meeting-local", "quarterly-packs/2026-09-30", "市（州）/黔南布依族苗族自治州招商项目联席会议材料"),
    ("department-ledger", "quarterly-packs/2026-09-30", "省产业牵头部门/基础材料牵头部门项目台账"),
    ("factor-quarterly", "quarterly-packs/2026-09-30", "要素保障部门/省自然资源厅要素保障清单"),
    ("land-quarterly", "quarterly-packs/2026-09-30", "要素保障部门/省自然资源厅用地季度会商材料"),
    ("finance-quarterly", "quarterly-packs/2026-09-30-r1", "要素保障部门/省地方金融监管局融资季度对接材料"),
    ("reform-quarterly", "quarterly-packs/2026-09-30-r1", "要素保障部门/省发展改革委审批备案和重点项目库清单"),
    ("annual-inspection", "annual-inspection/2026-12-31", "省投资促进局招商项目年度专项督查材料"),
    ("annual-inspection-city", "annual-inspection/2026-12-31", "市（州）/黔南布依族苗族自治州招商项目年度专项督查材料"),
    ("county-monthly-study", "county-monthly-study/2026-09-30", "县（市、区）和平台项目月度研究清单"),
    ("county-study", "county-monthly-study/2026-09-30", "县（市、区）/瓮安县招商项目月度研究材料"),
    ("unit-list", "", "瓮安县"),
];

/// Difficulties of the two kinds that the register of the packs does not have.
const MORE_DIFFICULTIES: &str = "\
KN5,GZ202500123,融资,银行贷款未到位,2026-06-10,省级,金融部门,,
KN6,GZ202500124,审批,环评手续未办结,2026-07-15,省级,发改部门,2026-08-20,
";

#[tokio::test]
async fn every_template_matches_its_snapshot() {
    let root = fresh_root();
    packs(root.path()).await;
    let path = root.path().join("更多困难.csv");
    std::fs::write(&path, format!("{DIFFICULTIES}{MORE_DIFFICULTIES}")).expect("a ledger");
    let path = path.to_str().expect("a path");
    for command in
        [&["import", path, "--covers", "2026-09-30", "--accept"][..], &["run", "quarterly-packs", "--as-of", "2026-09-30", "--revise"]]
    {
        let done = duban(root.path(), command);
        assert_eq!(done.status.code(), Some(0), "{}{}", stdout(&done), stderr(&done));
    }
    let_data_be_old(root.path());
    for (job, day) in [("annual-inspection", "2026-12-31"), ("county-monthly-study", "2026-09-30")] {
        let made = duban(root.path(), &["run", job, "--as-of", day]);
        assert_eq!(made.status.code(), Some(0), "{}{}", stdout(&made), stderr(&made));
    }
    for (template, folder, prefix) in WORKBOOKS {
        let bytes = match folder {
            "" => attachment(&root.path().join("var/outbox"), prefix),
            folder => {
                let books = files_below(&root.path().join("var/reports").join(folder));
                let found = books.into_iter().find(|(name, _)| name.starts_with(prefix) && name.ends_with(".xlsx"));
                found.unwrap_or_else(|| panic!("{folder} has no {prefix}")).1
            }
        };
        insta::assert_snapshot!(format!("template_{template}"), layout(&bytes));
        // Only the pack that evaluators fill in is accepted as a register; the workbook of a mail holds a form, which is taken as one.
        let path = root.path().join(format!("{template}.xlsx"));
        std::fs::write(&path, &bytes).expect("a copy");
        let read = duban(root.path(), &["import", path.to_str().expect("a path"), "--source", "other"]);
        let expected = if ["evaluation-out", "unit-list"].contains(&template) { 0 } else { 1 };
        assert_eq!(read.status.code(), Some(expected), "{template}: {}{}", stdout(&read), stderr(&read));
    }
    let shipped: BTreeSet<String> = std::fs::read_dir(home().join("report-templates"))
        .expect("templates")
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().strip_suffix(".toml").map(str::to_owned))
        .collect();
    let tested: BTreeSet<String> = WORKBOOKS.iter().map(|(template, ..)| (*template).to_owned()).collect();
    assert_eq!(shipped.difference(&tested).collect::<Vec<_>>(), Vec::<&String>::new(), "a template without a snapshot");
}

/// The workbook of a mail may hold a sheet of records like any other: what the sheet selects is there, and it lists the unit's own.
#[tokio::test]
async fn a_sheet_of_records_in_the_workbook_of_a_mail_has_its_rows() {
    let root = fresh_root();
    let template = root.path().join("report-templates/unit-list.toml");
    let mut text = std::fs::read_to_string(&template).expect("a template");
    text.push_str(
        "\n[[sheet]]\nform = \"records\"\nname = \"在册项目\"\ntitle = \"在册项目\"\nledger = \"project\"\ncolumns = [\"no\", \"code\"]\n",
    );
    std::fs::write(&template, text).expect("a template");
    run(root.path()).await;
    let text = cells(&attachment(&root.path().join("var/outbox"), "瓮安县"));
    let (_, listed) = text.split_once("-- 在册项目").expect("the sheet");
    assert!(listed.contains("GZ202500123"), "{listed}");
}

/// The workbook attached to a unit's quarterly mail.
fn attachment(outbox: &std::path::Path, unit: &str) -> Vec<u8> {
    let mails = files_below(outbox);
    let ending = format!("_{unit}.eml");
    let (_, mail) = mails.iter().find(|(name, _)| name.starts_with("quarterly-supervision_") && name.ends_with(&ending)).expect("a mail");
    let mail = MessageParser::default().parse(mail.as_slice()).expect("a mail");
    let of_mail: Vec<_> = mail.attachments().filter(|part| part.attachment_name().is_some()).collect();
    of_mail.first().expect("an attachment").contents().to_vec()
}

/// A workbook as text: for each sheet the page setup, then its rows. The styles of a row are written if they differ from the row above.
fn layout(bytes: &[u8]) -> String {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a workbook");
    let mut part = |name: &str| {
        let mut text = String::new();
        zip.by_name(name).expect("a part").read_to_string(&mut text).expect("text");
        text
    };
    let styles = styles(&part("xl/styles.xml"));
    let book = part("xl/workbook.xml");
    let mut out = String::new();
    for element in elements(&part("docProps/core.xml"), "dc:title").into_iter().chain(elements(&part("docProps/core.xml"), "dc:creator")) {
        writeln!(out, "{element}").expect("text");
    }
    let titles: Vec<&str> = elements(&book, "definedName").into_iter().filter(|name| !name.contains("_FilterDatabase")).collect();
    let texts = cells(bytes);
    for (number, sheet) in texts.split("-- ").skip(1).enumerate() {
        let xml = part(&format!("xl/worksheets/sheet{}.xml", number + 1));
        let mut lines = sheet.lines();
        writeln!(out, "\n-- {}", lines.next().unwrap_or_default()).expect("text");
        for name in ["pane", "autoFilter", "printOptions", "pageMargins", "pageSetup", "oddHeader", "oddFooter", "sheetProtection"] {
            for element in elements(&xml, name) {
                writeln!(out, "   {}", element.replace("horizontalDpi=\"200\" verticalDpi=\"200\"", "")).expect("text");
            }
        }
        for title in titles.iter().filter(|title| title.contains(&format!("localSheetId=\"{number}\""))) {
            writeln!(out, "   {title}").expect("text");
        }
        let widths: Vec<String> = elements(&xml, "col")
            .iter()
            .map(|column| format!("{}-{}:{:.1}", value(column, "min"), value(column, "max"), value(column, "width").parse().unwrap_or(0.0)))
            .collect();
        writeln!(out, "   widths {}", widths.join(" ")).expect("text");
        if xml.contains("<drawing ") {
            writeln!(out, "   with charts").expect("text");
        }
        let mut before = String::new();
        for (row, text) in elements(&xml, "row").into_iter().zip(lines) {
            let mut used: Vec<(&str, usize)> = Vec::new();
            for cell in elements(row, "c") {
                let style = styles.get(value(cell, "s").parse::<usize>().unwrap_or(0)).map_or("?", String::as_str);
                match used.last_mut() {
                    Some((last, count)) if *last == style => *count += 1,
                    _ => used.push((style, 1)),
                }
            }
            let used: Vec<String> =
                used.iter().map(|(style, count)| if *count > 1 { format!("{style} ×{count}") } else { (*style).to_owned() }).collect();
            let used = used.join(" | ");
            if used != before {
                writeln!(out, "   [{used}]").expect("text");
                before = used;
            }
            // The fingerprints of configuration files change with every edit, so they are replaced.
            let text = match text.split_once(" | ") {
                Some((name, print)) if print.len() == 12 && print.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                    format!("{name} | (fingerprint)")
                }
                _ => text.to_owned(),
            };
            writeln!(out, "{}", text.trim_end()).expect("text");
        }
    }
    out
}

/// The elements of a name with their content, in the order of the document.
fn elements<'x>(xml: &'x str, name: &str) -> Vec<&'x str> {
    let open = format!("<{name}");
    let close = format!("</{name}>");
    let mut out = Vec::new();
    let mut rest = xml;
    while let Some(at) = rest.find(&open) {
        let from = &rest[at..];
        let named = from[open.len()..].starts_with([' ', '>', '/']);
        let Some(tag) = from.find('>') else { break };
        let end = match from[..tag].ends_with('/') {
            true => tag + 1,
            false if named => from.find(&close).map_or(tag + 1, |at| at + close.len()),
            false => tag + 1,
        };
        if named {
            out.push(&from[..end]);
        }
        rest = &from[end..];
    }
    out
}

/// The value of an attribute; empty if the element does not have it.
fn value<'x>(element: &'x str, name: &str) -> &'x str {
    let Some(at) = element.find(&format!(" {name}=\"")) else { return "" };
    element[at + name.len() + 3..].split('"').next().unwrap_or_default()
}

/// A short description of each cell format: font and size, number format, fill, border, alignment.
fn styles(xml: &str) -> Vec<String> {
    let part = |name: &str| elements(xml, name).first().copied().unwrap_or_default();
    let (fonts, fills, formats) = (elements(part("fonts"), "font"), elements(part("fills"), "fill"), elements(part("numFmts"), "numFmt"));
    elements(part("cellXfs"), "xf")
        .iter()
        .map(|xf| {
            let index = |name: &str| value(xf, name).parse::<usize>().unwrap_or(0);
            let font = fonts.get(index("fontId")).copied().unwrap_or_default();
            let of =
                |name: &str| elements(font, name).first().map_or("", |element| value(element, if name == "color" { "rgb" } else { "val" }));
            let mut words = vec![format!("{}{}", of("name"), of("sz"))];
            if font.contains("<b/>") {
                words.push("bold".into());
            }
            words.push(of("color").to_owned());
            let format = formats.iter().find(|format| value(format, "numFmtId") == value(xf, "numFmtId"));
            words.push(format.map_or("", |format| value(format, "formatCode")).to_owned());
            let fill = fills.get(index("fillId")).copied().unwrap_or_default();
            words.push(elements(fill, "fgColor").first().map_or(String::new(), |colour| format!("on {}", value(colour, "rgb"))));
            words.push(if index("borderId") > 0 { "boxed".into() } else { String::new() });
            words.push(elements(xf, "alignment").first().map_or("", |alignment| value(alignment, "horizontal")).to_owned());
            words.push(if value(xf, "quotePrefix") == "1" { "as text".into() } else { String::new() });
            words.push(if xf.contains("locked=\"0\"") { "open".into() } else { String::new() });
            words.retain(|word| !word.is_empty());
            words.join(" ")
        })
        .collect()
}
