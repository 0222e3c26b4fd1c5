//! The token: its form, and getting it from where the config says it is.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use thiserror::Error;

use super::TokenSource;
use crate::{
    i18n::{Locale, Message},
    process::{self, Limits, ProcessError},
};

/// How long `token_command` and `token_call_back` may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(15);
/// Most bytes that a command may print; a token is one line.
const OUTPUT_MAX: usize = 64 * 1024;

/// Why there is no token. Never holds any part of one.
#[derive(Debug, Error)]
pub enum TokenError {
    /// Empty, or nothing before the first line's end.
    #[error("{}", self.message().render(Locale::En))]
    Empty,
    /// No "type + space + token".
    #[error("{}", self.message().render(Locale::En))]
    NoType,
    /// A character that no header may hold.
    #[error("{}", self.message().render(Locale::En))]
    BadCharacter,
    /// The file cannot be read.
    #[error("{}", self.message().render(Locale::En))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The command cannot be started.
    #[error("{}", self.message().render(Locale::En))]
    Start {
        /// The program.
        program: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The command ended with a failure.
    #[error("{}", self.message().render(Locale::En))]
    Failed {
        /// The program.
        program: String,
        /// Its exit status, in words.
        status: String,
    },
    /// The command took longer than 15 s.
    #[error("{}", self.message().render(Locale::En))]
    TooSlow {
        /// The program.
        program: String,
    },
}

impl TokenError {
    /// What failed, why, and what to do.
    pub fn message(&self) -> Message {
        match self {
            TokenError::Empty => Message::new("config.token_empty"),
            TokenError::NoType => Message::new("config.token_no_type"),
            TokenError::BadCharacter => Message::new("config.token_bad_character"),
            TokenError::File { path, source } => {
                Message::new("config.token_file").with("path", path.display()).with("reason", source)
            }
            TokenError::Start { program, source } => {
                Message::new("config.token_command_start").with("program", program).with("reason", source)
            }
            TokenError::Failed { program, status } => {
                Message::new("config.token_command_failed").with("program", program).with("status", status)
            }
            TokenError::TooSlow { program } => Message::new("config.token_command_slow")
                .with("program", program)
                .with("seconds", COMMAND_DEADLINE.as_secs()),
        }
    }
}

/// Checks the form of a token: "type + space + token", the first line of `text`.
///
/// # Errors
/// [`TokenError::Empty`], [`TokenError::NoType`] or [`TokenError::BadCharacter`].
pub fn check(text: &str) -> Result<SecretString, TokenError> {
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() {
        return Err(TokenError::Empty);
    }
    if !token.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return Err(TokenError::BadCharacter);
    }
    match token.split_once(' ') {
        Some((kind, rest))
            if kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !rest.trim().is_empty() =>
        {
            Ok(SecretString::from(token))
        }
        Some(_) | None => Err(TokenError::NoType),
    }
}

/// The first line of what a source gives, whatever its form: a password of another server.
///
/// # Errors
/// [`TokenError`]
pub async fn first_line(source: &TokenSource) -> Result<SecretString, TokenError> {
    let text = match source {
        TokenSource::Inline(secret) => return Ok(secret.clone()),
        TokenSource::File(path) => {
            tokio::fs::read_to_string(path).await.map_err(|source| TokenError::File { path: path.clone(), source })?
        }
        TokenSource::Command(argv) => output(argv).await?,
    };
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() { Err(TokenError::Empty) } else { Ok(SecretString::from(line)) }
}

/// Gets the token from its source.
///
/// # Errors
/// [`TokenError`], which says what to do.
pub async fn obtain(source: &TokenSource) -> Result<SecretString, TokenError> {
    match source {
        TokenSource::Inline(token) => Ok(token.clone()),
        TokenSource::File(path) => match tokio::fs::read_to_string(path).await {
            Ok(text) => check(&text),
            Err(source) => Err(TokenError::File { path: path.clone(), source }),
        },
        TokenSource::Command(argv) => run(argv).await,
    }
}

/// Runs a command (`token_command`, `token_call_back`) whose standard output is a token.
///
/// # Errors
/// [`TokenError`], which says what to do.
pub async fn run(argv: &[String]) -> Result<SecretString, TokenError> {
    check(&output(argv).await?)
}

/// What a command prints.
async fn output(argv: &[String]) -> Result<String, TokenError> {
    if argv.is_empty() {
        return Err(TokenError::Empty);
    }
    let limits = Limits { time: COMMAND_DEADLINE, output: OUTPUT_MAX };
    match process::run(argv, &[], b"", limits).await {
        Ok(finished) => Ok(String::from_utf8_lossy(&finished.output).into_owned()),
        Err(ProcessError::TooSlow { program, .. }) => Err(TokenError::TooSlow { program }),
        Err(ProcessError::Start { program, source }) => Err(TokenError::Start { program, source }),
        // What it says beside the token may hold one.
        Err(ProcessError::Failed { program, status, .. }) => {
            Err(TokenError::Failed { program, status: status.to_string() })
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_first_line_counts_and_blanks_around_it_do_not() {
        assert_eq!(check(" Bearer abc \nmore").unwrap().expose_secret(), "Bearer abc");
    }

    #[test]
    fn what_is_no_token_is_told_without_repeating_it() {
        for (text, key) in [
            ("", "config.token_empty"),
            ("\nBearer x", "config.token_empty"),
            ("s3cr3t", "config.token_no_type"),
            ("Bearer", "config.token_no_type"),
            ("s3:cr3t x", "config.token_no_type"),
            ("Bearer s3cr3t\u{7f}", "config.token_bad_character"),
            ("Bearer s3cr3t密", "config.token_bad_character"),
        ] {
            let error = check(text).unwrap_err();
            assert_eq!(error.message().key(), key, "{text}");
            assert!(!format!("{error:?}{error}").contains("cr3t"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_command_that_is_not_wanted_any_more_ends_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("child");
        let script = format!("sleep 1000 & echo $! > '{}'; wait", file.display());
        let argv = ["sh", "-c", &script].map(str::to_owned).to_vec();
        let task = tokio::spawn(async move { obtain(&TokenSource::Command(argv)).await.is_ok() });
        let begun = std::time::Instant::now();
        let waits = |what: &str| assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        let pid = loop {
            match std::fs::read_to_string(&file) {
                Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
                Ok(_) | Err(_) => waits("the child"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        task.abort();
        // One that is dead and not yet collected counts as gone.
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
        };
        while lives() {
            waits("its end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn files_and_commands_give_tokens() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "Bearer from-file\n").unwrap();
        let token = obtain(&TokenSource::File(path.clone())).await.unwrap();
        assert_eq!(token.expose_secret(), "Bearer from-file");

        let argv = vec!["cat".to_owned(), path.display().to_string()];
        assert_eq!(obtain(&TokenSource::Command(argv)).await.unwrap().expose_secret(), "Bearer from-file");

        let missing = obtain(&TokenSource::File(dir.path().join("none"))).await.unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
        assert!(matches!(run(&["false".into()]).await, Err(TokenError::Failed { .. })));
        assert!(matches!(run(&["/no/such/program".into()]).await, Err(TokenError::Start { .. })));
    }
}
