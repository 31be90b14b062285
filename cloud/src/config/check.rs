//! `config check`: everything that is wrong with a configuration, not only the first thing, and what no other verb looks at before it is
//! too late: whether keys are keys, ports free.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    time::Duration,
};

use super::Config;

/// A hub on this machine answers at once.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Files that only a node keeps.
const NODES_FILES: [&str; 2] = ["journal.db", "side.db"];

/// What is wrong, one thing a line, with its field and what to do; nothing if it can be used.
pub(crate) fn check(path: &Path) -> Vec<String> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return vec![error.to_string()],
    };
    let mut wrong = Vec::new();
    wrong.extend(foreign(&config.hub.data));
    wrong.extend(config.front().err());
    let bound = TcpListener::bind(config.hub.listen).map(drop);
    // Only who holds the port is asked: an address that is not of this machine is somebody else's.
    let held = bound.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    if !(held && is_this_hub(config.hub.listen)) {
        wrong.extend(taken("[hub] listen", config.hub.listen, bound));
        wrong.extend(taken("[hub] quic (UDP)", config.quic(), UdpSocket::bind(config.quic()).map(drop)));
    }
    let shown = path.display();
    wrong.into_iter().map(|words| format!("{shown}: {words}")).collect()
}

/// Why a hub may not use this folder: it is a node's.
pub(crate) fn foreign(data: &Path) -> Option<String> {
    NODES_FILES.iter().any(|file| data.join(file).exists()).then(|| {
        format!(
            "[hub] data: {} 是门店节点的数据目录，请给总部另设一个，如 data = \"hub-data\" / is a node's data folder: give the hub one of \
             its own, such as data = \"hub-data\"",
            data.display()
        )
    })
}

fn taken(key: &str, address: SocketAddr, bound: io::Result<()>) -> Option<String> {
    let error = bound.err()?;
    Some(match error.kind() {
        ErrorKind::AddrInUse => format!(
            "{key} = \"{address}\": 端口被占用，请停掉那个程序或换端口 / port in use: stop the other program, or write another port"
        ),
        _ => format!("{key} = \"{address}\": {error}；请写本机的地址 / write an address of this machine"),
    })
}

/// Whether a hub answers there: then the ports are its own. One that ends TLS itself is not asked, and its ports count as taken.
fn is_this_hub(listen: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&listen, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        write!(stream, "GET /api/v1/health HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("stores_total"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    #[test]
    fn everything_wrong_is_said_at_once_with_its_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
        let text = EXAMPLE
            .replace("listen = \"127.0.0.1:8443\"", &format!("listen = \"{}\"", held.local_addr().unwrap()))
            .replace("quic = \"127.0.0.1:8443\"", &format!("quic = \"{}\"", deaf.local_addr().unwrap()))
            .replace("hosts = []", "hosts = []\ncertificate = \"none.pem\"");
        std::fs::write(&path, &text).unwrap();
        std::fs::create_dir(folder.path().join("hub-data")).unwrap();
        std::fs::write(folder.path().join("hub-data/side.db"), "").unwrap();
        // What holds the port takes the question and is gone.
        let answering = std::thread::spawn(move || {
            held.accept().map(|(stream, _)| (stream.shutdown(std::net::Shutdown::Both), held))
        });
        let wrong = check(&path);
        drop(answering.join().unwrap());
        for field in ["[hub] data", "private_key is missing", "[hub] listen", "[hub] quic"] {
            assert!(wrong.iter().any(|words| words.contains(field)), "{field}: {wrong:#?}");
        }
        assert_eq!(wrong.len(), 4, "{wrong:#?}");
        std::fs::write(&path, text.replace("quic =", "quick =")).unwrap();
        assert!(matches!(check(&path).as_slice(), [one] if one.contains("quick")));
    }

    #[test]
    fn the_example_can_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        std::fs::write(
            &path,
            EXAMPLE.replace("127.0.0.1:8443", "127.0.0.1:0").replace("http://127.0.0.1:0", "http://hub:1"),
        )
        .unwrap();
        assert_eq!(check(&path), Vec::<String>::new());
    }
}
