//! House rules that no compiler checks: lengths, leftovers, output, traces of a machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

mod matches;
mod routes;
mod sql;

/// Longest file, in lines.
const FILE_MAX_LINES: usize = 500;

/// Longest line, in characters.
const LINE_MAX_CHARS: usize = 140;

/// Files that are longer, with their length. This list only shrinks: an entry must be exact, so that it goes down with its file.
const LONGER_FILES: &[(&str, usize)] = &[];

/// The crate that talks to people on standard output and standard error: all else does it through this one, since a macro panics when
/// the reader is gone, and a program must not.
const MAY_PRINT: &str = "shared/console/src/";

/// Folders of sources.
const SOURCES: &[&str] = &["cloud", "devices", "node", "shared", "tests"];

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file's path as people write it.
pub(crate) fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

/// All Rust files below a folder.
pub(crate) fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    files(folder, &["rs"])
}

fn files(folder: &Path, extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", "node_modules", ".venv", "dist", ".git"].contains(&name) {
                found.extend(files(&path, extensions)?);
            }
        } else if path.extension().and_then(|end| end.to_str()).is_some_and(|end| extensions.contains(&end)) {
            found.push(path);
        }
    }
    Ok(found)
}

fn all_sources() -> anyhow::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for folder in SOURCES {
        all.extend(sources(&root().join(folder))?);
    }
    Ok(all)
}

/// All files that are built into the product: no tests, no benches, and nothing of theirs.
pub(crate) fn product_sources() -> anyhow::Result<Vec<PathBuf>> {
    let mut all = all_sources()?;
    all.retain(|file| {
        let name = shown(file);
        !name.split('/').any(|part| ["tests", "tests.rs", "testing.rs"].contains(&part))
    });
    Ok(all)
}

/// A file's lines that are built into the product, numbered from 1: without its test modules, which stand last.
pub(crate) fn product_lines(file: &Path) -> anyhow::Result<Vec<(usize, String)>> {
    let is_test = file.components().any(|part| part.as_os_str() == "tests")
        || file.file_stem().is_some_and(|stem| stem == "tests" || stem == "testing");
    if is_test {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let lines: Vec<&str> = text.lines().collect();
    // `#[cfg(test)]` before a module with a body; before `mod tests;` it takes the next line only.
    let end = lines.windows(2).position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].trim_end().ends_with('{'));
    let product = lines.into_iter().enumerate().take(end.unwrap_or(usize::MAX));
    Ok(product.map(|(index, line)| (index + 1, line.to_owned())).collect())
}

#[test]
fn files_and_lines_are_short() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for file in all_sources()? {
        let (text, name) = (std::fs::read_to_string(&file)?, shown(&file));
        let lines = text.lines().count();
        match LONGER_FILES.iter().find(|(path, _)| *path == name) {
            Some((_, listed)) if lines != *listed => {
                wrong.push(format!("{name}: {lines} lines, the list says {listed}; the list only shrinks"));
            }
            None if lines > FILE_MAX_LINES => wrong.push(format!("{name}: {lines} lines")),
            Some(_) | None => {}
        }
        for (index, line) in text.lines().enumerate() {
            let chars = line.chars().count();
            if chars > LINE_MAX_CHARS {
                wrong.push(format!("{name}:{}: {chars} characters", index + 1));
            }
        }
    }
    for (path, _) in LONGER_FILES {
        ensure!(root().join(path).is_file(), "{path} is gone; take it off the list");
    }
    ensure!(wrong.is_empty(), "too long:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn nothing_is_left_over() -> anyhow::Result<()> {
    // Written in two halves, or this file would find itself.
    let leftovers = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let printing =
        [concat!("print", "ln!("), concat!("print", "!("), concat!("std", "out()"), concat!("stderr", "().lock()")];
    let mut wrong = Vec::new();
    for file in all_sources()? {
        let (text, name) = (std::fs::read_to_string(&file)?, shown(&file));
        for (index, line) in text.lines().enumerate() {
            for leftover in leftovers.iter().filter(|leftover| line.contains(*leftover)) {
                wrong.push(format!("{name}:{}: {leftover}", index + 1));
            }
        }
        if name.starts_with(MAY_PRINT) || name.starts_with("tests/") {
            continue;
        }
        for (number, line) in product_lines(&file)? {
            if printing.iter().any(|words| line.contains(words)) && !line.trim_start().starts_with("//") {
                wrong.push(format!("{name}:{number}: prints"));
            }
        }
    }
    ensure!(wrong.is_empty(), "left over:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn no_machine_is_named() -> anyhow::Result<()> {
    // Folders where people or machines keep checkouts; no file of a product knows them.
    let traces = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/tmp/", "brief"),
        concat!("/Us", "ers/"),
    ];
    let mut wrong = Vec::new();
    let mut all =
        files(&root(), &["rs", "toml", "md", "sql", "sh", "ts", "vue", "css", "html", "json", "yml", "yaml"])?;
    all.extend(files(&root().join("scripts"), &[""])?);
    for file in all {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (index, line) in text.lines().enumerate() {
            for trace in traces.iter().filter(|trace| line.contains(*trace)) {
                wrong.push(format!("{}:{}: {trace}", shown(&file), index + 1));
            }
        }
    }
    ensure!(wrong.is_empty(), "traces of a machine:\n{}", wrong.join("\n"));
    Ok(())
}
