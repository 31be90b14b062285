//! `config check`: everything that is wrong with a configuration, not only the first thing, and what no other verb looks at before it is
//! too late: whether keys are keys, ports free, devices there.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use super::{ConfigError, File, PrinterSection, business_clock, daily_bills, foreign, front, scanners, tills};
use crate::data_folder::LOCK_FILE;

/// What is wrong, one thing a line, with its field and what to do; nothing if it can be used.
pub(crate) fn check(path: &Path) -> Vec<String> {
    let file = match File::read(path) {
        Ok(file) => file,
        Err(error) => return vec![error.to_string()],
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let data = folder.join(&file.node.data);
    let mut wrong: Vec<ConfigError> = Vec::new();
    let mut look = |found: Result<(), ConfigError>| wrong.extend(found.err());
    look(foreign(&data).map_or(Ok(()), Err));
    look(port(file.node.listen, &data));
    look(front(file.node.listen, &file.web, folder).map(drop));
    look(business_clock(&file.store).map(drop));
    look(base(&file.acquirer.base));
    look(file.acquirer.read(folder).map(drop));
    match tills(&file.till, file.store.place()) {
        Ok(tills) => look(scanners(&file.devices.scanner, &tills)),
        Err(error) => look(Err(error)),
    }
    look(daily_bills(&file.bill_source).map(drop));
    for scanner in &file.devices.scanner {
        look(scanner_port(&scanner.port));
    }
    if let Some(printer) = file.devices.printer {
        look(printer_place(&printer.within(folder)));
    }
    let shown = path.display();
    wrong.into_iter().map(|error| format!("{shown}: {error}")).collect()
}

/// A port that a node on this folder holds is this node's.
fn port(listen: SocketAddr, data: &Path) -> Result<(), ConfigError> {
    match TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_running(data) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(ConfigError(format!(
            "[node] listen = \"{listen}\": 端口被占用，请停掉那个程序或换端口 / port in use: stop the other program, or write another port"
        ))),
        Err(error) => Err(ConfigError(format!(
            "[node] listen = \"{listen}\": {error}；请写本机的地址 / write an address of this machine"
        ))),
    }
}

fn is_running(data: &Path) -> bool {
    let Ok(lock) = std::fs::File::open(data.join(LOCK_FILE)) else { return false };
    matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

fn base(base: &str) -> Result<(), ConfigError> {
    let url =
        base.parse::<reqwest::Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        None => Err(ConfigError(format!(
            "[acquirer] base = \"{base}\": 写完整的网址 / write a whole address, such as https://vsp.allinpay.com/apiweb"
        ))),
        Some(url) if url.path() == "/" => Err(ConfigError(format!(
            "[acquirer] base = \"{base}\": 缺路径 / its path is missing, such as https://vsp.allinpay.com/apiweb"
        ))),
        Some(_) => Ok(()),
    }
}

fn scanner_port(port: &str) -> Result<(), ConfigError> {
    if Path::new(port).exists() {
        return Ok(());
    }
    Err(ConfigError(format!(
        "[[devices.scanner]] port = \"{port}\": 没有这个设备：请插好扫码盒，没有就删掉这一节 / no such device: plug the scan box in, or take \
         this section out"
    )))
}

fn printer_place(printer: &PrinterSection) -> Result<(), ConfigError> {
    match printer {
        PrinterSection::Tcp { host, port, .. } if host.trim().is_empty() || *port == 0 => Err(ConfigError(
            "[devices.printer] host, port: 写打印机的地址和端口 / write the printer's address and port, usually 9100"
                .into(),
        )),
        // The node makes the last folder of a path, as it makes its data folder.
        PrinterSection::File { folder, .. } if folder.parent().is_some_and(|parent| !is_folder(parent)) => {
            Err(ConfigError(format!(
                "[devices.printer] folder = \"{}\": 上级目录不存在 / the folder above does not exist: make it",
                folder.display()
            )))
        }
        PrinterSection::Tcp { .. } | PrinterSection::File { .. } => Ok(()),
    }
}

fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    fn written(text: &str) -> (tempfile::TempDir, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).expect("written");
        let wrong = check(&path);
        (folder, wrong)
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_field() {
        let text = EXAMPLE
            .replace("127.0.0.1:8080", "127.0.0.1:0")
            .replace("cutoff = \"02:00\"", "cutoff = \"7\"")
            .replace("/allinpay/apiweb", "")
            .replace("id = \"T2\"", "id = \"T 2\"")
            + "\n[[devices.scanner]]\nport = \"/dev/none\"\ntill = \"T1\"\n[devices.printer]\nkind = \"tcp\"\nhost = \"\"\n";
        let (_folder, wrong) = written(&text);
        for field in
            ["cutoff", "base", "merchant_private_key_file", "[[till]]", "[[devices.scanner]]", "[devices.printer]"]
        {
            assert!(wrong.iter().any(|words| words.contains(field)), "{field}: {wrong:#?}");
        }
        assert!(wrong.iter().any(|words| words.contains("guitai-sandbox run --keys")), "{wrong:#?}");
        assert_eq!(wrong.len(), 6, "{wrong:#?}");
        let (_folder, wrong) = written(&text.replace("listen =", "lisen ="));
        assert!(wrong.len() == 1 && wrong[0].contains("lisen"), "{wrong:#?}");
    }

    #[test]
    fn a_port_that_another_program_holds_is_named_and_a_hubs_folder_is_refused() {
        let held = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = held.local_addr().expect("bound").to_string();
        let (folder, wrong) = written(&EXAMPLE.replace("127.0.0.1:8080", &address));
        assert!(wrong.iter().any(|words| words.contains("port in use") && words.contains(&address)), "{wrong:#?}");
        std::fs::create_dir(folder.path().join("node-data")).expect("made");
        std::fs::write(folder.path().join("node-data/hub.db"), "").expect("written");
        let wrong = check(&folder.path().join("node.toml"));
        assert!(wrong.iter().any(|words| words.contains("[node] data") && words.contains("hub")), "{wrong:#?}");
    }
}
