//! The emergency stop: what is printed of it, and the file that stops all sending where the database takes nothing.

use crate::cli::exit::Exit;
use crate::cli::person::PersonArguments;
use crate::domain::disk_fault::in_words;
use crate::worker::deliver::hold_file::HoldFile;
use anyhow::bail;
use std::path::Path;

/// What is printed when a person stops all sending.
pub(crate) const HELD: &str = "全部发送已暂停，新的邮件照常生成，留在发件箱；恢复：duban outbox release --sending";
pub(crate) const HELD_BEFORE: &str = "发送此前已暂停";

/// Stops all sending by a file, where the database takes nothing.
pub(crate) fn hold_by_file(var: &Path, person: &PersonArguments) -> anyhow::Result<Exit> {
    let who = person.who();
    let by = person.person(&who);
    match HoldFile::below(var).write(by.who, by.why) {
        Ok(()) => print_line!("{HELD}（数据库不能写入，已记在var/sending.hold）"),
        Err(error) => {
            bail!("暂停没有记下（{}）。数据库和磁盘都不能写入，此时没有邮件能发出；恢复写入后请立即再执行一次本命令", in_words(&error))
        }
    }
    Ok(Exit::Done)
}
