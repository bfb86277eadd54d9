//! What a clerk reads of a disk that takes nothing more, and what to do about it.

use std::io::ErrorKind;

/// The fault in words with what to do; `None` = the error is of another kind.
pub fn disk_fault(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::StorageFull => "磁盘已满。请删去不用的旧报表、旧备份和日志，或扩充磁盘，然后重试；写好的文件和数据库不受影响",
        ErrorKind::QuotaExceeded => "磁盘配额已用完。请由管理员增加配额，或删去不用的旧文件，然后重试；写好的文件和数据库不受影响",
        ErrorKind::ReadOnlyFilesystem => "磁盘是只读的。请由管理员检查磁盘是否有故障、是否以只读方式挂载，改为可写后重试",
        _ => return None,
    })
}

/// The same of a folder of the service's own, where a missing permission is a fault too.
pub fn folder_fault(kind: ErrorKind) -> &'static str {
    disk_fault(kind).unwrap_or(match kind {
        ErrorKind::PermissionDenied => "没有写入的权限。请由管理员把var/连同其中的文件交给运行本程序的账户（chown -R 账户 var），然后重试",
        _ => "不能写入。请由管理员检查该位置的磁盘和权限，然后重试",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_names_what_to_do() {
        for (kind, begin) in [
            (ErrorKind::StorageFull, "磁盘已满"),
            (ErrorKind::QuotaExceeded, "磁盘配额已用完"),
            (ErrorKind::ReadOnlyFilesystem, "磁盘是只读的"),
            (ErrorKind::PermissionDenied, "没有写入的权限"),
            (ErrorKind::NotADirectory, "不能写入"),
        ] {
            let words = folder_fault(kind);
            assert!(words.starts_with(begin) && words.contains("。请"), "{words}");
        }
        assert_eq!(disk_fault(ErrorKind::PermissionDenied), None);
    }
}
