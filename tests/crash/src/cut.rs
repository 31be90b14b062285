//! The power of a mounted file system: the ioctl by which ext4 stops at once, with its log as it is on the disk.
#![allow(unsafe_code, reason = "an ioctl")]

use std::{fs::File, io, os::fd::AsRawFd, path::Path};

/// `EXT4_IOC_SHUTDOWN`: `_IOR('X', 125, __u32)`.
const EXT4_IOC_SHUTDOWN: libc::Ioctl = 0x8004_587D;

/// Without writing the log: what is not on the disk yet never comes there.
const NO_LOG_FLUSH: u32 = 2;

/// Cuts the power of the file system that a folder lies in. It answers with errors until it is mounted anew.
///
/// # Errors
/// It is not ext4, or nobody but root may.
pub fn cut_power(mounted: &Path) -> io::Result<()> {
    let (folder, how) = (File::open(mounted)?, NO_LOG_FLUSH);
    // SAFETY: the descriptor is open, and the argument is a number that the kernel only reads.
    let answer = unsafe { libc::ioctl(folder.as_raw_fd(), EXT4_IOC_SHUTDOWN, &raw const how) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
