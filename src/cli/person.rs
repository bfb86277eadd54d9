//! The options by which a person gives name and reason for what is recorded.

use crate::app::person::{Person, has_name};
use clap::Args;

#[derive(Args, Default)]
pub(crate) struct PersonArguments {
    /// Who does it (default: the user who is logged in)
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// Why
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

impl PersonArguments {
    /// The name that was given, or the user who is logged in.
    pub(crate) fn who(&self) -> String {
        let named = |by: &&String| has_name(by);
        #[allow(clippy::disallowed_methods, reason = "the user's name for the audit; it configures nothing")]
        let user =
            || ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
        self.by.as_ref().filter(named).cloned().or_else(user).unwrap_or_else(|| "未署名".into())
    }

    /// The person as a use case records it; `who` comes from [`PersonArguments::who`].
    pub(crate) fn person<'a>(&'a self, who: &'a str) -> Person<'a> {
        Person { who, why: self.why() }
    }

    /// The person as a use case records it, where nobody may act without name and reason. `act`: what is to be done, for the message.
    ///
    /// # Errors
    /// Name or reason is missing.
    pub(crate) fn named(&self, act: &str) -> anyhow::Result<Person<'_>> {
        let person = Person { who: self.by.as_deref().map(str::trim).unwrap_or_default(), why: self.reason.trim() };
        person.ensure_named(act)?;
        Ok(person)
    }

    /// The reason that was given.
    fn why(&self) -> &str {
        if self.reason.trim().is_empty() { "未写明" } else { self.reason.trim() }
    }
}
