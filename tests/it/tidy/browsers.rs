//! The pages work in the browsers of old desks: their style uses nothing that Chromium 78 does not know.

use super::home;

/// What a later Chromium brought, with the version that did.
const LATER: [(&str, &str); 30] = [
    ("clamp(", "79"),
    (" min(", "79"),
    (" max(", "79"),
    ("?.", "80"),
    ("??", "80"),
    ("color-scheme", "81"),
    (" gap:", "84 in a flex box"),
    ("row-gap", "84 in a flex box"),
    ("column-gap", "84 in a flex box"),
    ("replaceAll", "85"),
    ("content-visibility", "85"),
    (":focus-visible", "86"),
    ("inset", "87"),
    ("margin-inline", "87"),
    ("margin-block", "87"),
    ("padding-inline", "87"),
    ("padding-block", "87"),
    (":is(", "88"),
    (":where(", "88"),
    ("aspect-ratio", "88"),
    (".at(", "92"),
    ("Object.hasOwn", "93"),
    ("accent-color", "93"),
    ("structuredClone", "98"),
    ("@layer", "99"),
    (":has(", "105"),
    ("@container", "105"),
    ("color-mix(", "111"),
    ("<dialog", "Firefox 98"),
    ("type=\"module\"", "a script of old browsers is no module"),
];

/// What is wrong in a text: line and word.
fn wrong_in(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut depth = 0i32;
    for (number, line) in text.lines().enumerate() {
        let found = LATER.iter().filter(|(word, _)| line.contains(word));
        out.extend(found.map(|(word, since)| format!("{}: {word} came with {since}", number + 1)));
        for sign in line.chars() {
            depth += i32::from(sign == '{') - i32::from(sign == '}');
        }
    }
    if depth != 0 {
        out.push("the braces do not match".into());
    }
    out
}

/// Rules inside rules came with Chromium 120; inside @media they are as old as that.
fn nested_in(css: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = css;
    while let Some(at) = rest.find(['{', '}']) {
        match &rest[at..=at] {
            "{" => {
                let head = rest[..at].rsplit([';', '}']).next().unwrap_or_default().trim();
                if open.last().is_some_and(|outer| !outer.starts_with('@')) {
                    return Some(format!("{head} is inside of {}", open.last().unwrap_or(&"")));
                }
                open.push(head);
            }
            _ => drop(open.pop()),
        }
        rest = &rest[at + 1..];
    }
    None
}

#[test]
fn pages_use_nothing_that_an_old_browser_does_not_know() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for folder in ["src/web/assets", "src/web/templates"] {
        for entry in std::fs::read_dir(home().join(folder)).expect("a folder").flatten() {
            let (name, text) = (entry.file_name().to_string_lossy().into_owned(), std::fs::read_to_string(entry.path()).expect("a text"));
            seen += 1;
            if name.ends_with(".j2") {
                let inline = ["<script>", " style=", "<style", " onclick=", " onload=", "<dialog", "javascript:"];
                wrong.extend(inline.iter().filter(|word| text.contains(**word)).map(|word| format!("{name}: {word}")));
                continue;
            }
            wrong.extend(wrong_in(&text).into_iter().map(|fault| format!("{name}:{fault}")));
            wrong.extend(nested_in(&text).filter(|_| name.ends_with(".css")).map(|fault| format!("{name}: {fault}")));
            assert!(!name.ends_with(".js") || text.len() <= 5 * 1024, "{name} is a comfort of at most 5 KB");
        }
    }
    assert!(wrong.is_empty() && seen > 10, "{}", wrong.join("\n"));
    for css in ["a { gap: 4px; }", "a { inset: 0; }", "a:has(b) { color: red; }", "x { aspect-ratio: 1; "] {
        assert!(!wrong_in(css).is_empty(), "{css}");
    }
    assert!(nested_in("a { color: red; b { color: blue; } }").is_some() && nested_in("@media print { a { color: red; } }").is_none());
}
