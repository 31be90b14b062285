//! Routes and their descriptions are one: what a program serves under `/api/v1` it describes, and nothing else.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::{root, shown};
use crate::source;

/// Who serves `/api/v1`: where the handlers are, and what the program says of them.
const PROGRAMS: &[(&str, &str)] =
    &[("node/src/api", "shared/web/api/openapi/node.json"), ("cloud/src/api", "shared/web/api/openapi/hub.json")];

/// Ways to serve something that no description tells of. `routes!` is the one that does.
const UNDESCRIBED: &[&str] = &["route", "route_service", "nest_service"];

fn description(path: &'static str) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(root().join(path)).context(path)?;
    serde_json::from_str(&text).context(path)
}

/// Every operation: its path, its method, and itself.
fn operations(description: &Value) -> Vec<(&str, &str, &Value)> {
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            all.push((path.as_str(), method.as_str(), operation));
        }
    }
    all
}

#[test]
fn every_handler_is_described_and_every_description_is_served() -> anyhow::Result<()> {
    for (folder, path) in PROGRAMS {
        let mut handlers = 0;
        let mut files = super::sources(&root().join(folder))?;
        files.extend([root().join(format!("{folder}.rs"))].into_iter().filter(|file| file.is_file()));
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            let tokens = source::product(&std::fs::read_to_string(file)?);
            for pair in tokens.windows(2) {
                let undescribed = pair[0].is(".") && pair[1].word().is_some_and(|word| UNDESCRIBED.contains(&word));
                ensure!(
                    !undescribed,
                    "{}:{}: this serves what is not described; use routes!",
                    shown(file),
                    pair[1].line
                );
            }
            handlers += std::fs::read_to_string(file)?.matches("#[utoipa::path(").count();
        }
        let description = description(path)?;
        let described = operations(&description).len();
        ensure!(handlers == described, "{folder} has {handlers} described handlers, {path} tells of {described}");
    }
    Ok(())
}

#[test]
fn operations_have_names_of_their_own() -> anyhow::Result<()> {
    for (_, path) in PROGRAMS {
        let description = description(path)?;
        let mut names = BTreeSet::new();
        for (at, method, operation) in operations(&description) {
            let name = operation["operationId"].as_str().with_context(|| format!("{path}: {method} {at}"))?;
            ensure!(names.insert(name), "{path}: two operations are called {name}");
        }
    }
    Ok(())
}

/// Whatever moves money is asked with a key.
#[test]
fn keys_and_names_in_paths_are_described() -> anyhow::Result<()> {
    let mut keyed = 0;
    for (_, path) in PROGRAMS {
        let description = description(path)?;
        for (at, method, operation) in operations(&description) {
            let params = operation["parameters"].as_array();
            let named = |kind: &str| -> BTreeSet<&str> {
                let of_kind = params.into_iter().flatten().filter(|param| param["in"] == kind);
                of_kind.filter_map(|param| param["name"].as_str()).collect()
            };
            let in_path: BTreeSet<&str> = at.split(['{', '}']).skip(1).step_by(2).collect();
            ensure!(named("path") == in_path, "{path}: {method} {at} describes {:?}", named("path"));
            keyed += usize::from(named("header").contains("Idempotency-Key"));
        }
    }
    ensure!(keyed == 8, "{keyed} operations with an Idempotency-Key");
    Ok(())
}

/// In an answer a value is there, or it is not: only what is always there may be null.
#[test]
fn what_may_be_absent_is_not_null_as_well() -> anyhow::Result<()> {
    for (_, path) in PROGRAMS {
        let description = description(path)?;
        let asked: String = operations(&description).iter().map(|(_, _, one)| one["requestBody"].to_string()).collect();
        for (name, schema) in description["components"]["schemas"].as_object().context("schemas")? {
            // In a request both mean the same.
            if asked.contains(&format!("schemas/{name}\""))
                || ["BillRef", "Fields", "Approver"].contains(&name.as_str())
            {
                continue;
            }
            let required: BTreeSet<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            for (field, of) in schema["properties"].as_object().into_iter().flatten() {
                let null = of.to_string().contains("\"null\"");
                ensure!(!null || required.contains(field.as_str()), "{path}: {name}.{field} may be absent and null");
            }
        }
    }
    Ok(())
}
