//! Lists the files of a folder with their times, without opening them. `domain::source_choice` decides which one is read.

use crate::domain::disk_fault::in_words;
use crate::domain::source_choice::FolderFile;
use crate::source::input_file::{OPEN_SECONDS, within_time};
use crate::source::refusal::Refusal;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// The regular files of a folder with their paths, in no order. `marker` is a file that is only there while the folder is mounted. Blocking.
///
/// # Errors
/// The folder is missing, not mounted or not readable, or does not answer in time.
pub fn list(folder: &Path, marker: Option<&str>) -> Result<Vec<(FolderFile, PathBuf)>, Refusal> {
    let marker = marker.map(str::to_owned);
    within_time(folder, OPEN_SECONDS, move |folder, _| list_now(folder, marker.as_deref()))
}

fn list_now(folder: &Path, marker: Option<&str>) -> Result<Vec<(FolderFile, PathBuf)>, Refusal> {
    if let Some(marker) = marker
        && !folder.join(marker).try_exists().map_err(|error| unreadable(folder, &error))?
    {
        let reason = format!("文件夹{}中没有标志文件“{marker}”，可能没有挂载", folder.display());
        return Err(Refusal::new(reason, "请检查网络位置或磁盘是否已挂载"));
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if Some(name.as_str()) == marker {
            continue;
        }
        let metadata = match std::fs::metadata(entry.path()) {
            Ok(metadata) => metadata,
            // removed meanwhile, a link to nothing, or links in a circle: it is no file
            Err(error) if error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP) => continue,
            Err(error) => return Err(unreadable(folder, &error)),
        };
        if metadata.is_file() {
            let modified = metadata.modified().map_err(|error| unreadable(folder, &error))?;
            files.push((FolderFile { name, modified: modified.into() }, entry.path()));
        }
    }
    Ok(files)
}

/// The refusal of a folder that cannot be listed.
fn unreadable(folder: &Path, error: &Error) -> Refusal {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::NotFound => Refusal::new(format!("文件夹{folder}不存在，可能没有挂载"), "请检查路径，或网络位置、磁盘是否已挂载"),
        ErrorKind::PermissionDenied => Refusal::new(format!("没有读取文件夹{folder}的权限"), "请让运行本程序的账户能够读取该文件夹"),
        ErrorKind::NotADirectory => Refusal::new(format!("{folder}不是文件夹"), "请在配置中改用path指明文件"),
        _ => Refusal::new(format!("文件夹{folder}无法读取：{}", in_words(error)), "请检查磁盘或网络位置"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_circle_hide_no_other_file() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        symlink(path("b.xlsx"), path("a.xlsx")).unwrap();
        symlink(path("a.xlsx"), path("b.xlsx")).unwrap();
        symlink(path("itself.xlsx"), path("itself.xlsx")).unwrap();
        symlink(path("nothing"), path("c.xlsx")).unwrap();
        std::fs::write(path("d.xlsx"), "d").unwrap();
        let listed = list(folder.path(), None).unwrap();
        assert_eq!(listed.iter().map(|(file, _)| file.name.as_str()).collect::<Vec<_>>(), ["d.xlsx"]);
    }

    /// Without a real folder, since a test may run as root, who can read everything.
    #[test]
    fn each_kind_of_error_has_its_reason() {
        let reason = |kind: ErrorKind| unreadable(Path::new("in"), &Error::from(kind)).reason;
        assert_eq!(reason(ErrorKind::NotFound), "文件夹in不存在，可能没有挂载");
        assert_eq!(reason(ErrorKind::PermissionDenied), "没有读取文件夹in的权限");
        assert_eq!(reason(ErrorKind::NotADirectory), "in不是文件夹");
    }
}
