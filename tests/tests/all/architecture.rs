//! The arrows between crates (design section 2): a new one fails here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::tidy;

mod circles;
mod modules;

/// Each crate, and which of ours it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("guitai-core", &[]),
    ("guitai-documents", &["guitai-core"]),
    ("guitai-store", &["guitai-core"]),
    ("guitai-link", &["guitai-core"]),
    ("guitai-http", &["guitai-core"]),
    ("guitai-till", &["guitai-core", "guitai-store"]),
    // What a program says at a terminal and reads there.
    ("guitai-console", &[]),
    ("guitai-sandbox", &["guitai-console", "guitai-core"]),
    ("guitai-devices", &["guitai-core"]),
    (
        "guitai-node",
        &[
            "guitai-console",
            "guitai-core",
            "guitai-devices",
            "guitai-documents",
            "guitai-http",
            "guitai-link",
            "guitai-sandbox",
            "guitai-store",
            "guitai-till",
        ],
    ),
    (
        "guitai-hub",
        &["guitai-console", "guitai-core", "guitai-documents", "guitai-http", "guitai-link", "guitai-store"],
    ),
    (
        "guitai-tests",
        &[
            "guitai-core",
            "guitai-devices",
            "guitai-documents",
            "guitai-http",
            "guitai-link",
            "guitai-sandbox",
            "guitai-store",
            "guitai-till",
        ],
    ),
    // Disks that die: under tests only. No crate of the product has an arrow to it.
    ("guitai-vfs", &[]),
    (
        "guitai-sim",
        &["guitai-core", "guitai-hub", "guitai-link", "guitai-sandbox", "guitai-store", "guitai-till", "guitai-vfs"],
    ),
    ("guitai-crash", &["guitai-core", "guitai-store", "guitai-till", "guitai-vfs"]),
];

/// Crates the core must not have: they bring I/O, clocks, threads or randomness.
const NOT_IN_CORE: &[&str] =
    &["getrandom", "libc", "quinn", "rand", "reqwest", "rusqlite", "rustls", "tokio", "tracing", "automerge", "axum"];

#[derive(Deserialize)]
struct Workspace {
    workspace: Members,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    build_dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, toml::Value>,
    #[serde(default)]
    target: BTreeMap<String, toml::Value>,
    #[serde(default)]
    features: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn manifests() -> anyhow::Result<Vec<Manifest>> {
    let root = tidy::root();
    let workspace: Workspace = read(&root.join("Cargo.toml"))?;
    workspace.workspace.members.iter().map(|member| read(&root.join(member).join("Cargo.toml"))).collect()
}

#[test]
fn arrows_point_inwards() -> anyhow::Result<()> {
    let manifests = manifests()?;
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.package.name.as_str()).collect();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    ensure!(names == known, "crates {names:?}, the table knows {known:?}");
    let mut wrong = Vec::new();
    for manifest in &manifests {
        let name = manifest.package.name.as_str();
        let allowed = ARROWS.iter().find(|(from, _)| *from == name).map_or(&[][..], |(_, to)| to);
        ensure!(
            manifest.target.is_empty(),
            "{name} has dependencies for some targets only; teach this test to read them"
        );
        let all = [&manifest.dependencies, &manifest.build_dependencies, &manifest.dev_dependencies];
        for dependency in all.into_iter().flat_map(BTreeMap::keys) {
            if dependency.starts_with("guitai-") && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} -> {dependency}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "new arrows: {wrong:?}");
    Ok(())
}

/// Features, and what they turn on. None is on unless it is named, and a build of the whole workspace names none: cargo builds a
/// crate once for all that ask for it, so what tests turn on by default would be in the product.
const FEATURES: &[(&str, &str, &[&str])] =
    &[("guitai-core", "stand-in-signatures", &[]), ("guitai-sim", "stand-in", &["guitai-core/stand-in-signatures"])];

/// Without this line a program could be built where anyone can sign as anyone.
const NO_STAND_IN: &str = "const _: () = assert!(!guitai_core::signature::STAND_IN);";

#[test]
fn no_program_of_the_product_takes_stand_ins_for_signatures() -> anyhow::Result<()> {
    let root = tidy::root();
    for program in ["node/src/main.rs", "cloud/src/main.rs"] {
        let text = std::fs::read_to_string(root.join(program))?;
        ensure!(text.lines().any(|line| line == NO_STAND_IN), "{program} lacks: {NO_STAND_IN}");
    }
    for manifest in manifests()? {
        let name = manifest.package.name.as_str();
        for (feature, on) in &manifest.features {
            let known = FEATURES.iter().any(|(of, known, turns_on)| *of == name && known == feature && on == turns_on);
            ensure!(known, "{name} has a feature {feature} = {on:?} that the table does not know");
        }
        for (dependency, how) in [&manifest.dependencies, &manifest.dev_dependencies].into_iter().flatten() {
            let asks = dependency.starts_with("guitai-") && how.get("features").is_some();
            ensure!(!asks, "{name} turns on features of {dependency}");
        }
    }
    let workspace: toml::Value = read(&root.join("Cargo.toml"))?;
    let ours =
        workspace.get("workspace").and_then(|workspace| workspace.get("dependencies")).context("no dependencies")?;
    let ours = ours.as_table().context("no table")?.iter().filter(|(name, _)| name.starts_with("guitai-"));
    let asking: Vec<_> = ours.filter(|(_, how)| how.get("features").is_some()).map(|(name, _)| name).collect();
    ensure!(asking.is_empty(), "the workspace turns on features of {asking:?}");
    Ok(())
}

#[test]
fn the_core_has_no_io_clock_or_randomness() -> anyhow::Result<()> {
    let root = tidy::root();
    let lib = std::fs::read_to_string(root.join("shared/core/src/lib.rs"))?;
    ensure!(lib.lines().any(|line| line.trim() == "#![no_std]"), "shared/core/src/lib.rs lacks #![no_std]");
    let manifest: Manifest = read(&root.join("shared/core/Cargo.toml"))?;
    let forbidden: Vec<_> = manifest.dependencies.keys().filter(|name| NOT_IN_CORE.contains(&name.as_str())).collect();
    ensure!(forbidden.is_empty(), "the core depends on {forbidden:?}");
    let mut wrong = Vec::new();
    for file in tidy::sources(&root.join("shared/core/src"))? {
        for (number, line) in tidy::product_lines(&file)? {
            if line.contains("std::") && !line.trim_start().starts_with("//") || line.contains("extern crate std") {
                wrong.push(format!("{}:{number}: {line}", tidy::shown(&file)));
            }
        }
    }
    ensure!(wrong.is_empty(), "std in the core:\n{}", wrong.join("\n"));
    Ok(())
}
