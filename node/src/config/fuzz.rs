//! Whatever stands in the file: `config check` says what is wrong with it, at once, and nothing makes it end in a panic.

#[path = "../../../tests/fuzz/target.rs"]
mod target;

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use target::Target;

use super::{check, tests::example};

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

/// Where a text is checked as `config check` does it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("md5.key"), "allinpay888").expect("written");
        std::fs::set_permissions(folder.path().join("md5.key"), Permissions::from_mode(0o600)).expect("set");
        Self(folder)
    }

    /// What is wrong with it, each thing with the file's name and a place in it.
    fn check(&self, text: &[u8]) -> Vec<String> {
        let path = self.0.path().join("node.toml");
        std::fs::write(&path, text).expect("written");
        let wrong = check(&path);
        for words in &wrong {
            let said = words.strip_prefix(&format!("{}: ", path.display())).unwrap_or_else(|| panic!("{words}"));
            // What is UTF-16 or nested beyond reason is so as a whole.
            let whole = said.contains("UTF-16") || said.contains("recursion limit");
            assert!(whole || said.contains('[') || said.contains("line "), "no place: {words}");
        }
        wrong
    }
}

/// A file that names every key, and can be used.
fn full() -> String {
    let text: Vec<String> = example().lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    text.join("\n")
        .replace("127.0.0.1:8080", "127.0.0.1:0")
        .replace("/dev/ttyACM0", "/dev/null")
        .replace("level = \"info\"", "level = \"info\"\nfile = \"guitai.log\"")
        + "\n[[bill_source]]\nname = \"pos\"\ndaily = true\n"
}

#[test]
fn node_config() {
    let place = Place::new();
    let seen =
        Target::new("node_config", 15, INPUTS).run(vec![full().into_bytes(); SHARE], move |input, _| {
            match place.check(input).as_slice() {
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
    let (place, full) = (Place::new(), full());
    assert_eq!(place.check(full.as_bytes()), Vec::<String>::new());
    let mut refused = 0;
    for line in full.lines() {
        let Some((key, right)) = line.split_once(" = ") else { continue };
        for value in VALUES {
            let wrong = place.check(full.replacen(line, &format!("{key} = {value}"), 1).as_bytes());
            // A text of another kind may do; a number, a list or a date where a text belongs never does.
            if right.starts_with('"') != value.starts_with('"') {
                // Of the printer's section some keys are read by what kind it is, and the section is named.
                let named = |words: &String| words.contains(key) || words.contains("[devices.printer]");
                assert!(wrong.iter().any(named), "{key} = {value}: {wrong:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 200, "only {refused} were refused");
}
