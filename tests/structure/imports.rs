//! Which module takes names from which, read from `use` lines and from paths.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenTree};

use super::source::{Source, group, is_sign, is_word};

/// A module's path below the crate.
pub type Module = Vec<String>;

/// Module -> the modules it takes names from. What a module re-exports (`pub use`) is not taken by it, and whoever takes
/// the name from there takes it from where it is.
pub fn graph(sources: &[Source]) -> BTreeMap<Module, BTreeSet<Module>> {
    let files: BTreeMap<Module, &Source> = sources.iter().map(|source| (module_of(&source.path), source)).collect();
    let production: BTreeMap<&Module, &Source> =
        files.iter().filter(|(_, source)| !source.is_test()).map(|(module, source)| (module, *source)).collect();
    let known: BTreeSet<&Module> = files.keys().collect();
    let mut paths: BTreeMap<&Module, Vec<Vec<String>>> = BTreeMap::new();
    let mut exports: BTreeMap<(Module, String), Module> = BTreeMap::new();
    for (module, source) in &production {
        let mut reader = Reader::default();
        reader.read(&source.tokens);
        for path in reader.exported {
            if let Some((target, rest)) = resolve(module, &path, &known)
                && let Some(name) = rest.last()
            {
                exports.insert(((*module).clone(), name.clone()), target);
            }
        }
        paths.insert(module, reader.used);
    }
    let mut graph: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, used) in paths {
        let targets = graph.entry(module.clone()).or_default();
        for path in used {
            let Some((mut target, rest)) = resolve(module, &path, &known) else { continue };
            // At most as many steps as there are re-exports.
            for _ in 0..exports.len() {
                let Some(name) = rest.first() else { break };
                let Some(next) = exports.get(&(target.clone(), name.clone())) else { break };
                target.clone_from(next);
            }
            if target != *module && production.contains_key(&target) {
                targets.insert(target);
            }
        }
    }
    graph
}

/// Modules that reach each other, group by group.
pub fn circles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let reach = |from: &Module| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Module> = graph.get(from).into_iter().flatten().collect();
        while let Some(module) = open.pop() {
            if seen.insert(module.clone()) {
                open.extend(graph.get(module).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> = graph.keys().map(|module| (module, reach(module))).collect();
    let mut found: Vec<Vec<Module>> = Vec::new();
    for (module, others) in &reached {
        if others.contains(*module) && !found.iter().any(|circle| circle.contains(module)) {
            let back = |other: &&Module| reached.get(*other).is_some_and(|theirs| theirs.contains(*module));
            found.push(others.iter().filter(back).cloned().collect());
        }
    }
    found
}

/// `src/ui/view/mod.rs` is `ui::view`.
fn module_of(path: &str) -> Module {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Module = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib")) {
        parts.pop();
    }
    parts
}

/// The module that a path of `from` leads to, and what is left of the path behind it.
fn resolve(from: &Module, path: &[String], known: &BTreeSet<&Module>) -> Option<(Module, Vec<String>)> {
    let mut rest = path;
    let mut at = from.clone();
    match rest.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = rest.get(1..)?;
        }
        "self" => rest = rest.get(1..)?,
        "super" => {
            while rest.first().is_some_and(|part| part == "super") {
                at.pop();
                rest = rest.get(1..)?;
            }
        }
        child => {
            at.push(child.to_owned());
            if !known.contains(&at) {
                return None;
            }
            at.pop();
        }
    }
    while let Some(part) = rest.first() {
        at.push(part.clone());
        if !known.contains(&at) {
            at.pop();
            break;
        }
        rest = rest.get(1..)?;
    }
    Some((at, rest.to_vec()))
}

/// Paths of a source: those it re-exports and those it uses.
#[derive(Default)]
struct Reader {
    exported: Vec<Vec<String>>,
    used: Vec<Vec<String>>,
}

impl Reader {
    fn read(&mut self, tokens: &[TokenTree]) {
        let mut public = false;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            // What is compiled for tests alone.
            if is_sign(Some(token), '#')
                && let Some(attribute) = group(tokens.get(at + 1), Delimiter::Bracket)
            {
                at += 2;
                if attribute.stream().to_string().replace(' ', "") == "cfg(test)" {
                    let item = tokens.get(at..).unwrap_or_default();
                    let ends =
                        |token: &TokenTree| is_sign(Some(token), ';') || group(Some(token), Delimiter::Brace).is_some();
                    at += item.iter().position(ends).map_or(item.len(), |end| end + 1);
                }
                continue;
            }
            if is_word(Some(token), "use") {
                let item: Vec<TokenTree> =
                    tokens.iter().skip(at + 1).take_while(|token| !is_sign(Some(token), ';')).cloned().collect();
                let into = if public { &mut self.exported } else { &mut self.used };
                expand(&[], &item, into);
                at += item.len() + 2;
                public = false;
                continue;
            }
            match token {
                TokenTree::Ident(ident) if ident == "pub" => public = true,
                // `pub(super)`
                TokenTree::Group(group) if public && group.delimiter() == Delimiter::Parenthesis => {}
                TokenTree::Ident(_) => {
                    public = false;
                    let path = path(tokens.get(at..).unwrap_or_default());
                    if path.len() > 1 {
                        at += path.len() * 3 - 3;
                        self.used.push(path);
                    }
                }
                TokenTree::Group(group) => {
                    public = false;
                    self.read(&group.stream().into_iter().collect::<Vec<_>>());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => public = false,
            }
            at += 1;
        }
    }
}

/// `a::b::c` at the beginning of tokens.
fn path(tokens: &[TokenTree]) -> Vec<String> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(part)) = tokens.get(at) {
        parts.push(part.to_string());
        if !(is_sign(tokens.get(at + 1), ':') && is_sign(tokens.get(at + 2), ':')) {
            break;
        }
        at += 3;
    }
    parts
}

/// The paths of a `use` tree.
fn expand(prefix: &[String], tokens: &[TokenTree], into: &mut Vec<Vec<String>>) {
    for branch in tokens.split(|token| is_sign(Some(token), ',')) {
        let mut parts = prefix.to_vec();
        let mut inner = None;
        for (at, token) in branch.iter().enumerate() {
            match token {
                TokenTree::Ident(_) if is_word(branch.get(at.wrapping_sub(1)), "as") => {}
                TokenTree::Ident(ident) if ident == "as" => {}
                TokenTree::Ident(ident) => parts.push(ident.to_string()),
                TokenTree::Group(group) => inner = Some(group),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        match inner {
            Some(group) => expand(&parts, &group.stream().into_iter().collect::<Vec<_>>(), into),
            None if branch.is_empty() => {}
            None => into.push(parts),
        }
    }
}
