//! Rust sources as tokens: comments and strings cannot be mistaken for code.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The root of the package.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A source file, taken apart.
pub struct Source {
    /// Path below the root, with `/`.
    pub path: String,
    pub text: String,
    pub tokens: Vec<TokenTree>,
}

impl Source {
    /// Reads a file.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let path = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        Self { path, text, tokens: tokens.into_iter().collect() }
    }

    /// Every source file below a folder, in order.
    pub fn all(folder: &str) -> Vec<Self> {
        let mut paths = Vec::new();
        collect(&root().join(folder), &mut paths);
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Whether the file belongs to tests alone.
    pub fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.ends_with("tests.rs") || name == "fixtures.rs" || name == "fuzz.rs" || self.path.contains("/tests/")
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Whether a token is this word.
pub fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// Whether a token is this sign.
pub fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// The group in `delimiter`, if a token is one.
pub fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

/// A function as it stands in a source.
pub struct Function {
    pub name: String,
    /// Its attributes, as text without blanks.
    pub attributes: Vec<String>,
    /// The body holds something.
    pub has_body: bool,
    /// Lines from `fn` to the closing brace.
    pub lines: usize,
}

/// Every function with a body, also those inside of modules, `impl`s and macros.
pub fn functions(tokens: &[TokenTree]) -> Vec<Function> {
    let mut found = Vec::new();
    walk(tokens, &mut found);
    found
}

fn walk(tokens: &[TokenTree], found: &mut Vec<Function>) {
    let mut attributes: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if is_sign(Some(token), '#')
            && let Some(attribute) = group(tokens.get(at + 1), Delimiter::Bracket)
        {
            attributes.push(attribute.stream().to_string().replace(' ', ""));
            at += 2;
            continue;
        }
        if is_word(Some(token), "fn")
            && let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
        {
            let rest = tokens.get(at + 2..).unwrap_or_default();
            let end = rest
                .iter()
                .position(|token| is_sign(Some(token), ';') || group(Some(token), Delimiter::Brace).is_some());
            if let Some(body) = end.and_then(|end| group(rest.get(end), Delimiter::Brace)) {
                let lines = body.span_close().end().line + 1 - token.span().start().line;
                found.push(Function {
                    name: name.to_string(),
                    attributes: std::mem::take(&mut attributes),
                    has_body: !body.stream().is_empty(),
                    lines,
                });
                walk(&body.stream().into_iter().collect::<Vec<_>>(), found);
                at += 3 + end.unwrap_or(0);
                continue;
            }
        }
        match token {
            TokenTree::Group(group) => {
                walk(&group.stream().into_iter().collect::<Vec<_>>(), found);
                if group.delimiter() == Delimiter::Brace {
                    attributes.clear();
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => attributes.clear(),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
}
