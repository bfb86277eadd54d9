//! What a child process may still do once it is confined: limits on its resources, no new privileges, Landlock for files and connections, and a
//! filter of system calls. A child confines itself before it reads the first byte that somebody else wrote.

use crate::source::refusal::ReadLimits;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope,
};
use rlimit::{Resource, setrlimit};
use rustix::process::{Signal, set_parent_process_death_signal};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
use std::path::{Path, PathBuf};

/// How well a child is confined. Limits on memory, time, processes and files always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfinementLevel {
    /// System calls, files and connections.
    Full,
    /// System calls only: the kernel has no Landlock.
    NoLandlock,
    /// Limits alone: the kernel filters no system calls.
    LimitsOnly,
}

impl ConfinementLevel {
    pub const ALL: [ConfinementLevel; 3] = [ConfinementLevel::Full, ConfinementLevel::NoLandlock, ConfinementLevel::LimitsOnly];

    pub fn code(self) -> &'static str {
        match self {
            ConfinementLevel::Full => "full",
            ConfinementLevel::NoLandlock => "no-landlock",
            ConfinementLevel::LimitsOnly => "limits-only",
        }
    }

    /// What it means, for the person who looks after the server.
    pub fn meaning(self) -> &'static str {
        match self {
            ConfinementLevel::Full => "解析文件的子进程不能打开文件、联网或另起进程",
            ConfinementLevel::NoLandlock => "内核没有Landlock，解析文件的子进程只限制系统调用",
            ConfinementLevel::LimitsOnly => "内核没有seccomp，解析文件的子进程只限制内存、时间和文件大小",
        }
    }
}

/// What a child has to do, which decides what it keeps.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Parses a file, or takes in rows, from descriptors that are open.
    Parse,
    /// Queries this SQLite file.
    QuerySqlite(PathBuf),
    /// Queries a PostgreSQL server, with the certificate files of its url.
    QueryPostgres(Vec<PathBuf>),
}

/// The most bytes of a file that a child may write.
pub(crate) const SCRATCH_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Room in a file for what is written after the last check of its length.
const SCRATCH_SLACK: u64 = 64 * 1024 * 1024;

/// Confines this process, which has one thread. Returns how far the kernel allows it.
///
/// # Errors
/// The system refuses a limit.
pub(crate) fn confine(task: &Task, limits: ReadLimits) -> std::io::Result<ConfinementLevel> {
    // a query that waits for its answer does not notice that the service has ended
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let bytes = limits.memory_mib * 1024 * 1024;
    setrlimit(Resource::AS, bytes, bytes)?;
    setrlimit(Resource::CPU, limits.seconds, limits.seconds)?;
    setrlimit(Resource::CORE, 0, 0)?;
    let has_landlock = restrict_files(task).is_ok_and(|status| status != RulesetStatus::NotEnforced);
    let file_bytes = SCRATCH_BYTES_MAX + SCRATCH_SLACK;
    setrlimit(Resource::FSIZE, file_bytes, file_bytes)?;
    // descriptors that are open stay open
    let files = if matches!(task, Task::Parse) { 16 } else { 256 };
    setrlimit(Resource::NOFILE, files, files)?;
    if matches!(task, Task::Parse) {
        setrlimit(Resource::NPROC, 0, 0)?;
    }
    Ok(match (filter_calls(task), has_landlock) {
        (true, true) => ConfinementLevel::Full,
        (true, false) => ConfinementLevel::NoLandlock,
        (false, _) => ConfinementLevel::LimitsOnly,
    })
}

/// Files and connections that the task needs; everything else is denied. An older kernel enforces what it knows.
fn restrict_files(task: &Task) -> Result<RulesetStatus, RulesetError> {
    const ABI_KNOWN: ABI = ABI::V6;
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(AccessFs::from_all(ABI_KNOWN))?;
    let ruleset = match task {
        Task::QueryPostgres(_) => ruleset.handle_access(AccessNet::BindTcp)?,
        Task::Parse | Task::QuerySqlite(_) => ruleset.handle_access(AccessNet::from_all(ABI_KNOWN))?,
    };
    let mut ruleset = ruleset.scope(Scope::from_all(ABI_KNOWN))?.create()?;
    for (path, access) in files_of(task) {
        // a path that does not exist needs no rule
        if let Ok(descriptor) = PathFd::new(&path) {
            ruleset = ruleset.add_rule(PathBeneath::new(descriptor, access))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// The files of a task, each with what may be done with it.
fn files_of(task: &Task) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let writing: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    match task {
        Task::Parse => Vec::new(),
        Task::QuerySqlite(file) => {
            let beside = |ending: &str| {
                let mut name = file.as_os_str().to_owned();
                name.push(ending);
                PathBuf::from(name)
            };
            let mut files = vec![(file.clone(), AccessFs::ReadFile.into()), ("/dev/urandom".into(), AccessFs::ReadFile.into())];
            if let Some(folder) = file.parent() {
                // a database with a write-ahead log is read by means of two more files, which SQLite makes where they are missing
                let has_index = beside("-shm").exists() && beside("-wal").exists();
                let access = if has_index { reading } else { reading | writing | AccessFs::MakeReg | AccessFs::RemoveFile };
                files.push((folder.to_owned(), access));
            }
            files.extend([(beside("-wal"), writing), (beside("-shm"), writing)]);
            files
        }
        Task::QueryPostgres(certificates) => {
            let system =
                ["/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/var/lib/ca-certificates", "/dev/urandom"].map(PathBuf::from);
            let reading_of = |path: PathBuf| {
                let access = if path.is_dir() { reading } else { AccessFs::ReadFile.into() };
                (path, access)
            };
            system.into_iter().chain(certificates.iter().cloned()).map(reading_of).collect()
        }
    }
}

/// The files that a url of PostgreSQL names: certificates and keys.
pub(crate) fn files_of_url(url: &str, folder: &Path) -> Vec<PathBuf> {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters).split('&');
    let named = parameters.filter_map(|parameter| parameter.split_once('=')).filter(|(key, _)| key.starts_with("ssl") && *key != "sslmode");
    named.map(|(_, path)| folder.join(path.replace("%2F", "/").replace("%2f", "/"))).collect()
}

/// Denies every system call that the task does not need. `false` = the kernel, or this kind of processor, has no such filter.
fn filter_calls(task: &Task) -> bool {
    let program = || -> Option<BpfProgram> {
        let arch = TargetArch::try_from(std::env::consts::ARCH).ok()?;
        let calls = calls_of(task).into_iter().map(|call| (call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EPERM as u32);
        SeccompFilter::new(calls, denied, SeccompAction::Allow, arch).ok()?.try_into().ok()
    };
    program().is_some_and(|program| apply_filter(&program).is_ok())
}

/// Memory, the descriptors that are open, the clock and the end of the process.
const PARSING: [i64; 34] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_ftruncate,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Files that Landlock allows, locks on them, and threads.
const QUERYING: [i64; 31] = [
    libc::SYS_openat,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fallocate,
    libc::SYS_unlinkat,
    libc::SYS_dup,
    libc::SYS_pipe2,
    libc::SYS_eventfd2,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_geteuid,
    libc::SYS_getuid,
    libc::SYS_prctl,
];

/// Connections to a server.
const CONNECTING: [i64; 13] = [
    libc::SYS_socket,
    libc::SYS_connect,
    // name resolution binds a socket to the kernel's table of addresses
    libc::SYS_bind,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
];

/// The same calls under the names that only this kind of processor has.
#[cfg(target_arch = "x86_64")]
const QUERYING_OLD: [i64; 9] = [
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_unlink,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const QUERYING_OLD: [i64; 0] = [];

fn calls_of(task: &Task) -> Vec<i64> {
    let mut calls = PARSING.to_vec();
    if !matches!(task, Task::Parse) {
        calls.extend(QUERYING);
        calls.extend(QUERYING_OLD);
    }
    if matches!(task, Task::QueryPostgres(_)) {
        calls.extend(CONNECTING);
        calls.push(libc::SYS_ioctl);
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_a_url_may_be_read() {
        let files =
            files_of_url("postgres://a@b/c?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&sslkey=config/key.pem", Path::new("/srv"));
        assert_eq!(files, [PathBuf::from("/etc/ca.pem"), PathBuf::from("/srv/config/key.pem")]);
        assert!(files_of_url("postgres://a@b/c", Path::new("/srv")).is_empty());
    }

    #[test]
    fn every_level_has_a_word_and_a_meaning() {
        assert_eq!(ConfinementLevel::ALL.map(ConfinementLevel::code), ["full", "no-landlock", "limits-only"]);
    }
}
