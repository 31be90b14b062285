//! The data directory: keys, and the book as a log of JSON lines.
//!
//! Each change is one write, without fsync: it survives the end of the process, however sudden, which is what tests
//! do to it. At start the log is read, a half-written last line is dropped, and the shortest log takes its place by
//! rename.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use getrandom::{SysRng, rand_core::UnwrapErr};
use guitai_sandbox::{
    allinpay,
    book::{Book, Entry},
    credentials::Credentials,
};

/// The directory, opened and locked.
pub(super) struct Data {
    /// Keys of both sides.
    pub(super) credentials: Credentials,
    /// The book.
    pub(super) ledger: Ledger,
    directory: PathBuf,
}

/// The book and its log.
pub(super) struct Ledger {
    book: Book,
    log: File,
    /// Held as long as the book is: two processes would write over each other.
    _lock: File,
}

impl Data {
    /// Opens the directory, makes it and its keys if they are missing.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let lock = secret_file().truncate(false).open(directory.join("lock"))?;
        if lock.try_lock().is_err() {
            bail!("another sandbox uses {}", directory.display());
        }
        let credentials = load_keys(&directory.join("keys.json"))?;
        let ledger = Ledger::open(&directory.join("book.jsonl"), lock)?;
        Ok(Self { credentials, ledger, directory: directory.to_owned() })
    }

    /// The keys alone, of a directory that a sandbox may hold; made if there are none.
    pub(super) fn keys(directory: &Path) -> anyhow::Result<Credentials> {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        load_keys(&directory.join("keys.json"))
    }

    /// Writes `credentials.json` for the address that is listened on now.
    pub(super) fn write_credentials(&self, at: SocketAddr) -> anyhow::Result<()> {
        let text =
            serde_json::to_string_pretty(&self.credentials.for_merchant(&format!("http://{at}{}", allinpay::PREFIX)))?;
        Ok(replace(&self.directory.join("credentials.json"), |file| writeln!(file, "{text}"))?)
    }
}

/// The merchant's private key, as a node's example configuration names it.
pub(super) const MERCHANT_FILE: &str = "merchant.pem";

/// The acquirer's public key, likewise.
pub(super) const PLATFORM_FILE: &str = "platform.pem";

/// Writes what a merchant is given as the two files that a node reads; only their owner may.
pub(super) fn write_key_files(credentials: &Credentials, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in
        [(MERCHANT_FILE, &credentials.merchant_private_key), (PLATFORM_FILE, &credentials.platform_public_key)]
    {
        let path = folder.join(name);
        // Whose keys they are nobody can see: others' are not written over.
        match fs::read_to_string(&path) {
            Ok(there) if there == *text => continue,
            Ok(_) => bail!("{} is there and is another key: move it away, or name another directory", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
        replace(&path, |file| file.write_all(text.as_bytes())).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

impl Ledger {
    fn open(path: &Path, lock: File) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
        let entries: Vec<Entry> = whole
            .lines()
            .enumerate()
            .map(|(at, line)| serde_json::from_str(line).with_context(|| format!("{} line {}", path.display(), at + 1)))
            .collect::<anyhow::Result<_>>()?;
        let book = Book::replay(entries);
        replace(path, |file| book.entries().try_for_each(|entry| write_entry(file, &entry)))?;
        let log = OpenOptions::new().append(true).open(path)?;
        Ok(Self { book, log, _lock: lock })
    }

    /// Does something to the book and writes what changed before anybody hears of it.
    pub(super) fn act<T>(&mut self, act: impl FnOnce(&mut Book) -> T) -> io::Result<T> {
        let done = act(&mut self.book);
        let changes = self.book.take_changes();
        if !changes.is_empty() {
            let mut lines = Vec::new();
            changes.iter().try_for_each(|entry| write_entry(&mut lines, entry))?;
            self.log.write_all(&lines)?;
        }
        Ok(done)
    }
}

fn load_keys(path: &Path) -> anyhow::Result<Credentials> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = Credentials::generate(&mut UnwrapErr(SysRng))?;
            let text = serde_json::to_string_pretty(&made)?;
            replace(path, |file| writeln!(file, "{text}"))?;
            Ok(made)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write_entry(to: &mut impl Write, entry: &Entry) -> io::Result<()> {
    serde_json::to_writer(&mut *to, entry)?;
    to.write_all(b"\n")
}

/// Writes a file beside the old one, brings it to the disk and puts it in the old one's place.
fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = BufWriter::new(secret_file().truncate(true).open(&beside)?);
    write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn secret_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}
