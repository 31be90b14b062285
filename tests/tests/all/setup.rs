//! What a person who sets up a shop types and writes wrongly: texts of other editors, weak passwords, other ports, other folders.

use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use guitai_tests::{
    node::Node,
    ports::Port,
    process::{self, Process, Said, program},
    wait::until,
    world::World,
};

/// Whoever waits for words about a wrong address waits no longer.
const WORDS_LIMIT: Duration = Duration::from_secs(8);

/// A command with bytes on its standard input.
fn run(command: &mut Command, input: &[u8]) -> anyhow::Result<Said> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // It may end without reading.
    child.stdin.take().context("a pipe")?.write_all(input).ok();
    let done = child.wait_with_output()?;
    Ok(Said {
        code: done.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    })
}

fn says(said: &Said, code: i32, words: &[&str]) -> anyhow::Result<()> {
    process::says(said, code, words)?;
    // Names of our types are no words for people.
    for leaked in ["TooShort", "Common", "Empty", "BadCharacter", "stream did not"] {
        ensure!(!said.err.contains(leaked), "says {leaked:?}: {}", said.err);
    }
    Ok(())
}

fn verb(name: &str, config: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(program(name));
    command.args(words).arg("--config").arg(config);
    command
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_text_whichever_editor_wrote_it() {
    World::builder()
        .play(async |world| {
            let (node, hub) = (world.node().config_file(), world.folder.path().join("hub/hub.toml"));
            let set = |input: &[u8]| -> anyhow::Result<[Said; 2]> {
                let create = |role| ["account", "create", "--account", "09", "--name", "某人", "--role", role];
                Ok([
                    run(&mut verb("guitai-node", &node, &create("cashier")), input)?,
                    run(&mut verb("guitai-hub", &hub, &create("headquarters")), input)?,
                ])
            };
            let marked = [b"\xff\xfe".as_slice(), &utf16("mima-shouyin-09\n")].concat();
            let refused: [(&[u8], &[&str]); 8] = [
                (b"short\n", &["至少 8", "at least 8 characters"]),
                (b"12345678\n", &["常见密码", "common password"]),
                (&[b'x'; 300], &["256"]),
                (b"\n", &["no password"]),
                (&marked, &["UTF-16", "save it as UTF-8"]),
                (&utf16("mima-shouyin-09\n"), &["UTF-16", "save it as UTF-8"]),
                (b"\xc3\xdc\xc2\xeb-shouyin-09\n", &["GBK", "save it as UTF-8"]),
                (b"mima\x1b[31m-shouyin-09\n", &["control character"]),
            ];
            for (input, words) in refused {
                for said in set(input)? {
                    says(&said, 2, words).with_context(|| String::from_utf8_lossy(input).into_owned())?;
                }
            }
            // The mark and the line's end are no part of a password: it lets its owner in.
            for (input, password) in
                [("\u{feff}mima-shouyin-09\r\n", "mima-shouyin-09"), ("另一个密码-0009\r\n", "另一个密码-0009")]
            {
                for said in set(input.as_bytes())? {
                    says(&said, 0, &[])?;
                }
                world.node().person(("09", password)).await?;
                guitai_tests::client::Client::nobody(&world.hub.url())?.log_in("09", password).await?;
            }
            for (words, said) in [
                (vec!["account", "create", "--account", "a b", "--name", "x", "--role", "cashier"], "letters, digits"),
                (vec!["account", "create", "--account", "", "--name", "x", "--role", "cashier"], "letters, digits"),
                (vec!["api-key", "create", "--name", "", "--scope", "read"], "letters, digits"),
                (vec!["sample", "--sandbox", ".", "--cashiers", "a b"], "letters, digits"),
            ] {
                says(&run(&mut verb("guitai-node", &node, &words), b"mima-shouyin-09\n")?, 2, &[said])?;
            }
            Ok(())
        })
        .await;
}

/// The node's configuration beside its own, with something else in it.
fn written(node: &Node, name: &str, text: &[u8]) -> anyhow::Result<PathBuf> {
    let path = node.config_file().with_file_name(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_any_editor_are_read_or_named() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let config = fs::read_to_string(node.config_file())?;
            let check = |text: &str| -> anyhow::Result<Said> {
                let path = written(node, "other.toml", text.as_bytes())?;
                run(&mut verb("guitai-node", &path, &["config", "check"]), b"")
            };
            says(&check(&config)?, 0, &[])?;
            for bytes in [format!("\u{feff}{config}").into_bytes(), config.replace('\n', "\r\n").into_bytes()] {
                let path = written(node, "other.toml", &bytes)?;
                says(&run(&mut verb("guitai-node", &path, &["status"]), b"")?, 0, &[])?;
                says(&run(&mut verb("guitai-node", &path, &["config", "check"]), b"")?, 0, &[])?;
            }
            let gbk = [config.as_bytes(), b"# \xc3\xdc\xc2\xeb\n"].concat();
            for bytes in [utf16(&config), gbk] {
                let path = written(node, "other.toml", &bytes)?;
                says(&run(&mut verb("guitai-node", &path, &["status"]), b"")?, 1, &["other.toml", "save it as UTF-8"])?;
                let checked = run(&mut verb("guitai-node", &path, &["config", "check"]), b"")?;
                says(&checked, 2, &["other.toml", "save it as UTF-8"])?;
                ensure!(!checked.err.contains("config example"), "writing one anew would lose it: {checked:?}");
                let hub = world.folder.path().join("hub/hub.toml");
                let hubs = written(node, "other-hub.toml", &[fs::read(hub)?, b"# \xc3\xdc\n".to_vec()].concat())?;
                says(&run(&mut verb("guitai-hub", &hubs, &["merchant"]), b"")?, 1, &["other-hub.toml", "UTF-8"])?;
            }

            // The same of keys; each that cannot be read is named.
            let own = fs::read_to_string(node.config_file().with_file_name("merchant.pem"))?;
            let theirs = fs::read_to_string(node.config_file().with_file_name("platform.pem"))?;
            let with = |merchant: &[u8], platform: &[u8]| -> anyhow::Result<Said> {
                written(node, "other.pem", merchant)?;
                written(node, "other-public.pem", platform)?;
                check(&config.replace("merchant.pem", "other.pem").replace("platform.pem", "other-public.pem"))
            };
            let marked = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes();
            says(&with(&marked(&own), &marked(&theirs))?, 0, &[])?;
            let (own, theirs) = (own.as_bytes(), theirs.as_bytes());
            let (bad, other) =
                (["other.pem", "merchant_private_key_file"], ["other-public.pem", "platform_public_key_file"]);
            let wide = utf16(&String::from_utf8_lossy(own));
            for (merchant, platform, named) in [
                (wide.as_slice(), theirs, bad),
                (own, wide.as_slice(), other),
                (b"\xc3\xdc\xc2\xeb", theirs, bad),
                (b"", theirs, bad),
                (own, b"", other),
                (b"no key!", theirs, bad),
                (own, b"no key!", other),
                (theirs, own, bad),
                (own, own, other),
            ] {
                says(&with(merchant, platform)?, 2, &named)?;
            }
            let md5 = |bytes: &[u8]| -> anyhow::Result<Said> {
                written(node, "md5.key", bytes)?;
                check(&config.replace("sign = \"rsa\"", "sign = \"md5\"\nmd5_key_file = \"md5.key\""))
            };
            says(&md5(b"\xef\xbb\xbfallinpay888\r\n")?, 0, &[])?;
            says(&md5(&utf16("allinpay888"))?, 2, &["md5.key", "md5_key_file", "UTF-8"])
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_holds_the_folder_is_told_from_others_and_keys_may_come_later() {
    World::builder()
        .play(async |world| {
            let node = world.node();
            let config = fs::read_to_string(node.config_file())?;
            let hub_data = world.hub.file().parent().context("a folder")?.to_owned();
            let path = written(node, "other.toml", config.replace("\"data\"", &format!("{hub_data:?}")).as_bytes())?;
            for words in [&["status"][..], &["run"], &["enrol", "--hub", "http://hub:1", "--code", "x"]] {
                says(&run(&mut verb("guitai-node", &path, words), b"")?, 1, &["[node] data", "hub's data folder"])?;
            }
            ensure!(!hub_data.join("side.db").exists() && !hub_data.join("lock").exists(), "it left something there");
            let hub_config = fs::read_to_string(world.folder.path().join("hub/hub.toml"))?;
            let node_data = node.journal_file().parent().context("a folder")?.to_owned();
            let hubs = written(node, "hub.toml", hub_config.replace("\"data\"", &format!("{node_data:?}")).as_bytes())?;
            says(
                &run(&mut verb("guitai-hub", &hubs, &["store", "list"]), b"")?,
                1,
                &["[hub] data", "node's data folder"],
            )?;
            ensure!(!node_data.join("hub.db").exists(), "it left something there");

            // A node enters and answers before its acquirer's keys have come; only what needs them asks for them.
            let text = config.replace("\"data\"", "\"keyless\"").replace("merchant.pem", "none.pem");
            let keyless = written(node, "keyless.toml", text.as_bytes())?;
            let code = world.hub.add_store("S009").await?;
            let enrol = ["enrol", "--hub", &world.hub.url(), "--code", &code];
            says(&run(&mut verb("guitai-node", &keyless, &enrol), b"")?, 0, &[])?;
            for words in ["status", "verify", "journal"] {
                says(&run(&mut verb("guitai-node", &keyless, &[words]), b"")?, 0, &[])?;
            }
            let origin = ["none.pem", "merchant_private_key_file", "guitai-sandbox run --keys"];
            says(&run(&mut verb("guitai-node", &keyless, &["run"]), b"")?, 1, &origin)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_finds_its_hub_whichever_port_it_is_told() {
    World::builder()
        .play(async |world| {
            // A hub whose nodes are heard at a port of their own.
            let (page, quic, nobody) = (Port::take()?, Port::take()?, Port::take()?);
            let folder = world.folder.path().join("two-ports");
            fs::create_dir(&folder)?;
            let file = folder.join("hub.toml");
            let text = format!(
                "[hub]\nname = \"商户\"\ndata = \"hub-data\"\nlisten = \"{}\"\nquic = \"{}\"\n",
                page.address(),
                quic.address()
            );
            fs::write(&file, text)?;
            let code = |store: &str| -> anyhow::Result<String> {
                run(&mut verb("guitai-hub", &file, &["enrol", "--store", store, "--name", "某店"]), b"")?.line()
            };
            let (first, second, third) = (code("S001")?, code("S001")?, code("S002")?);
            ensure!(first.len() <= 48 + 9 && first.split('-').all(|group| group.len() == 5), "{first}");
            let mut hub = verb("guitai-hub", &file, &["run"]);
            let log = folder.join("hub.log");
            let running = Process::spawn(std::mem::replace(&mut hub, Command::new("true")), &log)?;
            let anybody = guitai_tests::client::Client::nobody(&page.url())?;
            until("the hub", WORDS_LIMIT, async || anybody.read("/health").await.map(Some)).await?;
            let said = fs::read_to_string(&log)?;
            ensure!(said.contains("guitai-hub account create"), "who has no account is told: {said}");

            let node = world.node();
            let config = fs::read_to_string(node.config_file())?;
            let enrol = |name: &str, url: &str, code: &str| -> anyhow::Result<Said> {
                let path = written(
                    node,
                    &format!("{name}.toml"),
                    config.replace("\"data\"", &format!("{name:?}")).as_bytes(),
                )?;
                run(&mut verb("guitai-node", &path, &["enrol", "--hub", url, "--code", code]), b"")
            };
            let by_page = enrol("by-page", &page.url(), &first)?;
            says(&by_page, 0, &[])?;
            ensure!(by_page.err.is_empty(), "{by_page:?}");
            says(&enrol("by-port", &quic.url(), &third.to_lowercase().replace('-', " "))?, 0, &["readdress --hub"])?;
            let path = node.config_file().with_file_name("by-page.toml");
            says(&run(&mut verb("guitai-node", &path, &["readdress", "--hub", &page.url()]), b"")?, 0, &[])?;

            // Nobody there; a hub that printed another code; a name that leads nowhere: said soon, with the port and that it is UDP.
            let begun = Instant::now();
            let number = nobody.url().rsplit(':').next().unwrap_or_default().to_owned();
            let words = [format!("UDP {number}"), "没有应答".into(), "nothing answers".into()];
            says(&enrol("lost", &nobody.url(), &second)?, 1, &words.each_ref().map(String::as_str))?;
            ensure!(begun.elapsed() < WORDS_LIMIT, "after {:?}", begun.elapsed());
            says(&enrol("lost", &world.hub.url(), &second)?, 1, &["另一个总部", "not the one that printed this code"])?;
            says(&enrol("lost", "http://no-such-host.invalid:8443", &second)?, 1, &["leads nowhere"])?;
            for url in
                ["ftp://hub:1", "http://h:0", "http://h:99999", "http://bad host:80", "http://h:1/path", "HUB:PORT"]
            {
                says(&enrol("lost", url, &second)?, 2, &["--hub", "http://HOST:PORT"])?;
                let readdress = run(&mut verb("guitai-node", &path, &["readdress", "--hub", url]), b"")?;
                says(&readdress, 2, &["--hub", "http://HOST:PORT"])?;
            }
            says(&enrol("lost", &page.url(), &second[..51])?, 2, &["--code", "45"])?;
            running.stop().await?;
            Ok(())
        })
        .await;
}
