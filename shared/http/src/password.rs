//! Passwords: argon2id, one at a time, and never a hint whether an account exists.
//!
//! One hashing takes about 60 ms of one core and 46 MiB. A till has to sell while somebody guesses passwords, so only one runs
//! at a time, [`QUEUE_MAX`] of each [`Lane`] wait, and the rest are told to come back. Strangers' hashings begin [`STRANGER_PACE`]
//! apart, so that they never get more than a quarter of a core.

use std::{fmt, sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use guitai_core::secret::SecretText;
use tokio::{
    sync::{Mutex, Semaphore},
    time::{Instant, sleep_until},
};

use crate::problem::{Code, Problem};

/// Memory of one hashing, in KiB: 46 MiB, the floor of OWASP ASVS 5.0 for one pass.
pub const MEMORY_KIB: u32 = 46 * 1024;

/// Passes and lanes of one hashing.
const PASSES: u32 = 1;
const LANES: u32 = 1;

/// Hashings of one lane that wait for the one under way: at 60 ms each the last of the known is answered within 0.6 s, of the
/// strangers within 2.2 s.
pub const QUEUE_MAX: usize = 8;

/// Between the beginnings of two strangers' hashings.
pub const STRANGER_PACE: Duration = Duration::from_millis(240);

/// The shortest password, in characters.
pub const PASSWORD_MIN_CHARS: usize = 8;

/// The longest password, in bytes; bounds the work of the first hash.
pub const PASSWORD_MAX_BYTES: usize = 256;

/// The most common passwords of at least 8 characters, here and abroad, in lower case. Guessing slower than one a minute gets
/// through this list in an hour, so none of them may be set.
const COMMON: &[&str] = &[
    "00000000",
    "000000000",
    "0000000000",
    "11111111",
    "111111111",
    "1111111111",
    "11112222",
    "11223344",
    "12121212",
    "12312312",
    "123123123",
    "12341234",
    "12344321",
    "12345678",
    "123456789",
    "1234567890",
    "123456abc",
    "123456qq",
    "1234qwer",
    "12qwaszx",
    "147258369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "1qazxsw2",
    "22222222",
    "31415926",
    "33333333",
    "44444444",
    "520131400",
    "5201314520",
    "5201314a",
    "52013140",
    "55555555",
    "66666666",
    "666666666",
    "66668888",
    "77777777",
    "789456123",
    "87654321",
    "88888888",
    "888888888",
    "8888888888",
    "987654321",
    "9876543210",
    "99999999",
    "999999999",
    "a1234567",
    "a12345678",
    "a123456789",
    "aa123456",
    "aa123456789",
    "aaaaaaaa",
    "abc12345",
    "abc123456",
    "abcd1234",
    "abcdefgh",
    "admin123",
    "admin1234",
    "admin888",
    "administrator",
    "asdasdasd",
    "asdf1234",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "football",
    "guitai123",
    "guitai888",
    "iloveyou",
    "letmein1",
    "password",
    "password1",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "princess",
    "q1w2e3r4",
    "qaz12345",
    "qazwsxedc",
    "qq123456",
    "qq123456789",
    "qwe12345",
    "qweasdzxc",
    "qwer1234",
    "qwerasdf",
    "qwerqwer",
    "qwertyui",
    "qwertyuiop",
    "shouyin123",
    "shouyintai",
    "sunshine",
    "superman",
    "trustno1",
    "w123456789",
    "wang1234",
    "welcome1",
    "woaini123",
    "woaini1314",
    "woaini520",
    "woaini521",
    "zhang123",
    "zxcvbnm1",
    "zxcvbnm123",
];

/// Why a password may not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Fewer than [`PASSWORD_MIN_CHARS`] characters.
    TooShort,
    /// More than [`PASSWORD_MAX_BYTES`] bytes.
    TooLong,
    /// One everybody tries first.
    Common,
}

impl Weak {
    /// In Chinese and in English.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::TooShort => ("密码至少 8 个字符。", "A password has at least 8 characters."),
            Self::TooLong => ("密码最长 256 字节。", "A password has at most 256 bytes."),
            Self::Common => ("这是常见密码，很容易被猜到。", "This is a common password, easy to guess."),
        }
    }
}

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (zh, en) = self.words();
        write!(f, "{zh} / {en}")
    }
}

impl std::error::Error for Weak {}

impl From<Weak> for Problem {
    fn from(weak: Weak) -> Self {
        let (zh, en) = weak.words();
        Self::new(Code::PasswordWeak).field("password").detail(zh, en)
    }
}

/// Whether a password may be set. There are no rules about kinds of characters: they make passwords worse.
///
/// # Errors
/// Says why not.
pub fn check_policy(password: &str) -> Result<(), Weak> {
    if password.chars().count() < PASSWORD_MIN_CHARS {
        return Err(Weak::TooShort);
    }
    if password.len() > PASSWORD_MAX_BYTES {
        return Err(Weak::TooLong);
    }
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) { Err(Weak::Common) } else { Ok(()) }
}

/// Why there is no answer about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordError {
    /// [`QUEUE_MAX`] others wait already.
    TooBusy,
    /// No randomness or no memory, or the stored text is no hash.
    Failed,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooBusy => "正忙，请稍后再试 / busy: try again",
            Self::Failed => {
                "密码算不出校验值：内存不足或没有随机数 / the password cannot be hashed: no memory, or no randomness"
            }
        })
    }
}

impl std::error::Error for PasswordError {}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooBusy => Self::new(Code::Busy).retry_after(1),
            PasswordError::Failed => Self::new(Code::Internal),
        }
    }
}

/// Whose password it is. Each lane has seats of its own, so that none can fill another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody who logs in where they never did before: anyone on the network.
    Stranger,
    /// Somebody who logs in at a known terminal.
    Known,
    /// Somebody logged in, or a program with a key, that needs an approver or sets a password.
    LoggedIn,
}

/// The one place that hashes passwords. Clones share one queue.
#[derive(Clone, Debug)]
pub struct Passwords {
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    logged_in: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    /// When the last stranger's hashing began.
    paced: Arc<Mutex<Option<Instant>>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// Empty queues.
    #[must_use]
    pub fn new() -> Self {
        let seats = || Arc::new(Semaphore::new(QUEUE_MAX + 1));
        let (strangers, known, logged_in) = (seats(), seats(), seats());
        Self { strangers, known, logged_in, turn: Arc::new(Semaphore::new(1)), paced: Arc::default() }
    }

    /// The PHC text (`$argon2id$v=19$…`) to store for a password. Ask [`check_policy`] first.
    ///
    /// # Errors
    /// When too many wait, or the system fails.
    pub async fn hash(&self, password: SecretText) -> Result<String, PasswordError> {
        self.in_turn(Lane::LoggedIn, move || hash(&password)).await
    }

    /// Whether a password is the stored one. Without a stored one (an unknown or disabled account) it takes the same time and
    /// the answer is no.
    ///
    /// # Errors
    /// When too many wait, or the stored text is no hash.
    pub async fn verify(
        &self,
        lane: Lane,
        password: SecretText,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.in_turn(lane, move || match stored {
            Some(stored) => matches(&password, &stored),
            None => hash(&password).map(|_| false),
        })
        .await
    }

    async fn in_turn<T, F>(&self, lane: Lane, work: F) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, PasswordError> + Send + 'static,
    {
        let seats = match lane {
            Lane::Stranger => &self.strangers,
            Lane::Known => &self.known,
            Lane::LoggedIn => &self.logged_in,
        };
        let seat = Arc::clone(seats).try_acquire_owned().map_err(|_| PasswordError::TooBusy)?;
        if lane == Lane::Stranger {
            // The lock is held while waiting: strangers come one after the other.
            let mut last = self.paced.lock().await;
            if let Some(last) = *last {
                sleep_until(last + STRANGER_PACE).await;
            }
            *last = Some(Instant::now());
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        let worked = tokio::task::spawn_blocking(move || {
            // Held here, not by the caller: a caller that hangs up must not let a second hashing start beside this one.
            let _held = (seat, turn);
            work()
        });
        worked.await.map_err(|_| PasswordError::Failed)?
    }
}

fn hash(password: &SecretText) -> Result<String, PasswordError> {
    let bytes = password.expose().as_bytes();
    let hashed: Result<PasswordHash, _> = hasher().hash_password(bytes.get(..PASSWORD_MAX_BYTES).unwrap_or(bytes));
    hashed.map(|hash| hash.to_string()).map_err(|_| PasswordError::Failed)
}

fn matches(password: &SecretText, stored: &str) -> Result<bool, PasswordError> {
    let bytes = password.expose().as_bytes();
    let stored = PasswordHash::new(stored).map_err(|_| PasswordError::Failed)?;
    if bytes.len() > PASSWORD_MAX_BYTES {
        return hash(password).map(|_| false);
    }
    Ok(hasher().verify_password(bytes, &stored).is_ok())
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("46 MiB, 1, 1 are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_says_its_cost_and_verifies_only_its_password() {
        let passwords = Passwords::new();
        let stored = passwords.hash(secret("马马虎虎-电池")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{stored}");
        let verify = async |password, stored| passwords.verify(Lane::Known, secret(password), stored).await;
        assert_eq!(verify("马马虎虎-电池", Some(stored.clone())).await, Ok(true));
        assert_eq!(verify("马马虎虎-电车", Some(stored)).await, Ok(false));
        assert_eq!(verify("x", None).await, Ok(false));
        assert_eq!(verify("x", Some("plain".to_owned())).await, Err(PasswordError::Failed));
    }

    #[tokio::test]
    async fn one_hashes_eight_wait_and_the_rest_come_back_later() {
        let passwords = Passwords::new();
        let turn = Arc::clone(&passwords.turn).acquire_owned().await.unwrap();
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let passwords = passwords.clone();
            tries.spawn(async move { passwords.in_turn(Lane::Stranger, || Ok(())).await });
        }
        let mut busy = 0;
        while busy < 200 - QUEUE_MAX - 1 {
            assert_eq!(tries.join_next().await.unwrap().unwrap(), Err(PasswordError::TooBusy));
            busy += 1;
        }
        let others = [Lane::Known, Lane::LoggedIn].map(|lane| {
            let passwords = passwords.clone();
            tokio::spawn(async move { passwords.in_turn(lane, || Ok(())).await })
        });
        drop(turn);
        let began = Instant::now();
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(()), "strangers fill no seats but their own");
        }
        assert!(began.elapsed() <= STRANGER_PACE, "{:?}", began.elapsed());
        while let Some(done) = tries.join_next().await {
            assert_eq!(done.unwrap(), Ok(()));
        }
        let paced = STRANGER_PACE * u32::try_from(QUEUE_MAX).unwrap();
        assert!(began.elapsed() >= paced - STRANGER_PACE, "strangers never get a whole core");
    }

    #[test]
    fn short_and_common_passwords_are_refused() {
        assert!(
            COMMON.iter().all(|word| word.chars().count() >= PASSWORD_MIN_CHARS),
            "shorter ones are refused anyway"
        );
        for (password, weak) in [
            ("1234567", Weak::TooShort),
            ("密码密码密码密", Weak::TooShort),
            ("88888888", Weak::Common),
            ("PassWord", Weak::Common),
            ("Qwer1234", Weak::Common),
        ] {
            assert_eq!(check_policy(password), Err(weak), "{password}");
        }
        assert_eq!(check_policy(&"长".repeat(100)), Err(Weak::TooLong));
        assert_eq!(check_policy("correct horse battery"), Ok(()));
        assert_eq!(check_policy(&"x7".repeat(32)), Ok(()));
    }
}
