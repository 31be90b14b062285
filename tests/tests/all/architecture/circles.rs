//! No circle across the files of a crate.
//!
//! A module stands for its file and all that lies beneath it. Among the children of one module the arrows must not close a
//! circle, however deep below them the files lie that name each other. A child may know the modules it lies in: a `mod.rs`
//! that holds a type, with the type's parts in children, is no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::ensure;

use super::modules::{self, Arrow};
use crate::tidy;

/// An arrow between two children of one module, and the lines that draw it.
type Siblings = BTreeMap<(String, String), BTreeSet<String>>;

#[test]
fn files_know_each_other_in_one_direction() -> anyhow::Result<()> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let mut wrong = Vec::new();
    for root in roots()? {
        let name = tidy::shown(&root);
        for ((from, to), lines) in circular(&siblings(&modules::arrows(&root, &read))) {
            let lines: Vec<_> = lines.iter().take(4).map(String::as_str).collect();
            wrong.push(format!("{name}: {from} -> {to}: {}", lines.join(", ")));
        }
    }
    ensure!(wrong.is_empty(), "arrows that close circles:\n{}", wrong.join("\n"));
    Ok(())
}

/// The root file of every crate and program.
fn roots() -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for folder in ["cloud", "devices", "node", "shared", "tests"] {
        for file in tidy::sources(&tidy::root().join(folder))? {
            let is_root = file.ends_with("src/lib.rs") || file.ends_with("src/main.rs");
            let is_program = tidy::shown(&file).contains("/src/bin/") && file.ends_with("main.rs");
            if is_root || is_program {
                found.push(file);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Each arrow, lifted to the children of the nearest module that holds both ends; none where one end holds the other.
fn siblings(arrows: &[Arrow]) -> Siblings {
    let mut lifted = Siblings::new();
    for arrow in arrows {
        let shared = arrow.from.iter().zip(&arrow.to).take_while(|(from, to)| from == to).count();
        if arrow.from.len() > shared && arrow.to.len() > shared {
            let name = |module: &[String]| module[..=shared].join("::");
            let line = format!("{}:{}", tidy::shown(&arrow.file), arrow.line);
            lifted.entry((name(&arrow.from), name(&arrow.to))).or_default().insert(line);
        }
    }
    lifted
}

/// The arrows from whose end a way leads back to their beginning.
fn circular(siblings: &Siblings) -> Siblings {
    let leads_back = |from: &String, to: &String| {
        let (mut seen, mut next) = (BTreeSet::from([to]), vec![to]);
        while let Some(at) = next.pop() {
            if at == from {
                return true;
            }
            next.extend(siblings.keys().filter(|(from, _)| from == at).map(|(_, to)| to).filter(|to| seen.insert(to)));
        }
        false
    };
    let circular = siblings.iter().filter(|((from, to), _)| leads_back(from, to));
    circular.map(|(arrow, lines)| (arrow.clone(), lines.clone())).collect()
}

/// The circular arrows of a made-up crate.
#[cfg(test)]
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&Path, &str> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
    let arrows = modules::arrows(Path::new("src/lib.rs"), &|path| files.get(path).map(|text| (*text).to_owned()));
    circular(&siblings(&arrows)).into_keys().map(|(from, to)| format!("{from} -> {to}")).collect()
}

#[test]
fn siblings_that_know_each_other_are_found() {
    let both = ["a -> b", "b -> a"];
    let use_and_path = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b::{self, B as C};"),
        ("src/b.rs", "fn b() { crate::a::run() }"),
    ];
    assert_eq!(found(&use_and_path), both);
    let super_ = [("src/lib.rs", "mod a; mod b;"), ("src/a.rs", "use super::b::B;"), ("src/b.rs", "use super::a;")];
    assert_eq!(found(&super_), both);
    let facade = [
        ("src/lib.rs", "pub mod m;"),
        ("src/m/mod.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
        ("src/m/a.rs", "use super::B; pub struct A;"),
        ("src/m/b.rs", "use crate::m::A; pub struct B;"),
    ];
    assert_eq!(found(&facade), ["m::a -> m::b", "m::b -> m::a"], "through what the parent hands on");
    let by_module = [
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a.rs", "use crate::b; fn f() { b::f() }"),
        ("src/b.rs", "mod x;"),
        ("src/b/x.rs", "use crate::a::f;"),
    ];
    assert_eq!(found(&by_module), both, "a child counts for its parent");
    let three = [
        ("src/lib.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B;"),
        ("src/b.rs", "use crate::c::C;"),
        ("src/c.rs", "use crate::a::A;"),
    ];
    assert_eq!(found(&three), ["a -> b", "b -> c", "c -> a"]);
}

#[test]
fn children_may_know_what_they_lie_in() {
    let parts = [
        ("src/lib.rs", "mod m; mod below; pub struct Error;"),
        ("src/m/mod.rs", "mod a; mod b; use crate::below::B; pub struct M; fn run() { a::run(); b::run() }"),
        ("src/m/a.rs", "use super::M; use crate::Error; use super::b; fn run() { b::run() }"),
        ("src/m/b.rs", "use crate::m::M; use std::fmt; #[cfg(test)] mod tests { use crate::m::a; }"),
        ("src/below.rs", "//! Used by [`crate::m`].\npub struct B;"),
    ];
    assert_eq!(found(&parts), [""; 0]);
}
