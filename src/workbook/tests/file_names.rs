//! The names of files and sheets as units read them.

use super::{texts, world};
use crate::domain::restriction::Restrictions;
use crate::workbook::build::build;
use crate::workbook::material::{IntakeIssue, Material, SourceSnapshot};
use std::collections::BTreeSet;

#[test]
fn the_workbook_of_a_unit_names_no_file_after_a_restricted_project_or_a_person() {
    let world = world();
    let mut restrictions = Restrictions::new("project");
    restrictions.add("project", "GZ-2025-777", "是", false).unwrap();
    restrictions.look_for_projects(&world.config.policy, [("GZ-2025-777", "玄武岩纤维特种材料基地项目")], &BTreeSet::new());
    let unit = world.unit("瓮安县");
    let template = &world.config.templates["unit-list"];
    for (file, sheet, shown) in [
        ("玄武岩纤维特种材料基地项目等台账.xlsx", "GZ-2025-777等", "项目台账"),
        ("张三13812345678.xlsx", "表一", "张三138****5678.xlsx 表一"),
    ] {
        let plain = world.material(world.rosters(template), unit);
        let sources = [SourceSnapshot { file: file.into(), sheets: vec![sheet.into()], ..plain.sources[0].clone() }];
        let reason = "“13812345678”不在约定的写法之内".to_owned();
        let intake = [IntakeIssue { file: file.into(), sheet: sheet.into(), reason, ..plain.intake[0].clone() }];
        let material = Material { sources: &sources, intake: &intake, restrictions: &restrictions, ..plain };
        let found = texts(&build(template, &material).unwrap());
        assert!(found.contains(&format!("第37次快照，{shown}）")), "{found}");
        for hidden in ["玄武岩", "GZ-2025-777", "13812345678"] {
            assert!(!found.contains(hidden), "{hidden}: {found}");
        }
    }
}
