//! A byte stream under a session: frames in, bytes out, and the clock.

use std::{
    io,
    time::{Duration, Instant},
};

use guitai_core::{
    sync::{session::Session, wire::FrameReader},
    time::Ticks,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep_until, timeout},
};

/// Bytes given to the writer and not yet taken by the transport.
const WRITE_ROOM_BYTES: usize = 256 * 1024;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// After a goodbye, wait this long for it to be written, and as long for the other end to have read it.
const LINGER: Duration = Duration::from_secs(1);

/// The line broke; why, for logs.
#[derive(Debug)]
pub(crate) struct Lost(pub(crate) String);

/// The stream; the writing half belongs to a task of its own, so that a full transport never stops the reading.
pub(crate) struct Pipe<R> {
    /// Cuts what was read into frames.
    pub(crate) frames: FrameReader,
    read: R,
    buffer: Vec<u8>,
    to_write: mpsc::UnboundedSender<Vec<u8>>,
    written: mpsc::UnboundedReceiver<usize>,
    queued: usize,
    writer: JoinHandle<io::Result<()>>,
    start: Instant,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    pub(crate) fn new<W: AsyncWrite + Unpin + Send + 'static>(read: R, write: W, start: Instant) -> Self {
        let (to_write, bytes) = mpsc::unbounded_channel();
        let (done, written) = mpsc::unbounded_channel();
        let writer = tokio::spawn(write_all(write, bytes, done));
        let buffer = vec![0; READ_BYTES];
        Self { frames: FrameReader::default(), read, buffer, to_write, written, queued: 0, writer, start }
    }

    /// The session's clock.
    pub(crate) fn now(&self) -> Ticks {
        Ticks(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The channel has no bound of its own: the session sends nothing when there is no room, but for one goodbye.
    pub(crate) fn send(&mut self, session: &mut Session, bytes: Vec<u8>) {
        self.queued += bytes.len();
        // A writer that died shows at `written`.
        self.to_write.send(bytes).ok();
        session.writable(WRITE_ROOM_BYTES.saturating_sub(self.queued));
    }

    /// Waits for one thing and tells the session: a frame, room to write, or its own time. Safe to drop while it waits.
    pub(crate) async fn advance(&mut self, session: &mut Session) -> Result<(), Lost> {
        match self.frames.next_frame() {
            Ok(Some(frame)) => {
                // The fault is in the hang-up that follows.
                session.handle(self.now(), frame).ok();
                return Ok(());
            }
            Ok(None) => {}
            Err(error) => {
                session.unreadable(error);
                return Ok(());
            }
        }
        let due = session.next_wake().map(|Ticks(ms)| self.start + Duration::from_millis(ms));
        let wake = async {
            match due {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            count = self.read.read(&mut self.buffer) => match count {
                Ok(0) => return Err(Lost("closed without a goodbye".into())),
                Ok(count) => self.frames.push(self.buffer.get(..count).unwrap_or_default()),
                Err(error) => return Err(Lost(error.to_string())),
            },
            count = self.written.recv() => match count {
                Some(count) => {
                    self.queued = self.queued.saturating_sub(count);
                    session.writable(WRITE_ROOM_BYTES.saturating_sub(self.queued));
                }
                None => return Err(Lost("nothing can be written any more".into())),
            },
            () = wake => session.wake(self.now()),
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
