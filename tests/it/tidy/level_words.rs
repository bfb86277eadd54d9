//! No level and no place of the shipped office is named in Rust, in templates or in jobs: their words come from config/levels.toml and
//! config/units.toml, so that another office changes only those.

use super::{Source, home, sources};

/// Parts of words for levels; one of them is in every such word.
const LEVEL_WORDS: [&str; 9] = ["省", "市（", "市州", "市级", "县", "乡镇", "平台", "开发区", "要素保障部门"];

/// The name of the province, which is no unit.
const PROVINCE: &str = "贵州";

/// File, word, and why it may hold it.
const ALLOWED: [(&str, &str, &str); 2] = [
    ("src/domain/register/units.rs", "省", "everywhere in China a place may be written with its province before it"),
    ("report-templates/quarterly-supervision.toml", "平台", "the computer system of 录入平台, not a level"),
];

/// What ships of a source, comments too.
fn shipped_text(source: &Source) -> &str {
    let tests = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub mod ", "#[cfg(test)]\npub(crate) mod "];
    tests
        .iter()
        .filter_map(|begin| source.text.split_once(begin))
        .map(|(shipped, _)| shipped)
        .min_by_key(|text| text.len())
        .unwrap_or(&source.text)
}

/// The names and aliases of the shipped office's divisions and places.
fn place_names() -> Vec<String> {
    let text = std::fs::read_to_string(home().join("config/units.toml")).expect("config/units.toml");
    let file: toml::Table = toml::from_str(&text).expect("units");
    let mut out = vec![PROVINCE.to_owned()];
    for unit in file["unit"].as_array().expect("units") {
        if ["city", "county", "platform"].contains(&unit["level"].as_str().expect("a level")) {
            let aliases = unit.get("aliases").and_then(toml::Value::as_array).into_iter().flatten();
            let names = aliases.map(|alias| alias.as_str().or_else(|| alias.get("name").and_then(toml::Value::as_str)).expect("an alias"));
            out.extend(names.chain(unit["name"].as_str()).map(str::to_owned));
        }
    }
    assert!(out.len() > 200, "the places cannot be read: {}", out.len());
    out
}

#[test]
fn no_text_names_a_level_or_a_place() {
    let mut texts: Vec<(String, String)> = sources("src")
        .iter()
        .filter(|source| !source.is_unit_tests())
        .map(|source| (source.name.clone(), shipped_text(source).to_owned()))
        .collect();
    for folder in ["report-templates", "jobs"] {
        for entry in std::fs::read_dir(home().join(folder)).expect("a folder").flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            texts.push((name, std::fs::read_to_string(entry.path()).expect("a text")));
        }
    }
    assert!(texts.len() > 150);
    texts.sort();
    let places = place_names();
    let words: Vec<&str> = LEVEL_WORDS.into_iter().chain(places.iter().map(String::as_str)).collect();
    let (mut wrong, mut used) = (Vec::new(), Vec::new());
    for (name, text) in &texts {
        for (number, line) in text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                match ALLOWED.iter().position(|(file, allowed, _)| file == name && allowed == word) {
                    Some(allowed) => used.push(allowed),
                    None => wrong.push(format!("{name}:{}: {word} in: {}", number + 1, line.trim())),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "take the word from config/levels.toml or config/units.toml:\n{}", wrong.join("\n"));
    for (number, (file, word, _)) in ALLOWED.iter().enumerate() {
        assert!(used.contains(&number), "{file} holds {word} no more: remove the exception");
    }
}
