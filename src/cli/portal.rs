//! `portal`: the accounts of the pages, without a browser.

use crate::app::accounts::{self, CODE_MINUTES, NewAccount};
use crate::app::compose::App;
use crate::app::passwords::Passwords;
use crate::cli::exit::Exit;
use crate::cli::local_time::local;
use crate::cli::person::PersonArguments;
use crate::cli::waiting::announced;
use crate::clock::Clock;
use crate::domain::account::AccountRoles;
use crate::worker::private_files::read_password;
use anyhow::Context;
use clap::Subcommand;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum PortalAction {
    /// Print a code with which whoever opens the portal makes the account of an administrator
    Admin {
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Accounts: add, list, end, set a new password
    User {
        #[command(subcommand)]
        action: UserAction,
    },
}

#[derive(Subcommand)]
pub(crate) enum UserAction {
    /// Add an account
    Add {
        name: String,
        /// Code or name of the unit
        #[arg(long)]
        unit: String,
        /// Joined by commas: viewer 查看, handler 经办, clerk 办公, releaser 签发, administrator 管理员, auditor 审计员
        #[arg(long)]
        role: String,
        /// File that holds the first password (mode 0600)
        #[arg(long)]
        password_file: PathBuf,
        /// Its owner has to choose another password at the next login
        #[arg(long)]
        must_change: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// The accounts
    List {
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// End an account and its sessions for good
    End {
        name: String,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Set the password of an account, and end its sessions
    Reset {
        name: String,
        /// File that holds the password (mode 0600)
        #[arg(long)]
        password_file: PathBuf,
        /// Its owner has to choose another password at the next login
        #[arg(long)]
        must_change: bool,
        #[command(flatten)]
        person: PersonArguments,
    },
}

/// Runs one action on the accounts.
pub(crate) async fn portal(root: &Path, action: PortalAction) -> anyhow::Result<Exit> {
    let app = announced(App::open_for_pages(root, Clock::System)).await?;
    let sessions = app.sessions().await?.store().await?;
    let password = |file: &Path| read_password(file).with_context(|| format!("--password-file: cannot read {}", file.display()));
    match action {
        PortalAction::Admin { person } => {
            let who = person.who();
            let code = accounts::first_administrator_code(&app, &sessions, person.person(&who)).await?;
            print_line!("启用码：{code}");
            if !app.config().settings.pages().enabled {
                print_line!("注意：config/duban.toml关闭了网页（[portal] enabled = false），改为true并重新启动服务后才能使用启用码。");
            }
            print_line!("{CODE_MINUTES}分钟内在网页的 /login/first 输入，只能用一次；得到的账号是办公室的管理员。");
        }
        PortalAction::User { action: UserAction::Add { name, unit, role, password_file, must_change, person } } => {
            let who = person.who();
            let account = NewAccount { name: &name, unit: &unit, roles: &role, must_change };
            let roles = accounts::add(&app, &Passwords::new()?, account, password(&password_file)?.exposed(), person.person(&who)).await?;
            print_line!("已建立账号“{name}”（{unit}，{}）。{}", roles.words(), change_note(must_change));
        }
        PortalAction::User { action: UserAction::List { format } } => list(&app, &format).await?,
        PortalAction::User { action: UserAction::End { name, person } } => {
            let who = person.who();
            accounts::end(&app, &sessions, &name, person.person(&who)).await?;
            print_line!("账号“{name}”已停用，它的登录已退出。");
        }
        PortalAction::User { action: UserAction::Reset { name, password_file, must_change, person } } => {
            let who = person.who();
            let passwords = Passwords::new()?;
            accounts::reset(&app, &sessions, &passwords, &name, password(&password_file)?.exposed(), must_change, person.person(&who))
                .await?;
            print_line!("账号“{name}”的密码已重置，它的登录已退出。{}", change_note(must_change));
        }
    }
    app.seal_audit().await?;
    Ok(Exit::Done)
}

/// What the owner of an account does about a password that somebody else has set.
fn change_note(must_change: bool) -> &'static str {
    if must_change { "下次登录时须自行更改密码。" } else { "请本人登录后在“我的账号”中更改密码。" }
}

async fn list(app: &App, format: &str) -> anyhow::Result<()> {
    for account in accounts::list(app.store()).await? {
        if format == "json" {
            let roles: Vec<&str> = account.roles.split(',').collect();
            print_line!(
                "{}",
                json!({
                    "name": account.name, "unit": account.unit, "roles": roles, "created_at": account.created_at,
                    "created_by": account.created_by, "ended_at": account.ended_at, "must_change": account.must_change,
                })
            );
            continue;
        }
        let roles = AccountRoles::parse(&account.roles).map(|roles| roles.words()).unwrap_or_default();
        let ended = if account.ended_at.is_empty() { String::new() } else { format!(" 已停用（{}）", local(&account.ended_at)) };
        print_line!("{} {} {roles} 建立于{}{ended}", account.name, account.unit, local(&account.created_at));
    }
    Ok(())
}
