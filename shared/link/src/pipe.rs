//! A byte stream under a session: bytes in, bytes out, and the clock.

use std::{
    io,
    time::{Duration, Instant},
};

use guitai_core::{sync::drive::Drive, time::Ticks};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep_until, timeout},
};

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// After a goodbye, wait this long for it to be written, and as long for the other end to have read it.
const LINGER: Duration = Duration::from_secs(1);

/// The line broke; why, for logs.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) String);

/// The stream; the writing half belongs to a task of its own, so that a full transport never stops the reading.
pub(crate) struct Pipe<R> {
    read: R,
    buffer: Vec<u8>,
    to_write: mpsc::UnboundedSender<Vec<u8>>,
    written: mpsc::UnboundedReceiver<usize>,
    writer: JoinHandle<io::Result<()>>,
    start: Instant,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    pub(crate) fn new<W: AsyncWrite + Unpin + Send + 'static>(read: R, write: W, start: Instant) -> Self {
        let (to_write, bytes) = mpsc::unbounded_channel();
        let (done, written) = mpsc::unbounded_channel();
        let writer = tokio::spawn(write_all(write, bytes, done));
        let buffer = vec![0; READ_BYTES];
        Self { read, buffer, to_write, written, writer, start }
    }

    /// The session's clock.
    pub(crate) fn now(&self) -> Ticks {
        Ticks(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The channel has no bound of its own: the session sends nothing when there is no room, but for one goodbye.
    pub(crate) fn write(&self, bytes: Vec<u8>) {
        // A writer that died shows at `written`.
        self.to_write.send(bytes).ok();
    }

    /// Waits for one thing and tells the drive: bytes, room to write, or its own time. Safe to drop while it waits.
    pub(crate) async fn advance(&mut self, drive: &mut Drive) -> Result<(), Lost> {
        let due = drive.next_wake().map(|Ticks(ms)| self.start + Duration::from_millis(ms));
        let wake = async {
            match due {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            count = self.read.read(&mut self.buffer), if drive.reads() => match count {
                Ok(0) => return Err(Lost("closed without a goodbye".into())),
                Ok(count) => drive.bytes(self.buffer.get(..count).unwrap_or_default()),
                Err(error) => return Err(Lost(error.to_string())),
            },
            count = self.written.recv() => match count {
                Some(count) => drive.written(count),
                None => return Err(Lost("nothing can be written any more".into())),
            },
            () = wake => drive.wake(self.now()),
        }
        Ok(())
    }

    /// Lets the last frames out and waits until the other end has read them or is gone.
    pub(crate) async fn finish(self) {
        let Self { mut read, mut buffer, to_write, mut writer, .. } = self;
        drop(to_write);
        if timeout(LINGER, &mut writer).await.is_err() {
            writer.abort();
            return;
        }
        let gone = async { while matches!(read.read(&mut buffer).await, Ok(count) if count > 0) {} };
        timeout(LINGER, gone).await.ok();
    }
}

async fn write_all<W: AsyncWrite + Unpin>(
    mut write: W,
    mut bytes: mpsc::UnboundedReceiver<Vec<u8>>,
    done: mpsc::UnboundedSender<usize>,
) -> io::Result<()> {
    while let Some(bytes) = bytes.recv().await {
        write.write_all(&bytes).await?;
        done.send(bytes.len()).ok();
    }
    write.shutdown().await
}
