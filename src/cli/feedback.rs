//! `duban feedback` and `duban key`: the answers of units, and the keys that prove their forms.

use crate::app::audit::record_export;
use crate::app::compose::App;
use crate::app::feedback::{self, WhichAnswer};
use crate::app::keys;
use crate::app::person::Person;
use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum FeedbackAction {
    /// The answers, newest first, with who handed each in
    List {
        /// Only of this unit (code or name)
        #[arg(long)]
        unit: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: i64,
        #[command(flatten)]
        person: PersonArguments,
    },
    /// Take an answer back: its number in the list, or ledger and code for the last one on a record
    Withdraw {
        #[arg(num_args = 1..=2, required = true, value_names = ["NUMBER_OR_LEDGER", "CODE"])]
        which: Vec<String>,
        /// Who takes it back
        #[arg(long)]
        by: String,
        #[arg(long)]
        reason: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum KeyAction {
    /// The keys without their secrets
    List,
    /// Use a new key for feedback forms from now on; forms that were sent stay valid
    Rotate {
        #[arg(long)]
        by: String,
        #[arg(long)]
        reason: String,
    },
    /// Revoke a key: forms made with it are sent back
    Revoke {
        id: i64,
        #[arg(long)]
        by: String,
        #[arg(long)]
        reason: String,
    },
}

pub(crate) async fn feedback(app: &App, action: FeedbackAction) -> anyhow::Result<Exit> {
    match action {
        FeedbackAction::List { unit, limit, person } => {
            let of = unit.as_deref().unwrap_or("all units");
            record_export(app, "export feedback", of, person.person(&person.who())).await?;
            let policy = &app.config().policy;
            for row in feedback::list(app.importer(), unit.as_deref(), limit).await? {
                let answer = &row.answer;
                let unit = policy.units.units.iter().find(|unit| unit.code == answer.unit).map_or(answer.unit.as_str(), |unit| &unit.name);
                let text = policy.ledger(&answer.ledger).map_or(String::new(), |ledger| answer.text(&policy.ledgers[ledger]));
                let withdrawn = if row.withdrawn { " 已撤回" } else { "" };
                print_line!(
                    "{}{withdrawn} {} {} {unit} {}：{text}（交件：{} {} {}）",
                    row.no,
                    answer.ledger,
                    answer.code,
                    answer.by(),
                    row.received_at,
                    row.sender,
                    row.file
                );
            }
            Ok(Exit::Done)
        }
        FeedbackAction::Withdraw { which, by, reason } => {
            let which = match &which[..] {
                [number] => WhichAnswer::Number(number.parse().map_err(|_| {
                    anyhow::anyhow!("“{number}”不是反馈的编号；编号见 duban feedback list 每行开头，也可以写台账和项目编号")
                })?),
                [ledger, code, ..] => WhichAnswer::LastOn(ledger.clone(), code.clone()),
                [] => anyhow::bail!("请写明哪一次反馈：编号见 duban feedback list"),
            };
            let answer = feedback::withdraw(app.importer(), which, Person { who: &by, why: &reason }).await?;
            print_line!("{} {} 的反馈（{}）已撤回，下次执行起以前一次反馈为准", answer.ledger, answer.code, answer.by());
            Ok(Exit::Done)
        }
    }
}

pub(crate) async fn key(app: &App, action: KeyAction) -> anyhow::Result<Exit> {
    match action {
        KeyAction::List => {
            for key in keys::list(app.importer()).await? {
                let state = match (key.revoked_at.is_empty(), key.valid_until.is_empty()) {
                    (false, _) => format!("已作废（{}）", key.revoked_at),
                    (true, false) => format!("已停用（{}），所发反馈表仍有效", key.valid_until),
                    (true, true) => "使用中".to_owned(),
                };
                print_line!("{} {} 自{} {state}", key.id, key.purpose, key.valid_from);
            }
        }
        KeyAction::Rotate { by, reason } => {
            let id = keys::rotate(app.importer(), Person { who: &by, why: &reason }).await?;
            print_line!("已启用第{id}号密钥；此前发出的反馈表仍有效");
        }
        KeyAction::Revoke { id, by, reason } => {
            keys::revoke(app.importer(), id, Person { who: &by, why: &reason }).await?;
            print_line!("第{id}号密钥已作废；用它编制的反馈表不再收，请重新发出提醒");
        }
    }
    Ok(Exit::Done)
}
