//! The mail bodies: `report-templates/STEM.html.j2` and `STEM.txt.j2`, which the office may edit.
//!
//! Undefined names are errors, so that `duban check` finds a misspelled name before a mail goes out. Values in `.html.j2` are escaped.

use crate::domain::notify::wording::yi;
use crate::domain::register::levels::Levels;
use crate::domain::register::period::{chinese_date, chinese_day};
use chrono::{Datelike, NaiveDate};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The two bodies of one mail, with the same content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub html: String,
    pub text: String,
}

/// An error in a template, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// Relative to the root.
    pub file: String,
    pub line: Option<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// Our filters, beside those of minijinja.
const FILTERS: [&str; 4] = ["date", "day", "weekday", "yi"];

/// The work that one body may take: instructions, and the bytes of the texts it makes, 64 to a unit. The longest shipped digest takes a
/// hundredth of it; a template without an end stops within seconds and 128 MiB.
const FUEL: u64 = 2_000_000;

/// The most bytes of a body.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Compiled mail bodies.
pub struct Templates(Environment<'static>);

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.templates().map(|(name, _)| name)).finish()
    }
}

impl Templates {
    /// Compiles templates by file name (`digest.html.j2`). They take words of levels as `{{ KIND.WORD }}`.
    ///
    /// # Errors
    /// Every template that does not compile.
    pub fn new(texts: &BTreeMap<String, String>, levels: &Levels) -> Result<Templates, Vec<TemplateError>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // a block tag on a line of its own leaves no empty line
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| vec![explain("", &error)])?);
        environment.set_auto_escape_callback(|name| if name.ends_with(".html.j2") { AutoEscape::Html } else { AutoEscape::None });
        environment.add_filter("date", |text: &str| Ok::<_, Error>(chinese_date(parse(text)?)));
        environment.add_filter("day", |text: &str| Ok::<_, Error>(chinese_day(parse(text)?)));
        environment.add_filter("weekday", |text: &str| Ok::<_, Error>(weekday(parse(text)?)));
        environment.add_filter("yi", |fen: i64| yi(fen));
        let mut words: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (kind, word, text) in levels.words() {
            words.entry(kind.code()).or_default().push((word.code(), text));
        }
        for (kind, words) in words {
            environment.add_global(kind, Value::from_pairs(words));
        }
        let mut errors = Vec::new();
        for (name, text) in texts {
            if let Err(error) = environment.add_template_owned(name.clone(), text.clone()) {
                errors.push(explain(name, &error));
            }
        }
        if errors.is_empty() { Ok(Templates(environment)) } else { Err(errors) }
    }

    /// Renders both bodies of a digest or a draft.
    ///
    /// # Errors
    /// A missing template, or a template that names something undefined, has no end or makes too long a text.
    pub fn render(&self, stem: &str, content: &impl Serialize) -> Result<Rendered, TemplateError> {
        let body = |ending: &str| {
            let name = format!("{stem}.{ending}.j2");
            let body = self.0.get_template(&name).and_then(|template| template.render(Serde(content)));
            let body = body.map_err(|error| explain(&name, &error))?;
            if body.len() > BODY_BYTES_MAX {
                let message = format!("makes a body of {} MiB (allowed: {})", body.len() >> 20, BODY_BYTES_MAX >> 20);
                return Err(TemplateError { file: format!("report-templates/{name}"), line: None, message, hint: None });
            }
            Ok(body)
        };
        Ok(Rendered { html: body("html")?, text: body("txt")? })
    }
}

fn parse(text: &str) -> Result<NaiveDate, Error> {
    text.parse().map_err(|_| Error::new(ErrorKind::InvalidOperation, format!("\"{text}\" is no date")))
}

fn weekday(date: NaiveDate) -> &'static str {
    ["周一", "周二", "周三", "周四", "周五", "周六", "周日"][date.weekday().num_days_from_monday() as usize]
}

fn explain(name: &str, error: &Error) -> TemplateError {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let hint = match error.kind() {
        ErrorKind::UnknownFilter => Some(format!("own filters are {}", FILTERS.join(", "))),
        ErrorKind::UndefinedError => Some("the shipped digest template uses every name there is".to_owned()),
        ErrorKind::TemplateNotFound => Some("the job's [remind] template names two files, .html.j2 and .txt.j2".to_owned()),
        ErrorKind::OutOfFuel => Some("a loop in it has no end or is nested too deep, or a text doubles".to_owned()),
        ErrorKind::SyntaxError => Some("an opened {% if %} or {% for %} needs its {% endif %} or {% endfor %}".to_owned()),
        _ => None,
    };
    TemplateError {
        file: format!("report-templates/{}", error.name().unwrap_or(name)),
        line: error.line(),
        message: format!("{}{detail}", error.kind()),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notify::tests::Fixture;

    fn texts(html: &str) -> BTreeMap<String, String> {
        [("digest.html.j2", html), ("digest.txt.j2", "{{ subject }}")].map(|(name, text)| (name.to_owned(), text.to_owned())).into()
    }

    fn shipped() -> Templates {
        let config = Fixture::config();
        Templates::new(&config.mail_templates, &config.policy.units.levels).unwrap()
    }

    #[test]
    fn an_error_names_file_line_and_hint() {
        let errors = Templates::new(&texts("one\n{% if started %}\nthree"), &Levels::default()).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!((errors[0].file.as_str(), errors[0].line), ("report-templates/digest.html.j2", Some(3)));
        assert!(errors[0].to_string().starts_with("report-templates/digest.html.j2: line 3: "));

        let fixture = Fixture::new();
        let digest = &fixture.plan().digests[0];
        for slip in ["\n\n{{ subjekt }}", "\n\n{{ as_of|dat }}", "\n\n{{ subject|date }}"] {
            let error = Templates::new(&texts(slip), &Levels::default()).unwrap().render("digest", digest).unwrap_err();
            assert_eq!((error.file.as_str(), error.line), ("report-templates/digest.html.j2", Some(3)), "{slip}");
        }
        assert!(shipped().render("digets", digest).is_err());
    }

    /// The bound is far above what the shipped bodies take, and stops a template without an end.
    #[test]
    fn a_body_has_a_bound() {
        let mut fixture = Fixture::new();
        let name = "磷酸铁锂".repeat(500);
        fixture.rename("GZ202500001", &name);
        let templates = shipped();
        for digest in &fixture.plan().digests {
            for name in ["digest.html.j2", "digest.txt.j2"] {
                let captured = templates.0.get_template(name).unwrap().render_captured(Serde(digest)).unwrap();
                let (consumed, _) = captured.state().fuel_levels().unwrap();
                assert!(consumed < FUEL / 50, "{name} takes {consumed}");
            }
        }
        let fixture = Fixture::new();
        let digest = &fixture.plan().digests[0];
        for endless in [
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            "{% set n = namespace(s='xxxx') %}{% for a in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
            "{{ 'x' * 1000000000 }}",
            "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
            "{% for a in range(100000) %}{{ 'x' * 1000 }}{% endfor %}",
        ] {
            let error = Templates::new(&texts(endless), &Levels::default()).unwrap().render("digest", digest).unwrap_err();
            assert_eq!(error.file, "report-templates/digest.html.j2", "{endless}");
        }
    }

    #[test]
    fn html_escapes_the_text_of_the_register() {
        let mut fixture = Fixture::new();
        fixture.rename("GZ202500001", "<b>高端</b>&“磷酸铁锂”项目");
        let planned = fixture.plan();
        let rendered = shipped().render("digest", fixture.of(&planned, "瓮安县")).unwrap();
        assert!(rendered.html.contains("&lt;b&gt;高端&lt;&#x2f;b&gt;&amp;“磷酸铁锂”项目"), "{}", rendered.html);
        assert!(rendered.text.contains("<b>高端</b>&“磷酸铁锂”项目"));
    }

    /// docs/DIGESTS.md lists every name a template may use.
    #[test]
    fn every_name_is_documented() {
        let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/DIGESTS.md")).unwrap();
        let fixture = Fixture::new();
        let planned = fixture.plan();
        let digest = serde_json::to_value(fixture.of(&planned, "省投资促进局")).unwrap();
        let draft = serde_json::to_value(&fixture.drafts()[0]).unwrap();
        let mut names = Vec::new();
        for (prefix, object) in [
            ("", &digest),
            ("", &draft),
            ("counts.", &digest["counts"]),
            ("item.", &digest["urgent"][0]),
            ("", &digest["places"]),
            ("", &digest["roll_up"]),
        ] {
            names.extend(object.as_object().unwrap().keys().map(|name| format!("{prefix}{name}")));
        }
        assert!(names.len() > 80, "{names:?}");
        for name in names {
            assert!(manual.contains(&format!("`{name}`")), "docs/DIGESTS.md does not name {name}");
        }
    }

    /// The text of a page without tags, white space and hidden marks.
    fn words(html: &str) -> String {
        let body = html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
        let mut out = String::new();
        let mut hidden = false;
        for part in body.split('<') {
            let (tag, text) = part.split_once('>').unwrap_or(("", part));
            hidden = tag.contains("aria-hidden") || (hidden && tag != "/div");
            if !hidden {
                out.push_str(text);
            }
        }
        out.replace("&nbsp;", "").replace("&amp;", "&").replace("&#x2f;", "/").chars().filter(|c| !c.is_whitespace()).collect()
    }

    #[test]
    fn both_bodies_have_the_same_content() {
        for started in [true, false] {
            let mut fixture = Fixture::new();
            fixture.started = started;
            let planned = fixture.plan();
            for digest in &planned.digests {
                let rendered = shipped().render("digest", digest).unwrap();
                let (html, text) = (words(&rendered.html), rendered.text.split_whitespace().collect::<String>());
                // every line of the text body is in the page
                for line in rendered.text.lines() {
                    let line: String = line.trim_matches([' ', '-', '·']).split_whitespace().collect();
                    assert!(html.contains(&line), "{}: “{line}” is not in\n{html}", digest.subject);
                }
                assert_eq!(html.chars().filter(char::is_ascii_digit).count(), text.chars().filter(char::is_ascii_digit).count());
                for item in &digest.sections.urgent {
                    assert!(html.contains(&item.code) && text.contains(&item.code));
                }
                assert!(!rendered.text.contains("\n\n\n"), "{}", rendered.text);
            }
        }
    }
}
