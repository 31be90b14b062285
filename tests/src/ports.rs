//! Ports for programs that are told theirs. They lie below the range from which the system takes ports for outgoing
//! connections, and each is held by a lock file, so that test processes at the same time do not meet, and a program killed and
//! started again finds its port free.

use std::{
    fs::{File, OpenOptions},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
};

use anyhow::{Context, bail};

use crate::charge::random_below;

/// The first port ever taken.
const FIRST: u16 = 30_100;

/// How many there are; outgoing connections begin at 32,768.
const COUNT: u64 = 2_600;

/// Tries before giving up.
const TRIES: u32 = 200;

/// A port of 127.0.0.1, TCP and UDP, for as long as this lives.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes one that nobody uses.
    ///
    /// # Errors
    /// None is free.
    pub fn take() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join("guitai-tests-ports");
        std::fs::create_dir_all(&folder)?;
        for _ in 0..TRIES {
            let number = FIRST + u16::try_from(random_below(COUNT)).context("below 2,600")?;
            let path = folder.join(number.to_string());
            let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, number));
            if lock.try_lock().is_ok() && TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        bail!("no free port")
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}
