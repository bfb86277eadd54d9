//! Where the rows of a pull come from: a file that the child parses, or a query. Both feed the same channel of blocks.

use crate::config::source_settings::{DatabaseSource, FolderSource, Origin, SourceSettings};
use crate::domain::register::ledger::Ledger;
use crate::domain::source_choice::{ChosenBy, NoChoice, choose};
use crate::source::folder;
use crate::source::frame::Block;
use crate::source::refusal::{ReadLimits, Refusal};
use crate::source::sql;
use crate::source::sql::{Database, Query};
use crate::worker::import::importer::Importer;
use crate::worker::import::puller::{PullError, PullReport, PullRequest};
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

/// What is read.
#[derive(Clone, Debug)]
pub enum Input {
    File(PathBuf),
    Query(Query),
}

impl Input {
    /// The name rows are reported under.
    pub fn name(&self) -> String {
        match self {
            Input::File(path) => path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()),
            Input::Query(query) => query.source.clone(),
        }
    }

    /// Where to look when it is refused.
    pub fn place(&self) -> String {
        match self {
            Input::File(path) => path.display().to_string(),
            Input::Query(query) => format!("来源“{}”的数据库查询", query.source),
        }
    }

    /// A query's columns may bear the ids of fields: nobody writes headers in SQL.
    pub fn adapt(&self, ledgers: &mut [Ledger]) {
        if matches!(self, Input::Query(_)) {
            for field in ledgers.iter_mut().flat_map(|ledger| &mut ledger.fields) {
                field.aliases.push(field.id.clone());
            }
        }
    }
}

/// A source as it can be read now.
pub struct Resolved {
    pub input: Input,
    /// Which file of a folder was chosen and why.
    pub picked: Option<String>,
}

/// Finds what a source reads now: its file, the newest file of its folder, its query with the password.
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
    let settling = |names: &[String]| format!("{}刚写入不满{}秒，可能还在复制，本次不读取", names.join("、"), of.quiet_seconds);
    let choice = choose(&listed, of.pattern, now, TimeDelta::seconds(i64::from(of.quiet_seconds))).map_err(|none| {
        refused(match none {
            NoChoice::Empty => Refusal::new("文件夹是空的", "请放入台账文件"),
            NoChoice::NoMatch(files) => {
                Refusal::new(format!("文件夹中有{files}个文件，没有符合“{}”的", of.pattern), "请核对文件名，或修改配置中的pattern")
            }
            NoChoice::BeingWritten(names) => Refusal::new(settling(&names), "请等复制完成后再读取"),
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
        picked.push_str(&format!("；{}", settling(&choice.being_written)));
    }
    Ok(Resolved { input: Input::File(paths.swap_remove(choice.index)), picked: Some(picked) })
}

fn query(root: &Path, columns_max: u32, source: &str, of: &DatabaseSource<'_>) -> Result<Query, Refusal> {
    let database = match of.url.strip_prefix("sqlite:") {
        Some(path) => Database::Sqlite(root.join(path.strip_prefix("//").unwrap_or(path))),
        None => {
            let password = of.password_file.map(|file| {
                let path = root.join(file);
                std::fs::read_to_string(&path).map_err(|error| {
                    Refusal::new(format!("密码文件{}无法读取：{error}", path.display()), "请新建该文件，权限0600，内容一行")
                })
            });
            let password = password.transpose()?.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
            Database::Postgres { url: of.url.to_owned(), password }
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

impl Importer {
    /// Pulls a configured source.
    ///
    /// # Errors
    /// As [`Importer::pull`], or the source has nothing to read.
    pub async fn pull_source(&self, source: &SourceSettings, accept: bool) -> Result<PullReport, PullError> {
        let resolved = resolve(&self.root, self.clock.now(), self.config.settings.limits.columns_max, source)?;
        if let Some(picked) = &resolved.picked {
            tracing::info!(source = %source.name, picked, "a file was chosen");
        }
        let request =
            PullRequest { input: resolved.input, source: source.name.clone(), sample: source.sample, covers_on: None, accept, only: None };
        let report = self.pull(&self.config.policy, &request).await?;
        Ok(PullReport { picked: resolved.picked, ..report })
    }

    /// Begins to read; blocks of rows come through the channel, the fingerprint at the end.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn begin_reading(
        &self,
        input: &Input,
        limits: ReadLimits,
        sender: Sender<Block>,
    ) -> Result<JoinHandle<Result<String, Refusal>>, Refusal> {
        // a receiver that is gone has its reasons
        Ok(match input.clone() {
            Input::File(path) => {
                let unreadable = |error: std::io::Error| Refusal::new(format!("文件无法打开：{error}"), "请检查文件是否存在、路径是否正确");
                let file = open(&path).map_err(unreadable)?;
                let parser = self.parser.clone();
                tokio::task::spawn_blocking(move || {
                    std::thread::scope(|scope| {
                        let sha256 = scope.spawn(|| fingerprint(file));
                        parser.read(&path, limits, |block| sender.blocking_send(block).is_ok())?;
                        let sha256 = sha256.join().map_err(|_| std::io::Error::other("interrupted")).flatten();
                        sha256.map_err(unreadable)
                    })
                })
            }
            Input::Query(query) => tokio::spawn(async move {
                let take = |block| {
                    let sender = sender.clone();
                    async move { sender.send(block).await.is_ok() }
                };
                // the database has its own limit; this is for one that never answers
                match tokio::time::timeout(query.timeout, sql::read(&query, take)).await {
                    Ok(read) => read,
                    Err(_) => Err(query.timed_out()),
                }
            }),
        })
    }
}

pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() { Err(std::io::Error::other("是文件夹")) } else { Ok(file) }
}

/// The sha256 of a file's bytes.
pub(crate) fn fingerprint(mut file: File) -> std::io::Result<String> {
    let mut hasher = Context::new(&SHA256);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(hex::encode(hasher.finish())),
            count => hasher.update(&bytes[..count]),
        }
    }
}
