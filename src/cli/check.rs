//! `check` and `sample`, which need no database.

use crate::app::check;
use crate::app::check::{Checked, sample_as_of};
use crate::app::check_text::check_text;
use crate::app::compose;
use crate::app::configuration;
use crate::app::reports::{check_projects, write_sample};
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use crate::cli::print;
use crate::clock::Clock;
use std::path::Path;

/// Prints what the configuration will do. With `connect`, tries the mail server as well.
///
/// # Errors
/// The configuration has problems; the message lists all of them.
pub(crate) async fn check(root: &Path, clock: &Clock, connect: bool) -> anyhow::Result<Exit> {
    let checked = check::check(root, clock)?;
    for line in check_text(root, clock, &checked.config, &checked.sources).await? {
        print_line!("{line}");
    }
    let connected = if connect { try_mail_server(&checked).await } else { Exit::Done };
    let mut wrong = check::exposed(root, &checked.config)?.0;
    wrong.extend(check::taken_prefixes(root, &checked.config).await?.0);
    for problem in &wrong {
        print_error!("error: {problem}");
    }
    let faults = [check::unwritable(root), check::database_fault(root, &checked.config).await?];
    for problem in faults.iter().flatten() {
        print_error!("error: {problem}");
    }
    if faults.iter().all(Option::is_none)
        && let Some(text) = configuration::waiting_at(root, &checked.config).await?
    {
        print_line!("注意：{text}");
    }
    let is_fine = wrong.is_empty() && faults.iter().all(Option::is_none);
    Ok(connected.or_worse(if is_fine { Exit::Done } else { Exit::Failed }))
}

/// Checks the configuration and puts it in force in the name of a person.
///
/// # Errors
/// As [`check()`], or name or reason is missing, or the database fails.
pub(crate) async fn apply(root: &Path, clock: &Clock, connect: bool, person: &PersonArguments) -> anyhow::Result<Exit> {
    let by = person.named("使配置生效")?;
    let checked = check(root, clock, connect).await?;
    match configuration::apply(root, clock, by).await? {
        Some(changed) => print::block(&format!("配置已生效：\n{changed}\n")),
        None => print_line!("配置没有变化，已在使用"),
    }
    Ok(checked)
}

/// Connects to the mail server, logs in and names sender and the office's own mailbox, without sending anything, and prints what came of it.
async fn try_mail_server(checked: &Checked) -> Exit {
    match checked.mailer.try_out(&checked.config.settings.mail.reply_to).await {
        None => print_line!("  没有设置[mail.smtp]，邮件写入var/outbox"),
        Some(Ok(())) => print_line!("  邮件服务器：连接、加密、登录正常，发件人和办公室的邮箱可用，未发送邮件"),
        Some(Err(fault)) => {
            print_line!("  注意：{}（{fault}）。{}", fault.kind.word(), fault.kind.advice());
            return Exit::Failed;
        }
    }
    Exit::Done
}

/// Writes a sample register and prints where.
pub(crate) fn sample(root: &Path, projects: usize, file: &Path) -> anyhow::Result<Exit> {
    check_projects(projects)?;
    let written = write_sample(&compose::load_config(root)?, projects, sample_as_of()?, file)?;
    print_line!("{}（{projects}个项目，{}字节，sha256 {}）", written.path.display(), written.bytes, &written.sha256[..12]);
    Ok(Exit::Done)
}
