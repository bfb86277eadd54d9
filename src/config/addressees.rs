//! What of a configuration decides who gets what: recipients, mailboxes, acts and domains. A change of it waits for a person.

use crate::config::load::Config;

/// Whether two configurations address the same mails and acts to the same mailboxes.
pub fn have_same_addressees(one: &Config, other: &Config) -> bool {
    addressees(one) == addressees(other)
}

/// Everything that decides who gets what, in a fixed order.
fn addressees(config: &Config) -> Vec<String> {
    let Config { settings, policy, jobs, .. } = config;
    let mut out = Vec::new();
    let name = |unit: usize| policy.units.units[unit].code.as_str();
    for unit in &policy.units.units {
        let over = (unit.parent.map(name), unit.place.map(name), unit.into.map(name));
        out.push(format!("unit {} {} {:?} {over:?} {:?} {:?}", unit.code, unit.name, unit.level, unit.mailbox, unit.term));
    }
    for rule in &policy.rules {
        let steps: Vec<_> = rule.ladder.iter().map(|step| (step.act, &step.relations)).collect();
        out.push(format!("rule {} {:?} {steps:?} {:?}", rule.id, rule.owner, rule.repeated));
    }
    for job in jobs {
        let mailed = (&job.levels, job.rhythm, &job.drafts, &job.attachment);
        let packs: Vec<_> = job.packs.iter().map(|pack| format!("{pack:?}")).collect();
        out.push(format!("job {} {:?} {mailed:?} {packs:?}", job.name, job.steps));
    }
    let mail = &settings.mail;
    let server = mail.smtp.as_ref().map(|smtp| (&smtp.host, smtp.port, &smtp.user));
    let ours = (&mail.from, &mail.reply_to, &mail.allowed_domains, &mail.test_to, &mail.two_persons, server);
    out.push(format!("mail {ours:?}"));
    out.push(format!("operator {:?}", settings.operator));
    for path in ["config/dispatch.toml", "config/industries.toml", "config/secrecy.toml"] {
        out.push(format!("{path} {:?}", config.files.get(path)));
    }
    out
}
