//! How a node enters at its hub: it finds the hub's UDP port whichever of the hub's ports it was told, and shows its code there.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use guitai_core::{
    sync::{
        contract::{Hangup, Papers},
        frame::EnrolRefusal,
    },
    trust::{self, Grant},
};
use guitai_link::{
    quic::{ConnectError, Endpoint, Pin, Secured},
    session::{self, Ended},
};
use serde::Deserialize;

use crate::{
    data_folder::{Enrolment, Held},
    hub_url::HubUrl,
    sync::{self, DialError},
    usage::Usage,
};

/// A hub that is there answers within a second, over a bad line in two.
const DIAL_LIMIT: Duration = Duration::from_secs(4);

/// The same for its page.
const PAGE_LIMIT: Duration = Duration::from_secs(3);

/// Where every hub says how it is.
const HEALTH: &str = "/api/v1/health";

/// What of it is read here.
#[derive(Deserialize)]
struct Health {
    sync_port: Option<u16>,
}

/// What the hub's page says.
enum Page {
    /// Nothing: no page there, or not reachable from here.
    Silent,
    /// It is there, and may say where nodes are heard (UDP).
    Answers(Option<u16>),
}

/// A node that was taken in.
pub(crate) struct TakenIn {
    pub(crate) enrolment: Enrolment,
    pub(crate) grant: Grant,
    /// What to tell whoever typed the address.
    pub(crate) note: Option<String>,
}

/// Takes this node in at the hub; again, if it was: then it gets another issuer number.
pub(crate) async fn enrol((url, code): (&str, &str), identity: &SigningKey, papers: Papers) -> anyhow::Result<TakenIn> {
    let code = trust::EnrolmentCode::parse(code).map_err(|error| Usage(format!("--code: {error}")))?;
    let url = HubUrl::parse(url)?;
    let Found { address: hub_address, endpoint, secured, page } = find(&url, Pin::Hash(code.hub), identity).await?;
    let hub_key = secured.peer_key;
    let enrolled = session::enrol(&secured, identity, env!("CARGO_PKG_VERSION"), (papers, code))
        .await
        .map_err(|ended| anyhow::anyhow!("总部没有接受本机 the hub did not take this node in: {}", words(&ended)))?;
    endpoint.wait_idle().await;
    let enrolment = Enrolment {
        store: enrolled.grant.store.to_string(),
        store_name: enrolled.store_name,
        issuer: enrolled.grant.issuer.get(),
        hub_key: trust::key_text(&hub_key),
        hub_address,
        hub_url: url.text(),
        held: enrolled.held.as_ref().map(Held::from),
    };
    let note = match page {
        Page::Answers(_) => None,
        Page::Silent => Some(format!(
            "已登记；但 {0} 上没有总部网页，请用 readdress --hub 写网页的地址 / entered; but no page of the hub answers at {0}: name the \
             page's address with readdress --hub",
            url.text()
        )),
    };
    Ok(TakenIn { enrolment, grant: enrolled.grant, note })
}

/// An enrolment whose hub is elsewhere now. It may not be there yet: then the address is taken as it was typed.
pub(crate) async fn readdressed(url: &str, enrolment: Enrolment) -> anyhow::Result<Enrolment> {
    let url = HubUrl::parse(url)?;
    let port = match page(&url).await {
        Page::Answers(Some(port)) => port,
        Page::Answers(None) | Page::Silent => url.port(),
    };
    Ok(Enrolment { hub_address: url.at_port(port), hub_url: url.text(), ..enrolment })
}

/// A hub, found.
struct Found {
    address: String,
    endpoint: Endpoint,
    secured: Secured,
    page: Page,
}

/// Dials the port that was told and asks the page at the same time; where the page names another port, that one.
async fn find(url: &HubUrl, pin: Pin, identity: &SigningKey) -> anyhow::Result<Found> {
    let told = url.at_port(url.port());
    let (dialled, page) = tokio::join!(dial(&told, pin, identity), page(url));
    let error = match dialled {
        Ok((endpoint, secured)) => return Ok(Found { address: told, endpoint, secured, page }),
        Err(error) => error,
    };
    if let Page::Answers(Some(port)) = page
        && port != url.port()
    {
        let named = url.at_port(port);
        let (endpoint, secured) =
            dial(&named, pin, identity).await.map_err(|error| unreached(&named, &error, Some(url)))?;
        return Ok(Found { address: named, endpoint, secured, page });
    }
    let seen = matches!(page, Page::Answers(_)).then_some(url);
    Err(unreached(&told, &error, seen))
}

async fn dial(address: &str, pin: Pin, identity: &SigningKey) -> Result<(Endpoint, Secured), DialError> {
    let silent = || DialError::Connect(ConnectError::Unreachable { detail: "no answer".into() });
    tokio::time::timeout(DIAL_LIMIT, sync::dial(address, pin, identity)).await.unwrap_or_else(|_| Err(silent()))
}

async fn page(url: &HubUrl) -> Page {
    let ask = async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PAGE_LIMIT)
            .build()?;
        client.get(format!("{}{HEALTH}", url.text())).send().await?.error_for_status()?.json::<Health>().await
    };
    match ask.await {
        Ok(Health { sync_port }) => Page::Answers(sync_port.filter(|port| *port != 0)),
        Err(error) => {
            tracing::debug!(%error, "the hub's page");
            Page::Silent
        }
    }
}

/// What to do where nobody was found; `seen` is the hub's page, if it answers.
fn unreached(address: &str, error: &DialError, seen: Option<&HubUrl>) -> anyhow::Error {
    let port = address.rsplit(':').next().unwrap_or(address);
    let words = match (error, seen) {
        (DialError::NoAddress(detail), _) => format!(
            "找不到这个主机名，请核对地址和本机网络 / this name leads nowhere, check the address and this machine's network: {detail}"
        ),
        (DialError::Connect(ConnectError::HubKeyMismatch { .. }), _) => format!(
            "{address} 是另一个总部，与登记码不符：请核对地址，或向总部要新码 / the hub at {address} is not the one that printed this \
             code: compare the address, or ask for a new code"
        ),
        (DialError::Connect(ConnectError::Unreachable { .. }), Some(page)) => format!(
            "总部网页 {0} 有应答，但节点端口 {address}（UDP）没有应答：请在总部和路由器的防火墙放行 UDP {port} / the hub's page {0} \
             answers and its port for nodes {address} (UDP) does not: let UDP {port} through the firewalls",
            page.text()
        ),
        (DialError::Connect(ConnectError::Unreachable { .. }), None) => format!(
            "{address} 没有应答（UDP {port} 和网页都试过）：请核对地址和端口，确认总部程序在运行，防火墙放行 UDP {port} / nothing answers at \
             {address}, neither on UDP {port} nor a page: compare address and port, see that the hub runs and that firewalls let \
             UDP {port} through"
        ),
        (DialError::Connect(ConnectError::Refused { detail }), _) => {
            format!("{address}（UDP）上的不是总部程序 / what answers at {address} (UDP) is no hub: {detail}")
        }
    };
    anyhow::anyhow!("--hub: {words}")
}

fn words(ended: &Ended) -> String {
    match ended {
        Ended::Hangup(Hangup::EnrolRefused(why)) => not_enrolled(*why).to_owned(),
        Ended::Hangup(_) | Ended::Lost(_) | Ended::Shell(_) => sync::words(ended),
    }
}

const fn not_enrolled(why: EnrolRefusal) -> &'static str {
    match why {
        EnrolRefusal::WrongCode => {
            "登记码不对，请核对或向总部要新码 / this is no open code of that hub: compare it, or ask for a new one"
        }
        EnrolRefusal::Expired => {
            "登记码已过期，请向总部要新码 / the code's time is over: ask headquarters for a new one"
        }
        EnrolRefusal::Used => "登记码已用过，请向总部要新码 / the code was used: ask headquarters for a new one",
        EnrolRefusal::KnownKey => {
            "本机已属于另一家门店，请换一个空的数据目录 / this node belongs to another store: use an empty data folder"
        }
        EnrolRefusal::TryAgain => "总部暂时不能登记，请稍后再试 / the hub cannot now: try again later",
        EnrolRefusal::Closed => "该门店已关闭 / the store is closed",
    }
}
