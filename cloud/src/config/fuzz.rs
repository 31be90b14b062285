//! Whatever stands in the file: `config check` says what is wrong with it, at once, and nothing makes it end in a panic.

#[path = "../../../tests/fuzz/target.rs"]
mod target;

use target::Target;

use super::{EXAMPLE, check};

/// Inputs made besides the corpus; with those of other crates some 300,000 a run. Each is a file that is written and read.
const INPUTS: usize = 5_000;

/// How often the file that can be used stands among what inputs are made of: most lines of the corpus are refused.
const SHARE: usize = 100;

/// Values of every type, each the wrong one for most keys.
const VALUES: [&str; 12] = [
    "1",
    "-1",
    "9223372036854775808",
    "1e400",
    "nan",
    "true",
    "\"\"",
    "\"x\"",
    "[]",
    "[[1], \"x\"]",
    "{ x = 1 }",
    "1979-05-27T07:32:00Z",
];

/// What is wrong with a text in this folder, each thing with the file's name and a place in it.
fn checked(folder: &tempfile::TempDir, text: &[u8]) -> Vec<String> {
    let path = folder.path().join("hub.toml");
    std::fs::write(&path, text).unwrap();
    let wrong = check(&path);
    let shown = path.display().to_string();
    for words in &wrong {
        let said = words.split_once(&shown).unwrap_or_else(|| panic!("{words}")).1;
        let line = said.trim_start_matches(':').starts_with(|c: char| c.is_ascii_digit());
        assert!(line || said.contains('[') || said.contains("line ") || said.contains("UTF-16"), "no place: {words}");
    }
    wrong
}

/// A file that names every key but those of TLS, and can be used.
fn full() -> String {
    let text: Vec<&str> = EXAMPLE.lines().filter(|line| !line.starts_with('#')).collect();
    text.join("\n")
        .replace("127.0.0.1:8443", "127.0.0.1:0")
        .replace("http://127.0.0.1:0", "http://hub:1")
        .replace("level = \"info\"", "level = \"info\"\nfile = \"guitai.log\"")
}

#[test]
fn hub_config() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Target::new("hub_config", 16, INPUTS).run(vec![full().into_bytes(); SHARE], move |input, _| {
        match checked(&folder, input).as_slice() {
            [] => "fine",
            [words] if words.contains("UTF-8") => "not_text",
            [_] => "refused",
            _ => "several",
        }
    });
    let fine = seen.count("fine");
    assert!(fine > INPUTS / 1_000, "only {fine}: the inputs are too far off to be of use");
}

#[test]
fn every_key_with_a_value_of_every_type_is_taken_or_named() {
    let (folder, full) = (tempfile::tempdir().unwrap(), full());
    assert_eq!(checked(&folder, full.as_bytes()), Vec::<String>::new());
    let mut refused = 0;
    for line in full.lines() {
        let Some((key, right)) = line.split_once(" = ") else { continue };
        for value in VALUES {
            let wrong = checked(&folder, full.replacen(line, &format!("{key} = {value}"), 1).as_bytes());
            // A text of another kind may do; a number, a list or a date where a text belongs never does.
            if right.starts_with('"') != value.starts_with('"') {
                assert!(wrong.iter().any(|words| words.contains(key)), "{key} = {value}: {wrong:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 50, "only {refused} were refused");
}
