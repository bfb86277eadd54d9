//! What a clerk reads of a fault of the system: of a disk that takes nothing more with what to do about it, of the others a few words.

use std::io::{Error, ErrorKind};

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

/// A fault of the system in words; one that is none of the common ones, or that is no fault of the system, as it names itself.
pub fn in_words(error: &Error) -> String {
    let words = match error.kind() {
        ErrorKind::NotFound => "不存在",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::IsADirectory => "是文件夹，不是文件",
        ErrorKind::NotADirectory => "路径中有一段不是文件夹",
        ErrorKind::InvalidFilename => "名称过长或不合规范",
        ErrorKind::StorageFull => "磁盘已满",
        ErrorKind::QuotaExceeded => "磁盘配额已用完",
        ErrorKind::ReadOnlyFilesystem => "磁盘是只读的",
        ErrorKind::FileTooLarge => "文件过大",
        ErrorKind::StaleNetworkFileHandle => "网络位置已断开",
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => "正被其他程序占用",
        ErrorKind::OutOfMemory => "内存不足",
        ErrorKind::ConnectionRefused => "对方拒绝连接",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => "连接被中断",
        ErrorKind::NotConnected => "没有连上",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => "网络不通",
        ErrorKind::TimedOut => "超时",
        ErrorKind::AddrInUse => "端口已被占用",
        ErrorKind::AddrNotAvailable => "本机没有这个地址",
        _ => return error.to_string(),
    };
    // a text of the program's own is as it was written
    if error.raw_os_error().is_some() { words.to_owned() } else { error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_system_is_named_in_words() {
        for (code, words) in [(2, "不存在"), (13, "没有权限"), (28, "磁盘已满"), (111, "对方拒绝连接"), (110, "超时")] {
            assert_eq!(in_words(&Error::from_raw_os_error(code)), words);
        }
        assert_eq!(in_words(&Error::new(ErrorKind::NotFound, "no such service")), "no such service");
    }

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
