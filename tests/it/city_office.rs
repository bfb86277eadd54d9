//! Levels are data: an imaginary city with its own levels, units and words runs the quarterly job, and nothing it makes speaks of a province.

use super::helpers::{duban, edit, files_below, fresh_root, home, stderr, stdout};
use super::outputs::{cells, run_on};
use mail_parser::{MessageParser, MimeHeaders};
use std::path::Path;

const PROJECTS: &str = "\
项目编号,项目名称,产业类别,县区,乡镇（街道）,协议类型,项目阶段,合同投资额（亿元）,累计到位资金（亿元）,洽谈时间,评审时间,签约时间,录入平台时间,履约时间,计划开工时间,实际开工时间,计划投产时间,形象进度(%),责任单位,责任领导,责任人,联系电话,工作专班,推进方案,存在的困难和问题,最近更新时间
YL202500001,铝箔生产线项目,新材料,东岭区,白石镇,合同,签约,6,0.5,2025-01-06,2025-03-01,2025-03-31,2025-04-10,2025-06-01,2026-03-31,,,,白石镇招商办,张建国,李敏,13812345678,有,有,项目用地未落实,2026-09-20
YL202500002,膜材料项目,新材料,东岭区,东岭产业园,合同,开工,3,1,2024-10-01,2024-12-01,2025-01-20,2025-02-01,2025-05-01,,2025-06-01,2026-12-31,30,东岭产业园招商办,,王芳,13987654321,有,,,2026-07-01
YL202600003,冷链物流项目,新材料,西岭县,清泉乡,合同,签约,0.8,,2026-01-05,2026-02-01,2026-03-01,,,2026-08-01,,,,清泉乡招商办,陈晨,赵伟,13711112222,有,有,,2026-09-25
";

const DIFFICULTIES: &str = "\
问题编号,项目编号,问题类别,问题描述,提出日期,提请层级,责任部门,答复日期,解决日期
KN1,YL202500001,用地,项目用地未落实,2026-06-10,市级,自然资源部门,,
KN2,YL202600003,用地,项目用地未落实,2026-06-10,县级,自然资源部门,,
";

/// The shipped configuration as such a city would rewrite it.
fn city_root() -> tempfile::TempDir {
    let root = fresh_root();
    let at = root.path();
    for file in ["levels.toml", "units.toml", "industries.toml"] {
        std::fs::copy(home().join("tests/cases/city-office").join(file), at.join("config").join(file)).expect("a copy");
    }
    std::fs::write(at.join("config/calendar/local.toml"), "").expect("no rest days of its own");
    for entry in
        std::fs::read_dir(at.join("jobs")).expect("jobs").flatten().filter(|entry| entry.file_name() != "quarterly-supervision.toml")
    {
        std::fs::remove_file(entry.path()).expect("removed");
    }
    let templates = ["quarterly-supervision.toml", "leader-page.toml", "work-order-bulletin.toml", "unit-list.toml"];
    for entry in std::fs::read_dir(at.join("report-templates")).expect("templates").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") && !templates.contains(&name.as_str()) {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    }
    edit(at, "config/duban.toml", "省投资促进局", "云岭市投资促进局");
    let every = r#"levels = ["county", "platform", "city", "department", "support", "province"]"#;
    let all = r#"levels = ["township", "zone", "district", "lead-department", "factor-department", "whole-city"]"#;
    edit(at, "jobs/quarterly-supervision.toml", every, all);
    edit(at, "jobs/quarterly-supervision.toml", r#"levels = ["county", "platform"] }"#, r#"levels = ["township", "zone"] }"#);
    // an office with other levels has packs of its own
    let job = at.join("jobs/quarterly-supervision.toml");
    let text = std::fs::read_to_string(&job).expect("a job");
    std::fs::write(&job, text.split("[[remind.packs]]").next().expect("its head")).expect("a job without packs");
    for (old, new) in [
        (r#"levels = ["county", "platform"]"#, r#"levels = ["township", "zone"]"#),
        (r#"levels = ["city"]"#, r#"levels = ["district"]"#),
        (r#"levels = ["province"]"#, r#"levels = ["whole-city"]"#),
        (r#"units = ["省自然资源厅"]"#, r#"units = ["自然资源部门"]"#),
        (r#"units = ["省地方金融监管局"]"#, r#"units = ["自然资源部门"]"#),
        ("本省招商", "本市招商"),
        ("省产业大招商工作领导小组办公室", "市产业大招商工作领导小组办公室"),
        ("县级未按月研究", "乡镇未按月研究"),
        ("市州未按季研究", "县区未按季研究"),
    ] {
        edit(at, "config/rules.toml", old, new);
    }
    edit(at, "config/ledgers/difficulty.toml", r#"["县级", "市级", "省级"]"#, r#"["乡镇级", "县级", "市级"]"#);
    for (old, new) in [
        ("title = \"市（州）\"", "title = \"县区\""),
        ("title = \"县（市、区）\"", "title = \"乡镇（街道）\""),
        ("\"县区\", ", ""),
        ("会见洽谈省领导", "会见洽谈市领导"),
        ("列入省重点项目库时间", "列入市重点项目库时间"),
    ] {
        edit(at, "config/ledgers/project.toml", old, new);
    }
    root
}

/// Everything people read of a run: its print, texts of mails, cells of workbooks, names of files.
fn texts(root: &Path) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, bytes) in files_below(&root.join("var/outbox")) {
        let mail = MessageParser::default().parse(bytes.as_slice()).expect("a mail");
        let bodies = [mail.body_text(0), mail.body_html(0)].into_iter().flatten().collect::<Vec<_>>().join("\n");
        out.push((name.clone(), format!("{}\n{bodies}", mail.subject().unwrap_or_default())));
        for part in mail.attachments().filter(|part| part.attachment_name().is_some_and(|name| name.ends_with(".xlsx"))) {
            out.push((format!("{name}: {}", part.attachment_name().unwrap_or_default()), cells(part.contents())));
        }
    }
    for (name, bytes) in files_below(&root.join("var/reports")) {
        let text = if name.ends_with(".xlsx") { cells(&bytes) } else { String::new() };
        out.push((name, text));
    }
    out
}

#[tokio::test]
async fn a_city_speaks_of_itself_in_its_own_words() {
    let root = city_root();
    let checked = duban(root.path(), &["check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    let printed = run_on(root.path(), &[("台账.csv", PROJECTS), ("困难问题.csv", DIFFICULTIES)]).await;
    let mut texts = texts(root.path());
    texts.push(("check".into(), stdout(&checked)));
    texts.push(("run".into(), printed));
    let mails = texts.iter().filter(|(name, _)| name.ends_with(".eml")).count();
    assert!(mails >= 6 && texts.iter().filter(|(name, _)| name.ends_with(".xlsx")).count() > mails, "{mails}");
    let mut wrong = Vec::new();
    for (name, text) in &texts {
        for word in ["省", "市（州）", "市州", "县（市、区）", "贵"] {
            for line in text.lines().chain([name.as_str()]).filter(|line| line.contains(word)) {
                wrong.push(format!("{name}: {word} in {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let of = |ending: &str| &texts.iter().find(|(name, _)| name.ends_with(ending)).unwrap_or_else(|| panic!("{ending}")).1;
    let office = of("云岭市投资促进局.eml");
    assert!(office.contains("全市有3个项目（9件）需办理") && office.contains("各县区情况"), "{office}");
    assert!(of("_东岭区.eml").contains("你单位及所辖地区"), "{}", of("_东岭区.eml"));
    assert!(of("_白石镇.eml").contains("市级重点"), "{}", of("_白石镇.eml"));
    let page = texts.iter().find(|(name, _)| name.contains("全市招商项目落地情况专报")).expect("the leader's page");
    assert!(page.1.contains("一、各县区红灯项目占在册项目的比重（%）"), "{}", page.1);
    let workbook = &texts.iter().find(|(name, _)| name.contains("季度督办工作簿")).expect("the workbook").1;
    for expected in ["排名分别在县区、乡镇（街道）、园区（产业表为各产业）范围内进行", "园区的项目不再计入所在乡镇"]
    {
        assert!(workbook.contains(expected), "{expected} is not in {workbook}");
    }
    // the difficulty raised to the city waits for the city's department, that raised to the county for the county's
    let findings = duban(root.path(), &["findings", "--as-of", "2026-09-30", "--format", "json"]);
    let findings = stdout(&findings);
    assert!(findings.contains("市自然资源局") && findings.contains("西岭县自然资源所"), "{findings}");
}
