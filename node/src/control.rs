//! The door for the operator's own commands while the node runs: one JSON line each way over a socket in the data folder, which
//! only the service's user can open. The engine stays the journal's only writer.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use guitai_core::people::{AccountSet, ApiKeyCreated, Role};
use guitai_core::{ids::AccountId, limits, normal, time::UtcMs};
use guitai_till::{Admit, Command, Handle, NotTaken};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
    sync::{oneshot, watch},
};

use crate::{refusal, usage::Usage};

/// A door that cannot be opened is tried again after this.
const REOPENED_EVERY: Duration = Duration::from_secs(60);

/// After a refused connection: no handles are free, and none are by trying at once.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// Longest line either way.
const LINE_MAX_BYTES: u64 = 16 * 1024;

/// What the operator may ask a running node to write down. Secrets are hashed before they come here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// A program's key.
    CreateApiKey { name: String, scopes: String, hash: Vec<u8> },
    /// An account, whole.
    SetAccount { account: String, name: String, role: String, verifier: String },
    /// An account that may log in no more, or again.
    Admit { account: String, disabled: bool },
    /// All keys of a name are good no more.
    RevokeApiKeys { name: String },
}

/// A fact the operator wants recorded.
pub(crate) enum Wish {
    ApiKey(ApiKeyCreated),
    Account(AccountSet),
    Admit(Admit),
    /// The keys of this name go.
    Revocation(String),
}

impl Request {
    /// Checks what was asked.
    pub(crate) fn wish(self, at: UtcMs) -> anyhow::Result<Wish> {
        match self {
            Self::CreateApiKey { name, scopes, hash } => {
                let hash = hash.try_into().map_err(|_| anyhow::anyhow!("a key's hash has 32 bytes"))?;
                Ok(Wish::ApiKey(ApiKeyCreated { name, scopes, hash, at }))
            }
            Self::SetAccount { account, name, role, verifier } => {
                let account =
                    AccountId::parse(&normal::typed(&account)).map_err(|error| Usage(format!("--account: {error}")))?;
                let name =
                    normal::name(&name, limits::NAME_MAX_CHARS).map_err(|error| Usage(format!("--name: {error}")))?;
                let role = Role::parse(&role).ok_or_else(|| Usage("--role: administrator or cashier".into()))?;
                Ok(Wish::Account(AccountSet {
                    account,
                    name: Some(name.into()),
                    role,
                    verifier: Some(verifier.into()),
                    disabled: false,
                    by: None,
                    at,
                }))
            }
            Self::Admit { account, disabled } => {
                let account = AccountId::parse(&normal::typed(&account))
                    .map_err(|error| Usage(format!("--account: {error:?}")))?;
                Ok(Wish::Admit(Admit { account, disabled, by: None }))
            }
            Self::RevokeApiKeys { name } => Ok(Wish::Revocation(name)),
        }
    }
}

/// Asks the running node.
pub(crate) fn ask(socket: &Path, request: &Request) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(socket).context("the running node's control socket")?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    writeln!(stream, "{}", serde_json::to_string(request)?)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.trim() {
        "ok" => Ok(()),
        refusal => bail!("the running node refused: {refusal}"),
    }
}

/// Serves the operator until the node stops. Where it cannot, the shop sells on and the log says so.
pub(crate) async fn serve(socket: PathBuf, till: Handle, mut stop: watch::Receiver<bool>) {
    let listener = loop {
        match listen(&socket) {
            Ok(listener) => break listener,
            Err(error) => tracing::error!(error = format!("{error:#}"), "the operator's door is closed"),
        }
        tokio::select! {
            () = tokio::time::sleep(REOPENED_EVERY) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "an operator was not let in");
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        let till = till.clone();
        tokio::spawn(async move {
            let (read, mut write) = stream.into_split();
            let mut line = String::new();
            let read = tokio::io::BufReader::new(read.take(LINE_MAX_BYTES)).read_line(&mut line).await;
            let answer = match read {
                Ok(_) => record(&till, &line).await.map_or_else(|error| format!("{error:#}"), |()| "ok".into()),
                Err(error) => error.to_string(),
            };
            // The operator's command may have been interrupted; what was asked is done all the same.
            let _ = write.write_all(format!("{answer}\n").as_bytes()).await;
        });
    }
}

fn listen(socket: &Path) -> anyhow::Result<UnixListener> {
    // A socket left by a killed node; the folder's lock says that no other node is using it.
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket).with_context(|| socket.display().to_string())?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn record(till: &Handle, line: &str) -> anyhow::Result<()> {
    let request: Request = serde_json::from_str(line)?;
    let (done, committed) = oneshot::channel();
    let done = Box::new(move |answer| _ = done.send(answer));
    let command = match request.wish(till.clock().trusted_now())? {
        Wish::ApiKey(key) => Command::CreateApiKey(key, done),
        Wish::Account(account) => Command::SetAccount(account, done),
        Wish::Admit(admit) => Command::Admit(admit, done),
        Wish::Revocation(name) => Command::RevokeApiKeys(name, None, done),
    };
    till.send(command).map_err(|why| match why {
        NotTaken::Full => anyhow::anyhow!("the node is busy; try again"),
        NotTaken::Ended => anyhow::anyhow!("the node is stopping"),
    })?;
    match committed.await.context("the node is stopping")? {
        Ok(()) => Ok(()),
        Err(refusal) => bail!("{}", refusal::words(refusal)),
    }
}
