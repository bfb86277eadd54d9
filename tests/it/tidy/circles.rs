//! No two files of src/ import each other, directly or in a circle; a `mod.rs` declares modules and holds nothing else.

use super::{Source, Token, TokenKind, shipped, sources};
use std::collections::{BTreeMap, BTreeSet};

/// A path of names from the root of the crate: `["domain", "rules", "rule"]` is `src/domain/rules/rule.rs` or `src/domain/rules/rule/mod.rs`.
type ModulePath = Vec<String>;

/// File → file it imports → the items of it that it names.
type Edges = BTreeMap<ModulePath, BTreeMap<ModulePath, BTreeSet<String>>>;

struct File {
    name: String,
    /// Items and macros that the file defines at its top level.
    defined: BTreeSet<String>,
    /// Name in the file → absolute path, from its top-level `use` lines.
    imported: BTreeMap<String, ModulePath>,
    /// Absolute paths that the file names anywhere in shipped code.
    named: Vec<ModulePath>,
}

/// The files of a crate by module path.
struct Crate(BTreeMap<ModulePath, File>);

impl Crate {
    fn read(files: &[Source]) -> Crate {
        let files: Vec<&Source> = files.iter().filter(|source| source.name != "src/main.rs" && !source.is_unit_tests()).collect();
        let modules: BTreeSet<ModulePath> = files.iter().map(|source| module_path(&source.name)).collect();
        let read = files.into_iter().map(|source| {
            let module = module_path(&source.name);
            (module.clone(), File::read(source, &module, &modules))
        });
        Crate(read.collect())
    }

    /// The longest beginning of a path that is a file, and what is named in it.
    fn file_of(&self, path: &[String]) -> (ModulePath, Vec<String>) {
        let length = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length])).unwrap_or_default();
        (path[..length].to_vec(), path[length..].to_vec())
    }

    /// The file that defines what a path names, followed through re-exports.
    fn defining_file(&self, path: &[String]) -> (ModulePath, String) {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let (module, rest) = self.file_of(&path);
            let (Some(file), Some(item)) = (self.0.get(&module), rest.first()) else { break };
            let Some(target) = file.imported.get(item).filter(|target| !file.defined.contains(item) && **target != path) else { break };
            path = target.iter().chain(&rest[1..]).cloned().collect();
        }
        let (module, rest) = self.file_of(&path);
        let item = if rest.is_empty() { "the module".to_owned() } else { rest.join("::") };
        (module, item)
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (module, file) in &self.0 {
            let of = edges.entry(module.clone()).or_default();
            for path in &file.named {
                let (target, item) = self.defining_file(path);
                if target != *module {
                    of.entry(target).or_default().insert(item);
                }
            }
        }
        edges
    }

    /// One text for each set of files that reach each other: every import among them with its items.
    fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
            edges.keys().map(|module| (module, reachable(&edges, module))).collect();
        let mut printed = BTreeSet::new();
        let mut out = Vec::new();
        for module in edges.keys() {
            if !reached[module].contains(module) || !printed.insert(module) {
                continue;
            }
            let circle: Vec<&ModulePath> =
                edges.keys().filter(|other| reached[module].contains(other) && reached[other].contains(module)).collect();
            printed.extend(circle.iter().copied());
            let mut text = format!("{} files import each other:\n", circle.len());
            for file in &circle {
                for (target, items) in edges[*file].iter().filter(|(target, _)| circle.contains(target)) {
                    let items: Vec<&str> = items.iter().map(String::as_str).collect();
                    text += &format!("    {} takes from {}: {}\n", self.0[*file].name, self.0[target].name, items.join(", "));
                }
            }
            out.push(text);
        }
        out
    }
}

/// All files that a file imports, directly or through others.
fn reachable<'a>(edges: &'a Edges, start: &ModulePath) -> BTreeSet<&'a ModulePath> {
    let mut out = BTreeSet::new();
    let mut open: Vec<&ModulePath> = edges.get(start).into_iter().flat_map(BTreeMap::keys).collect();
    while let Some(module) = open.pop() {
        if out.insert(module) {
            open.extend(edges.get(module).into_iter().flat_map(BTreeMap::keys));
        }
    }
    out
}

fn module_path(name: &str) -> ModulePath {
    let inside = name.trim_start_matches("src/").trim_end_matches(".rs");
    let mut path: ModulePath = inside.split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    path
}

impl File {
    fn read(source: &Source, module: &[String], modules: &BTreeSet<ModulePath>) -> File {
        let code = shipped(&source.text);
        let absolute = |path: &[String]| absolute(module, modules, path);
        let mut file = File { name: source.name.clone(), defined: defined(&code), imported: BTreeMap::new(), named: Vec::new() };
        let (mut at, mut depth) = (0usize, 0i32);
        while at < code.len() {
            match code[at].text {
                "{" => depth += 1,
                "}" => depth -= 1,
                "use" if code[at].kind == TokenKind::Identifier => {
                    let end = code[at..].iter().position(|token| token.text == ";").map_or(code.len(), |length| at + length);
                    for (path, name) in use_tree(&code[at + 1..end]) {
                        let Some(path) = absolute(&path) else { continue };
                        if depth == 0 {
                            file.imported.insert(name, path.clone());
                        }
                        file.named.push(path);
                    }
                    at = end;
                }
                _ => {
                    let path = inline_path(&code, at);
                    let length = path.len();
                    if let Some(path) = Some(path).filter(|path| path.len() > 1).and_then(|path| absolute(&path)) {
                        file.named.push(path);
                        // names and the `::` between them
                        at += 2 * (length - 1);
                    }
                }
            }
            at += 1;
        }
        file
    }
}

/// Names of the items and macros that are defined at the top level.
fn defined(code: &[Token]) -> BTreeSet<String> {
    const KEYWORDS: [&str; 8] = ["struct", "enum", "fn", "const", "static", "type", "trait", "union"];
    let mut out = BTreeSet::new();
    let mut depth = 0;
    for (at, token) in code.iter().enumerate() {
        match token.text {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        let name = match token.text {
            "macro_rules" => code.get(at + 2),
            word if KEYWORDS.contains(&word) => code.get(at + 1).filter(|next| !["fn", "unsafe", "async", "extern"].contains(&next.text)),
            _ => None,
        };
        if let Some(name) = name.filter(|name| depth == 0 && name.kind == TokenKind::Identifier) {
            out.insert(name.text.to_owned());
        }
    }
    out
}

/// The paths of a `use` line, each with the name it has in the file.
fn use_tree(tokens: &[Token]) -> Vec<(Vec<String>, String)> {
    fn walk(prefix: &[String], tokens: &[Token], out: &mut Vec<(Vec<String>, String)>) {
        let mut depth = 0;
        let branches = tokens.split(|token| {
            depth += i32::from(token.text == "{") - i32::from(token.text == "}");
            depth == 0 && token.text == ","
        });
        for branch in branches.filter(|branch| !branch.is_empty()) {
            let brace = branch.iter().position(|token| token.text == "{").unwrap_or(branch.len());
            let alias = branch[..brace].iter().position(|token| token.text == "as").unwrap_or(brace);
            let mut path = prefix.to_vec();
            let names = branch[..alias].iter().filter(|token| token.kind == TokenKind::Identifier);
            // `self` in braces is the module before them
            path.extend(names.map(|token| token.text.to_owned()).filter(|name| prefix.is_empty() || name != "self"));
            if brace < branch.len() {
                walk(&path, &branch[brace + 1..branch.len() - 1], out);
            } else {
                let name = branch.get(alias + 1).map(|token| token.text.to_owned()).or_else(|| path.last().cloned()).unwrap_or_default();
                out.push((path, name));
            }
        }
    }
    let mut out = Vec::new();
    walk(&[], tokens, &mut out);
    out
}

/// The names of a path that begins at `at`: `a::b::c`; empty where no path begins there.
fn inline_path(code: &[Token], at: usize) -> Vec<String> {
    let text = |at: usize| code.get(at).map_or("", |token| token.text);
    // pub(in a::b) is no import
    let visibility = at > 1 && text(at - 1) == "in" && text(at - 2) == "(";
    if code[at].kind != TokenKind::Identifier || at > 0 && ["::", "."].contains(&text(at - 1)) || visibility {
        return Vec::new();
    }
    let mut out = vec![code[at].text.to_owned()];
    let mut next = at + 1;
    while text(next) == "::" && code.get(next + 1).is_some_and(|token| token.kind == TokenKind::Identifier) {
        out.push(code[next + 1].text.to_owned());
        next += 2;
    }
    out
}

/// The path from the root of the crate; `None` for paths of other crates and of local names.
fn absolute(module: &[String], modules: &BTreeSet<ModulePath>, path: &[String]) -> Option<ModulePath> {
    let joined = |base: &[String], rest: &[String]| Some(base.iter().chain(rest).cloned().collect());
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => joined(module, &path[1..]),
        "super" => {
            let up = path.iter().take_while(|name| *name == "super").count();
            joined(&module[..module.len().checked_sub(up)?], &path[up..])
        }
        child => {
            let mut below = module.to_vec();
            below.push(child.to_owned());
            if modules.contains(&below) { joined(module, path) } else { None }
        }
    }
}

#[test]
fn no_two_files_import_each_other() {
    let circles = Crate::read(&sources("src")).circles();
    assert!(circles.is_empty(), "{}\nMove what both need into a file of its own, below both.", circles.join("\n"));
}

/// The row cache is valid as long as nothing that decides about a row has changed: what the intake reaches is hashed by build.rs.
#[test]
fn the_row_cache_covers_every_file_that_decides_about_a_row() {
    let build = std::fs::read_to_string(super::home().join("build.rs")).expect("build.rs");
    let list = build.split_once("ROW_READING").and_then(|(_, rest)| rest.split_once("];")).expect("the list").0;
    let hashed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    let tree = Crate::read(&sources("src"));
    let edges = tree.edges();
    let intake = ["file", "rows"].map(|name| module_path(&format!("src/domain/intake/{name}.rs")));
    let deciding: BTreeSet<&ModulePath> = intake.iter().flat_map(|start| reachable(&edges, start)).chain(&intake).collect();
    assert!(deciding.len() > 20, "the intake reaches {} files", deciding.len());
    let names = deciding.into_iter().map(|module| tree.0[module].name.as_str());
    let missing: Vec<&str> = names.filter(|name| !hashed.iter().any(|hashed| name.starts_with(hashed))).collect();
    assert!(missing.is_empty(), "build.rs does not hash {}", missing.join(", "));
    assert!(hashed.contains(&"Cargo.lock"), "the crates that the intake uses decide too");
}

#[test]
fn a_module_file_only_declares_modules() {
    let mut wrong = Vec::new();
    for source in sources("src").iter().filter(|source| source.name.ends_with("/mod.rs") || source.name == "src/lib.rs") {
        if let Some(line) = first_item(&source.text) {
            wrong.push(format!("{}:{line} holds more than `mod` lines: put it into a file of its own", source.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The line of the first thing that is neither comment nor attribute nor `mod` line.
fn first_item(text: &str) -> Option<usize> {
    let code: Vec<Token> = super::tokens(text).into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let text = |at: usize| code.get(at).map_or("", |token| token.text);
    let mut at = 0;
    while at < code.len() {
        let start = at;
        if text(at) == "#" {
            let length = code[at..].iter().position(|token| token.text == "]")?;
            at += length + 1;
            continue;
        }
        at += usize::from(text(at) == "pub");
        if text(at) == "(" {
            at += 3;
        }
        if text(at) != "mod" || text(at + 2) != ";" {
            return Some(code[start].line);
        }
        at += 3;
    }
    None
}

#[test]
fn circles_are_found_however_they_are_written() {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let of = |files: &[Source]| Crate::read(files).circles();
    let base = || vec![source("src/lib.rs", "pub mod a;\npub mod b;"), source("src/a/mod.rs", "pub mod one;\npub mod two;")];
    let with =
        |files: &[(&str, &str)]| of(&base().into_iter().chain(files.iter().map(|(name, text)| source(name, text))).collect::<Vec<_>>());
    let one = "use crate::a::{\n    two::{\n        Two as Second,\n    },\n};\npub struct One(Second);";
    let found = with(&[("src/a/one.rs", one), ("src/a/two.rs", "pub struct Two; fn f() { let _ = super::one::One; }")]);
    assert_eq!(found.len(), 1, "a use over several lines, and a path in code: {found:?}");
    assert!(
        found[0].contains("src/a/one.rs takes from src/a/two.rs: Two") && found[0].contains("src/a/two.rs takes from src/a/one.rs: One")
    );
    let found = with(&[("src/a/one.rs", one), ("src/a/two.rs", "pub struct Two;\n#[cfg(test)]\nmod tests { use crate::a::one::One; }")]);
    assert!(found.is_empty(), "unit tests do not count: {found:?}");
    let found =
        with(&[("src/a/one.rs", one), ("src/a/two.rs", "pub struct Two; // crate::a::one::One\nconst X: &str = \"crate::a::one\";")]);
    assert!(found.is_empty(), "comments and strings do not count: {found:?}");
    let three = [
        ("src/a/one.rs", "use crate::b::Two;\npub struct One;"),
        ("src/b.rs", "pub use crate::a::two::Two;"),
        ("src/a/two.rs", "use super::one;\npub struct Two;"),
    ];
    let found = with(&three);
    assert!(found.len() == 1 && found[0].starts_with("2 files"), "a re-export is followed to where the item is defined: {found:?}");
    let long = [
        ("src/a/one.rs", "use super::two::Two;\npub struct One;"),
        ("src/a/two.rs", "pub struct Two(crate::b::Three);"),
        ("src/b.rs", "mod c;\npub struct Three(c::Four);"),
        ("src/b/c.rs", "use crate::a::one::One;\npub struct Four;"),
    ];
    let found = with(&long);
    assert!(found.len() == 1 && found[0].starts_with("4 files"), "a circle over four files, one by the path of a child module: {found:?}");
    assert_eq!(first_item("//! Head.\n\n#[macro_use]\nmod a;\npub(crate) mod b;\n#[cfg(test)]\npub mod tests;"), None);
    assert_eq!(first_item("//! Head.\n\nmod a;\n\npub use a::A;"), Some(5));
}
