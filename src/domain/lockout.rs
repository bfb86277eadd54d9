//! When a login is refused before its password is looked at, because too many were wrong.

/// Wrong logins of one name from one address, and of one address, that are counted together.
pub const WINDOW_MINUTES: i64 = 15;
/// How far back the wrong logins of one name are counted, from everywhere.
pub const NAME_WINDOW_MINUTES: i64 = 24 * 60;

const PAIR_MAX: i64 = 5;
const ADDRESS_MAX: i64 = 50;
const NAME_MAX: i64 = 100;
/// The pause between two logins of a name that many try.
const SLOW_SECONDS: i64 = 60;

/// The wrong logins before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrongLogins {
    /// Of this name from this address in the last [`WINDOW_MINUTES`], since the last right one.
    pub of_pair: i64,
    /// From this address in the same time.
    pub of_address: i64,
    /// Of this name in the last [`NAME_WINDOW_MINUTES`].
    pub of_name: i64,
    /// Seconds since the last one of this name.
    pub seconds_since_last: Option<i64>,
    /// The name has logged in from this address before: what others try from elsewhere does not slow it there.
    pub is_known_address: bool,
}

/// How long a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockout {
    /// Until the wrong ones are [`WINDOW_MINUTES`] old.
    Locked,
    /// The name is tried once a minute at most.
    Slowed,
}

impl WrongLogins {
    /// Whether the login is refused before its password is looked at.
    pub fn lockout(self) -> Option<Lockout> {
        if self.of_pair >= PAIR_MAX || self.of_address >= ADDRESS_MAX {
            return Some(Lockout::Locked);
        }
        let is_slow =
            !self.is_known_address && self.of_name >= NAME_MAX && self.seconds_since_last.is_some_and(|seconds| seconds < SLOW_SECONDS);
        is_slow.then_some(Lockout::Slowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_wrong_login_is_the_last() {
        let wrong = |of_pair, of_address, of_name, seconds_since_last| WrongLogins {
            of_pair,
            of_address,
            of_name,
            seconds_since_last,
            is_known_address: false,
        };
        let known = |wrong: WrongLogins| WrongLogins { is_known_address: true, ..wrong };
        for (wrong, expected) in [
            (wrong(0, 0, 0, None), None),
            (wrong(4, 4, 4, Some(1)), None),
            (wrong(5, 5, 5, Some(1)), Some(Lockout::Locked)),
            (wrong(0, 49, 0, None), None),
            (wrong(0, 50, 0, None), Some(Lockout::Locked)),
            (wrong(0, 0, 99, Some(1)), None),
            (wrong(0, 0, 100, Some(59)), Some(Lockout::Slowed)),
            (wrong(0, 0, 100, Some(60)), None),
            (known(wrong(0, 0, 100, Some(0))), None),
            (known(wrong(4, 4, 5_000, Some(0))), None),
            (known(wrong(5, 5, 5_000, Some(0))), Some(Lockout::Locked)),
        ] {
            assert_eq!(wrong.lockout(), expected, "{wrong:?}");
        }
    }
}
