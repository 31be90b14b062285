//! The modules of a crate, and which module names which: read from `use`, and from paths written out.
//!
//! A path is followed to where the thing is defined: through the `use` lines of the modules it goes through, so that a
//! facade (`pub use`) hides nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::source::{self, Token};

/// From the crate's root, which is empty.
pub(crate) type Module = Vec<String>;

/// How often a name may be handed on before the reader takes it for a ring.
const MAX_HOPS: usize = 16;

/// One module names another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: Module,
    pub(crate) to: Module,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

#[derive(Debug, Default)]
struct Content {
    file: PathBuf,
    /// What a name that `use` brought stands for.
    bound: BTreeMap<String, Vec<String>>,
    /// Paths before `::*`.
    globs: Vec<Vec<String>>,
    /// Names of the items that stand here.
    defined: Vec<String>,
    /// Every path that is written here, and its line.
    named: Vec<(Vec<String>, usize)>,
}

/// The arrows of a crate whose root file is given; `read` answers a file's text, if there is such a file.
pub(crate) fn arrows(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Vec<Arrow> {
    let mut tree = Tree(BTreeMap::new());
    tree.load(root, vec![], read);
    let mut found = Vec::new();
    for (module, content) in &tree.0 {
        for (path, line) in &content.named {
            if let Some(to) = tree.resolve(module, path, MAX_HOPS).filter(|to| to != module) {
                found.push(Arrow { from: module.clone(), to, file: content.file.clone(), line: *line });
            }
        }
    }
    found.sort();
    found
}

struct Tree(BTreeMap<Module, Content>);

impl Tree {
    fn load(&mut self, file: &Path, module: Module, read: &dyn Fn(&Path) -> Option<String>) {
        let Some(text) = read(file) else { return };
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let beside = file.parent().unwrap_or(Path::new(""));
        let folder = if ["lib", "main", "mod"].contains(&stem) { beside.to_owned() } else { beside.join(stem) };
        let mut children = Vec::new();
        self.content(&source::product(&text), file, &module, &mut children);
        for name in children {
            let child: Module = module.iter().cloned().chain([name.clone()]).collect();
            for file in [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")] {
                self.load(&file, child.clone(), read);
            }
        }
    }

    /// Reads one module's tokens; a module written out inside it is a module with the same file.
    fn content(&mut self, tokens: &[Token], file: &Path, module: &Module, children: &mut Vec<String>) {
        let mut content = Content { file: file.to_owned(), ..Content::default() };
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1).and_then(Token::word).unwrap_or_default().to_owned();
            match token.word() {
                Some("mod") if tokens.get(at + 2).is_some_and(|token| token.is("{")) => {
                    let end = closing(tokens, at + 2);
                    let inner = module.iter().cloned().chain([next.clone()]).collect();
                    self.content(&tokens[at + 3..end], file, &inner, &mut Vec::new());
                    at = end + 1;
                }
                Some("mod") => {
                    children.push(next);
                    at += 2;
                }
                Some("use") => at = content.read_use(tokens, at + 1, &[]) + 1,
                Some("struct" | "enum" | "union" | "trait" | "fn" | "const" | "static" | "type") => {
                    content.defined.push(next);
                    at += 1;
                }
                Some(_) => at = content.read_path(tokens, at),
                None => at += 1,
            }
        }
        self.0.insert(module.clone(), content);
    }

    /// The module in which the thing stands that a path names; none for what is not of this crate.
    fn resolve(&self, at: &Module, path: &[String], hops: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => vec![],
            "self" => at.clone(),
            "super" => at.split_last()?.1.to_vec(),
            _ if self.0.contains_key(&child(at, first)) => child(at, first),
            _ => {
                let bound = self.0.get(at)?.bound.get(first)?;
                let whole: Vec<_> = bound.iter().chain(rest).cloned().collect();
                // `use time;` of a foreign crate names itself.
                let same = bound.first() == Some(first);
                return if same || hops == 0 { None } else { self.resolve(at, &whole, hops - 1) };
            }
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                module.pop();
            } else if self.0.contains_key(&child(&module, name)) {
                module = child(&module, name);
            } else {
                return self.handed_on(&module, name, hops).or(Some(module));
            }
            rest = after;
        }
        Some(module)
    }

    /// Where a name stands that a module did not define, but took from another of this crate.
    fn handed_on(&self, module: &Module, name: &String, hops: usize) -> Option<Module> {
        let content = self.0.get(module)?;
        if hops == 0 || content.defined.contains(name) {
            return None;
        }
        if let Some(bound) = content.bound.get(name) {
            return self.resolve(module, bound, hops - 1);
        }
        content.globs.iter().find_map(|glob| {
            let from = self.resolve(module, glob, hops - 1)?;
            let here = self.0.get(&from)?.defined.contains(name);
            if here { Some(from) } else { self.handed_on(&from, name, hops - 1) }
        })
    }
}

impl Content {
    /// Reads a tree of `use`, and returns where it is over: at its `;`, `,` or `}`.
    fn read_use(&mut self, tokens: &[Token], from: usize, prefix: &[String]) -> usize {
        let (mut path, mut at) = (prefix.to_vec(), from);
        let mut name = None;
        while let Some(token) = tokens.get(at) {
            if token.is("{") {
                let end = closing(tokens, at);
                at += 1;
                while at < end {
                    at = self.read_use(tokens, at, &path);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.is(",")));
                }
                return end + 1;
            }
            if token.is(";") || token.is(",") || token.is("}") {
                break;
            }
            if token.is("*") {
                self.globs.push(path.clone());
            } else if token.is("as") {
                name = tokens.get(at + 1).and_then(Token::word).map(str::to_owned);
                at += 1;
            } else if let Some(word) = token.word()
                && (word != "self" || path.is_empty())
            {
                path.push(word.to_owned());
            }
            at += 1;
        }
        if path.len() > prefix.len() || path.len() > 1 {
            let line = tokens.get(at.saturating_sub(1)).map_or(0, |token| token.line);
            self.named.push((path.clone(), line));
        }
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.bound.insert(name, path);
        }
        at
    }

    /// Reads a path that is written out, and returns what follows it.
    fn read_path(&mut self, tokens: &[Token], from: usize) -> usize {
        let (mut path, mut at) = (Vec::new(), from);
        let line = tokens.get(from).map_or(0, |token| token.line);
        while let Some(word) = tokens.get(at).and_then(Token::word) {
            path.push(word.to_owned());
            at += 1;
            let goes_on = tokens.get(at).is_some_and(|token| token.is("::"))
                && tokens.get(at + 1).is_some_and(|token| token.word().is_some());
            if !goes_on {
                break;
            }
            at += 1;
        }
        if path.len() > 1 {
            self.named.push((path, line));
        }
        at
    }
}

fn child(module: &Module, name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// Where the brace closes that opens here.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len().saturating_sub(1)
}
