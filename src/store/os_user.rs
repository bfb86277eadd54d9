//! Who acts, as the system knows it: the user of the operating system who runs this process, or the account of the portal that a request
//! belongs to. A name that is typed proves nothing; these do.

use std::sync::OnceLock;

tokio::task_local! {
    static ACCOUNT: String;
}

/// Does what an account of the portal asked for: what is recorded meanwhile names the account, with the address it came from.
pub async fn as_account<F: Future>(account: String, work: F) -> F::Output {
    ACCOUNT.scope(account, work).await
}

/// The user as `name(number)`. Where somebody logged in under another name and changed to this one (`sudo`, `su`), both: `login(1001)→duban(990)`.
/// In a request of the portal its account.
pub fn os_user() -> String {
    static USER: OnceLock<String> = OnceLock::new();
    let of_system = || {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let own = rustix::process::getuid().as_raw();
        let login = std::fs::read_to_string("/proc/self/loginuid").ok().and_then(|text| text.trim().parse().ok());
        shown(own, login, &users)
    };
    ACCOUNT.try_with(String::clone).unwrap_or_else(|_| USER.get_or_init(of_system).clone())
}

/// The number that the kernel has for a process which nobody logged in to start.
const NO_LOGIN: u32 = u32::MAX;

fn shown(own: u32, login: Option<u32>, users: &str) -> String {
    let named = |uid: u32| {
        let line =
            users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|line| line.get(2) == Some(&uid.to_string().as_str()));
        format!("{}({uid})", line.map_or("", |line| line[0]))
    };
    match login {
        Some(login) if login != own && login != NO_LOGIN => format!("{}→{}", named(login), named(own)),
        _ => named(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_with_the_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nduban:x:990:990::/srv/duban:/usr/sbin/nologin\nli:x:1001:1001::/home/li:/bin/sh\n";
        assert_eq!(shown(990, Some(NO_LOGIN), users), "duban(990)");
        assert_eq!(shown(990, None, users), "duban(990)");
        assert_eq!(shown(990, Some(1001), users), "li(1001)→duban(990)");
        assert_eq!(shown(7777, Some(7777), users), "(7777)");
        assert!(os_user().contains(&format!("({})", rustix::process::getuid().as_raw())));
    }
}
