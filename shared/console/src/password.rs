//! A new password: at a terminal typed twice and never shown, else the first line of standard input.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::text::{self, LineError};

/// Why there is no password.
#[derive(Debug)]
pub enum PasswordError {
    /// What was read is no line of text.
    Line(LineError),
    /// Nothing was typed, or there was nothing to read.
    Missing,
    /// The second time something else was typed.
    Differs,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(error) => write!(f, "密码（标准输入第一行）/ the password, first line of standard input: {error}"),
            Self::Missing => f.write_str(
                "没有密码：在终端里输入，或由标准输入第一行给出 / no password: type it at a terminal, or give it as the first line \
                 of standard input",
            ),
            Self::Differs => f.write_str("两次输入的密码不同 / the two passwords are not the same"),
        }
    }
}

impl std::error::Error for PasswordError {}

/// Asks for a password to be set.
///
/// # Errors
/// Says what to do about it.
pub fn new_password() -> Result<String, PasswordError> {
    let mut input = io::stdin().lock();
    if !input.is_terminal() {
        return some(text::first_line(&mut input).map_err(PasswordError::Line)?);
    }
    let once = some(unseen(&mut input, "密码 password: ")?)?;
    let twice = unseen(&mut input, "再输一次 once more: ")?;
    if once == twice { Ok(once) } else { Err(PasswordError::Differs) }
}

fn some(password: String) -> Result<String, PasswordError> {
    if password.is_empty() { Err(PasswordError::Missing) } else { Ok(password) }
}

fn unseen(input: &mut io::StdinLock<'_>, question: &str) -> Result<String, PasswordError> {
    let _hidden = Hidden::begin().map_err(|error| PasswordError::Line(LineError::Io(error)))?;
    let mut errors = io::stderr().lock();
    // Nobody sees the question: the answer counts all the same.
    write!(errors, "{question}").and_then(|()| errors.flush()).ok();
    drop(errors);
    text::first_line(input).map_err(PasswordError::Line)
}

/// The terminal shows nothing but the end of the line, until this goes.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ECHO);
        now.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Drain, &now)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        tcsetattr(io::stdin(), OptionalActions::Drain, &self.0).ok();
    }
}
