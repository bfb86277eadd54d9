//! The sources of rows: a file or a query, which child processes read and take in. What they send comes through a channel of blocks.

use crate::config::settings::Limits;
use crate::config::source_settings::{DatabaseSource, FolderSource, Origin, SourceSettings};
use crate::domain::database_url::DatabaseUrl;
use crate::domain::disk_fault::in_words;
use crate::domain::register::ledger::Ledger;
use crate::domain::source_choice::{ChosenBy, NoChoice, choose};
use crate::source::child::{Answers, Dialogue, ReadFailure, Rows};
use crate::source::folder;
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::sql::{Database, Query};
use crate::worker::import::importer::Importer;
use crate::worker::import::pull_report::{PullError, interrupted};
use crate::worker::import::taken::Task;
use crate::worker::private_files::{read_password, shown_password_file};
use chrono::{DateTime, TimeDelta, Utc};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

/// A file or a query to read.
#[derive(Clone, Debug)]
pub enum Input {
    File(PathBuf),
    Query(Query),
}

impl Input {
    /// The name of the source in reports and notes.
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            Input::Query(query) => query.source.clone(),
        }
    }

    /// What a refusal names as the place of the error.
    pub fn place(&self) -> String {
        match self {
            Input::File(path) => path.display().to_string(),
            Input::Query(query) => format!("来源“{}”的数据库查询", query.source),
        }
    }

    /// The most rows of a query, which has a limit of its own.
    pub fn rows_max(&self) -> Option<u32> {
        match self {
            Input::File(_) => None,
            Input::Query(query) => Some(query.rows_max),
        }
    }

    /// Lets the columns of a query be named by the ids of fields, because nobody writes Chinese headers in SQL.
    pub fn adapt(&self, ledgers: &mut [Ledger]) {
        if matches!(self, Input::Query(_)) {
            for field in ledgers.iter_mut().flat_map(|ledger| &mut ledger.fields) {
                field.aliases.push(field.id.clone());
            }
        }
    }
}

/// The number of blocks that may wait for the store.
const BLOCKS_AHEAD: usize = 8;

/// A reading that has begun.
pub(crate) struct Reading {
    /// What was taken in.
    pub blocks: Receiver<Vec<u8>>,
    pub answers: Answers,
    /// The sha256 of what was read.
    pub ended: JoinHandle<Result<String, ReadFailure>>,
}

/// What a source reads now.
pub struct Resolved {
    pub input: Input,
    /// Which file of a folder was chosen and why.
    pub picked: Option<String>,
}

/// What a source reads now: its file, the newest file of its folder, or its query with the password.
///
/// # Errors
/// The folder has no file to read, or the password file cannot be read.
pub fn resolve(root: &Path, now: DateTime<Utc>, columns_max: u32, source: &SourceSettings) -> Result<Resolved, PullError> {
    match source.origin() {
        Origin::File(path) => Ok(Resolved { input: Input::File(root.join(path)), picked: None }),
        Origin::Folder(of) => pick(root, now, &of),
        Origin::Database(of) => {
            let query = query(root, columns_max, &source.name, &of)
                .map_err(|refusal| PullError::Refused { file: format!("来源“{}”", source.name), refusal })?;
            Ok(Resolved { input: Input::Query(query), picked: None })
        }
    }
}

fn pick(root: &Path, now: DateTime<Utc>, of: &FolderSource<'_>) -> Result<Resolved, PullError> {
    let path = root.join(of.folder);
    let refused = |refusal: Refusal| PullError::Refused { file: of.folder.to_owned(), refusal };
    let (listed, mut paths): (Vec<_>, Vec<_>) = folder::list(&path, of.marker).map_err(refused)?.into_iter().unzip();
    let still_written = |names: &[String]| format!("{}刚写入不满{}秒，可能还在复制，本次不读取", names.join("、"), of.quiet_seconds);
    let choice = choose(&listed, of.pattern, now, TimeDelta::seconds(i64::from(of.quiet_seconds))).map_err(|none| {
        refused(match none {
            NoChoice::Empty => Refusal::new("文件夹是空的", "请放入台账文件"),
            NoChoice::NoMatch(files) => {
                Refusal::new(format!("文件夹中有{files}个文件，没有符合“{}”的", of.pattern), "请核对文件名，或修改配置中的pattern")
            }
            NoChoice::BeingWritten(names) => Refusal::new(still_written(&names), "请等复制完成后再读取"),
        })
    })?;
    let rule = match choice.by {
        ChosenBy::Only => String::new(),
        ChosenBy::NameDate(date) => format!("，按文件名中的日期（{date}）"),
        ChosenBy::Modified(_) => "，按修改时间".to_owned(),
        ChosenBy::Name => "，按文件名".to_owned(),
    };
    let mut picked = format!("{}：符合“{}”的文件有{}个，读取“{}”{rule}", of.folder, of.pattern, choice.of, listed[choice.index].name);
    if !choice.being_written.is_empty() {
        picked.push_str(&format!("；{}", still_written(&choice.being_written)));
    }
    Ok(Resolved { input: Input::File(paths.swap_remove(choice.index)), picked: Some(picked) })
}

fn query(root: &Path, columns_max: u32, source: &str, of: &DatabaseSource<'_>) -> Result<Query, Refusal> {
    let database = match of.url {
        DatabaseUrl::Sqlite(path) => Database::Sqlite(root.join(path.strip_prefix("//").unwrap_or(path))),
        DatabaseUrl::Postgres(url) => {
            let password = of.password_file.map(|file| {
                let path = root.join(file);
                read_password(&path).map_err(|error| {
                    let words = format!("密码文件{}无法读取：{}", shown_password_file(&path), in_words(&error));
                    Refusal::new(words, "请新建文件，权限0600，内容一行，并把文件名（不是密码）写在password_file")
                })
            });
            Database::Postgres {
                url: url.exposed().to_owned(),
                password: password.transpose()?.map(|password| password.exposed().to_owned()),
            }
        }
    };
    Ok(Query {
        source: source.to_owned(),
        database,
        text: of.query.to_owned(),
        rows_max: of.rows_max,
        columns_max,
        timeout: Duration::from_secs(u64::from(of.timeout_seconds)),
    })
}

/// The limits for reading a file.
pub(crate) fn read_limits(limits: &Limits) -> ReadLimits {
    ReadLimits {
        file_mib_max: limits.file_mib_max,
        memory_mib: limits.parse_memory_mib,
        seconds: limits.parse_seconds,
        rows_max: limits.rows_max,
        columns_max: limits.columns_max,
    }
}

impl Importer {
    /// The limits for reading a file, from the configuration.
    pub(crate) fn read_limits(&self) -> ReadLimits {
        read_limits(&self.config.settings.limits)
    }

    /// Begins to read and to take in. Blocks of frames come through the channel, and what the child asks is answered through the answers; the task
    /// returns the sha256 of what was read.
    ///
    /// # Errors
    /// No child can be started.
    pub(crate) fn begin_taking_in(&self, mut rows: Rows, task: &Task<'_>) -> Result<Reading, Refusal> {
        let (dialogue, answers) = Dialogue::new()?;
        let task = task.pack().map_err(interrupted)?;
        let (sender, blocks) = tokio::sync::mpsc::channel::<Vec<u8>>(BLOCKS_AHEAD);
        let (parser, limits) = (self.parser.clone(), self.read_limits());
        // a closed receiver ends the reading without an error, because the receiving side reports its own
        let take = move |block| sender.blocking_send(block).is_ok();
        let ended = tokio::task::spawn_blocking(move || {
            let of_rows = parser.take_in(&mut rows, limits, dialogue, &task, take)?;
            Ok(match rows {
                Rows::File(file) => file.sha256,
                Rows::Query(_) => of_rows,
            })
        });
        Ok(Reading { blocks, answers, ended })
    }
}
