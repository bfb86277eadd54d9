//! The templates of the pages, compiled in, and the frame that all pages have.

use crate::app::login::Visitor;
use crate::config::load::Config;
use crate::domain::account::AccountRole;
use crate::web::assets;
use crate::web::reply::Page;
use crate::web::routes::{ROUTES, Route};
use axum::routing::MethodFilter;
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context, escape_formatter};

const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("templates/base.html.j2")),
    ("parts.html", include_str!("templates/parts.html.j2")),
    ("account.html", include_str!("templates/account.html.j2")),
    ("accounts.html", include_str!("templates/accounts.html.j2")),
    ("audit.html", include_str!("templates/audit.html.j2")),
    ("fault.html", include_str!("templates/fault.html.j2")),
    ("finding.html", include_str!("templates/finding.html.j2")),
    ("findings.html", include_str!("templates/findings.html.j2")),
    ("first.html", include_str!("templates/first.html.j2")),
    ("login.html", include_str!("templates/login.html.j2")),
    ("overview.html", include_str!("templates/overview.html.j2")),
    ("ledgers.html", include_str!("templates/ledgers.html.j2")),
    ("message.html", include_str!("templates/message.html.j2")),
    ("record.html", include_str!("templates/record.html.j2")),
    ("records.html", include_str!("templates/records.html.j2")),
    ("recovery.html", include_str!("templates/recovery.html.j2")),
    ("reports.html", include_str!("templates/reports.html.j2")),
    ("run.html", include_str!("templates/run.html.j2")),
    ("runs.html", include_str!("templates/runs.html.j2")),
    ("system.html", include_str!("templates/system.html.j2")),
    ("unit.html", include_str!("templates/unit.html.j2")),
    ("units.html", include_str!("templates/units.html.j2")),
    ("sending.html", include_str!("templates/sending.html.j2")),
];

/// The templates of all pages.
#[derive(Debug)]
pub(crate) struct Templates(Environment<'static>);

/// What a page shows around its own content.
pub(crate) struct Frame<'a> {
    pub(crate) config: &'a Config,
    /// The path of its route.
    pub(crate) path: &'a str,
    pub(crate) visitor: Option<&'a Visitor>,
    pub(crate) form_token: &'a str,
    /// What the last act did; empty = nothing.
    pub(crate) message: &'a str,
    /// The browser shows big letters.
    pub(crate) is_big: bool,
    /// Where the switch of the letters leads back to.
    pub(crate) back: &'a str,
}

impl Templates {
    /// # Errors
    /// A template is wrong.
    pub(crate) fn new() -> anyhow::Result<Templates> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(formatted);
        for (name, text) in TEMPLATES {
            environment.add_template(name, text)?;
        }
        Ok(Templates(environment))
    }

    /// A page as HTML. `is_plain`: the page crosses a network in plain text.
    ///
    /// # Errors
    /// The template names a value that it did not get, or the page hides one of the frame.
    pub(crate) fn page(&self, page: &Page, frame: &Frame<'_>, is_plain: bool) -> Result<String, minijinja::Error> {
        let settings = &frame.config.settings;
        let units = &frame.config.policy.units;
        let own_unit = frame.visitor.map_or("", |visitor| units.units[visitor.unit].name.as_str());
        let menu: Vec<Value> = frame.visitor.map_or_else(Vec::new, |visitor| menu(visitor, visitor.unit == units.office(), frame.path));
        let around = context! {
            title => page.title,
            own_unit,
            office => &settings.office.name,
            contact => &settings.office.contact,
            account => frame.visitor.map_or("", |visitor| visitor.account.name.as_str()),
            csrf => frame.form_token,
            message => frame.message,
            menu,
            is_plain,
            is_big => frame.is_big,
            letters_back => frame.back,
            style => assets::path_of("portal.css"),
        };
        for name in page.values.try_iter()? {
            if !around.get_item(&name)?.is_undefined() {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("page {}: the frame has a value {name} too", page.template)));
            }
        }
        self.0.get_template(&format!("{}.html", page.template))?.render(context! { ..around, ..page.values.clone() })
    }
}

/// Writes a value into a page. A text is escaped as HTML asks for, and no more, so that an address stays legible.
fn formatted(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let Some(text) = value.as_str().filter(|_| !value.is_safe()) else { return escape_formatter(out, state, value) };
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        out.write_str(&rest[..at])?;
        out.write_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &rest[at + 1..];
    }
    Ok(out.write_str(rest)?)
}

/// The pages that a visitor may ask for. Below an entry another one may have its own.
fn menu(visitor: &Visitor, is_office: bool, path: &str) -> Vec<Value> {
    let is_entry = |route: &&Route| !route.menu.is_empty() && route.method == MethodFilter::GET;
    let shown = ROUTES.iter().filter(is_entry).filter(|route| route.admits.admit(&visitor.roles, is_office));
    let here = shown.clone().filter(|route| is_below(path, route.path)).max_by_key(|route| route.path.len()).map(|route| route.path);
    shown.map(|route| context! { path => route.path, word => route.menu, is_here => Some(route.path) == here }).collect()
}

/// Whether the path of a route is that of an entry of the menu, or below it.
fn is_below(path: &str, entry: &str) -> bool {
    path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || entry != "/" && rest.starts_with('/'))
}

/// Where a visitor begins: the page on top of the menu.
pub(crate) fn first_page(visitor: &Visitor) -> &'static str {
    if visitor.roles.holds(AccountRole::Auditor) { "/system/audit" } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_register_is_text() {
        let mut templates = Templates::new().unwrap();
        templates.0.add_template("t.html", "<a href=\"{{ text }}\">{{ text }}</a>{{ 12 }}").unwrap();
        let shown = templates.0.get_template("t.html").unwrap().render(context! { text => "/a?b=1&c=<i>\"'" }).unwrap();
        let escaped = "/a?b=1&amp;c=&lt;i&gt;&quot;&#39;";
        assert_eq!(shown, format!("<a href=\"{escaped}\">{escaped}</a>12"));
        assert!(templates.0.get_template("t.html").unwrap().render(context! {}).is_err(), "a value that is missing is an error");
    }
}
