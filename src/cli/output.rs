//! Standard output and standard error.

use std::io::{self, Write};

use super::error::CliError;
use crate::i18n;

/// Prints a text and a line's end on standard output, without anything that could drive a terminal: callers and
/// platforms choose their names. A reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let text = i18n::clean_lines(text.strip_suffix('\n').unwrap_or(text));
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::failed(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints JSON on one line; what could drive a terminal is escaped in it.
pub(super) fn print_json(json: &str) -> Result<(), CliError> {
    print(&i18n::escape_json(json))
}

/// Prints a message on standard error; nothing can be done if nobody takes it.
pub(super) fn complain(message: &str) {
    if !message.is_empty() {
        writeln!(io::stderr().lock(), "{}", i18n::clean_lines(message)).unwrap_or_default();
    }
}
