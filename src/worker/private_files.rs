//! Files that nobody but the user of the service may read: `var/` with all it holds, and files with passwords.

use crate::domain::secret::{HIDDEN, Secret};
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The bits of a mode that give something to the group or to everybody.
const OTHERS: u32 = 0o077;

/// A file or folder that others may read or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// Relative to the root.
    pub path: String,
    /// The permissions it has, as `chmod` writes them.
    pub mode: u32,
}

/// Makes `var/` where it is missing, and takes from the group and from everybody what they may do in it.
///
/// # Errors
/// The folder cannot be made, or it belongs to another user.
pub fn make_private(var: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(var)?;
    let mode = var.metadata()?.permissions().mode();
    if mode & OTHERS == 0 { Ok(()) } else { std::fs::set_permissions(var, Permissions::from_mode(mode & 0o700)) }
}

/// What others may read or change of `var/` and of the files below it, at most `most`; a link is not followed.
///
/// # Errors
/// A folder cannot be listed.
pub fn exposed_below(root: &Path, name: &str, most: usize) -> io::Result<Vec<Exposed>> {
    let mut found = Vec::new();
    let mut waiting = vec![name.to_owned()];
    while let Some(name) = waiting.pop() {
        let path = root.join(&name);
        let facts = match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            facts => facts?,
        };
        if facts.is_symlink() || found.len() >= most {
            continue;
        }
        let mode = facts.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            found.push(Exposed { path: name.clone(), mode });
        }
        if facts.is_dir() {
            let mut names = std::fs::read_dir(&path)?
                .map(|entry| Ok(format!("{name}/{}", entry?.file_name().to_string_lossy())))
                .collect::<io::Result<Vec<String>>>()?;
            names.sort_by(|a, b| b.cmp(a));
            waiting.append(&mut names);
        }
    }
    Ok(found)
}

/// What is wrong with a file that holds a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordFault {
    /// Others may read or change it.
    Exposed(u32),
    Empty,
    /// A byte order mark begins it, which an editor of Windows writes.
    ByteOrderMark,
    /// It holds more than one line.
    Lines,
}

/// The path of a password file in messages. What names no file may be the password itself, written in place of its file.
pub fn shown_password_file(path: &Path) -> String {
    if path.exists() { path.display().to_string() } else { HIDDEN.to_owned() }
}

/// The password in the first line of a file, without a byte order mark.
///
/// # Errors
/// The file cannot be read, or it is no text.
pub fn read_password(path: &Path) -> io::Result<Secret> {
    // a pipe or a device would never end
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let text = std::fs::read_to_string(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// What is wrong with a file that holds a password.
///
/// # Errors
/// The file cannot be read, or it is no text.
pub fn password_faults(path: &Path) -> io::Result<Vec<PasswordFault>> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o7777;
    let password = read_password(path)?;
    let text = std::fs::read_to_string(path)?;
    let password = password.exposed();
    let faults = [
        (mode & OTHERS != 0).then_some(PasswordFault::Exposed(mode)),
        password.trim().is_empty().then_some(PasswordFault::Empty),
        text.starts_with('\u{feff}').then_some(PasswordFault::ByteOrderMark),
        password.contains(['\r', '\n']).then_some(PasswordFault::Lines),
    ];
    Ok(faults.into_iter().flatten().collect())
}

/// The mode of a file, if others may read or change it.
///
/// # Errors
/// The file does not exist.
pub fn exposed_mode(path: &Path) -> io::Result<Option<u32>> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o7777;
    Ok((mode & OTHERS != 0).then_some(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_may_read_is_found() {
        let root = tempfile::tempdir().unwrap();
        let var = root.path().join("var");
        assert_eq!(exposed_below(root.path(), "var", 9).unwrap(), []);
        make_private(&var).unwrap();
        std::fs::create_dir(var.join("reports")).unwrap();
        std::fs::write(var.join("reports/a.xlsx"), "a").unwrap();
        std::fs::write(var.join("duban.db"), "a").unwrap();
        set(&var, 0o755);
        set(&var.join("reports"), 0o700);
        set(&var.join("reports/a.xlsx"), 0o640);
        set(&var.join("duban.db"), 0o600);
        let exposed = |path: &str, mode: u32| Exposed { path: path.into(), mode };
        assert_eq!(exposed_below(root.path(), "var", 9).unwrap(), [exposed("var", 0o755), exposed("var/reports/a.xlsx", 0o640)]);
        assert_eq!(exposed_below(root.path(), "var", 1).unwrap().len(), 1);
        make_private(&var).unwrap();
        assert_eq!(exposed_mode(&var).unwrap(), None);
    }

    #[test]
    fn faults_of_password_files_are_found() {
        use PasswordFault::{ByteOrderMark, Empty, Exposed, Lines};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, mode, password, faults) in [
            ("Zq7\n", 0o600, "Zq7", vec![]),
            ("Zq7\r\n", 0o400, "Zq7", vec![]),
            ("\u{feff}Zq7", 0o600, "Zq7", vec![ByteOrderMark]),
            ("Zq7", 0o666, "Zq7", vec![Exposed(0o666)]),
            ("Zq7", 0o640, "Zq7", vec![Exposed(0o640)]),
            ("\u{feff}\n", 0o600, "", vec![Empty, ByteOrderMark]),
            ("a\nb\n", 0o600, "a\nb", vec![Lines]),
        ] {
            std::fs::write(&path, text).unwrap();
            set(&path, mode);
            assert_eq!(read_password(&path).unwrap().exposed(), password);
            assert_eq!(password_faults(&path).unwrap(), faults, "{text:?}");
            set(&path, 0o600);
        }
    }
}
