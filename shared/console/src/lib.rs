//! What the programs say at a terminal and read there, in one way for all of them: standard output and its end, text files, passwords,
//! codes as pictures. No rule of the product is in here.

mod out;
mod password;
mod qr;
pub mod text;

use std::process::ExitCode;

pub use out::{Report, Unsaid, draw, is_terminal, note, print, say};
pub use password::{PasswordError, new_password};
pub use qr::qr;

/// Reads the command line. Help and version go to standard output like everything else; what cannot be read ends with 2.
///
/// # Errors
/// The code to end with; all is said.
pub fn arguments<T: clap::Parser>(program: &str) -> Result<T, ExitCode> {
    T::try_parse().map_err(|shown| {
        let printed = shown.print();
        let code = ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(1));
        match printed {
            Err(error) if !shown.use_stderr() => Unsaid::from(error).exit(program),
            Ok(()) | Err(_) => code,
        }
    })
}
