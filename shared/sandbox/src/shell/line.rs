//! The listening sockets. A refused line closes the acquirers' socket, so that connections are refused by the system
//! itself, and opens it again; the control socket stays.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use guitai_sandbox::control::LineCondition;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    gate::Latch,
    server::{Door, Server},
};

/// After a failed accept (no file descriptors left) the loop rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Accepts acquirers' connections while the line is not refused.
pub(super) async fn serve(listener: TcpListener, at: SocketAddr, mut latch: Latch, server: Arc<Server>) {
    let mut listener = Some(listener);
    loop {
        tokio::select! {
            stream = accept(listener.as_ref()) => {
                let line = server.gate().watch();
                tokio::spawn(serve_connection(stream, Door::Acquirer, line, Arc::clone(&server)));
            }
            change = latch.changes.recv() => {
                let Some((line, done)) = change else { return };
                let changed = switch(&mut listener, at, line).await;
                if changed.is_ok() {
                    latch.line.send_replace(line);
                }
                // Whoever asked may have hung up.
                let _ = done.send(changed);
            }
        }
    }
}

/// Accepts control connections for ever.
pub(super) async fn serve_control(listener: TcpListener, server: Arc<Server>) {
    // A line of its own that never changes.
    let (_always, line) = watch::channel(LineCondition::Up);
    loop {
        let stream = accept(Some(&listener)).await;
        tokio::spawn(serve_connection(stream, Door::Control, line.clone(), Arc::clone(&server)));
    }
}

async fn switch(listener: &mut Option<TcpListener>, at: SocketAddr, line: LineCondition) -> Result<(), String> {
    match line {
        LineCondition::Refuse => *listener = None,
        LineCondition::Up | LineCondition::Mute | LineCondition::Slow | LineCondition::Cut => {
            if listener.is_none() {
                *listener =
                    Some(TcpListener::bind(at).await.map_err(|error| format!("cannot listen on {at}: {error}"))?);
            }
        }
    }
    Ok(())
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
}

async fn serve_connection(
    stream: TcpStream,
    door: Door,
    mut line: watch::Receiver<LineCondition>,
    server: Arc<Server>,
) {
    // Answers are small: waiting to fill a packet would only make them late. A socket that cannot do it works all the
    // same.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { server.answer(door, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // An idle connection closed by us just as a client reuses it would be an ending nobody asked for.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // How a connection ends is the client's business.
        _ = connection.as_mut() => return,
        () = refused(&mut line) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn refused(line: &mut watch::Receiver<LineCondition>) {
    if line.wait_for(|line| *line == LineCondition::Refuse).await.is_err() {
        std::future::pending::<()>().await;
    }
}
