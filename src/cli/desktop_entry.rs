//! `desktop-entry`: what makes `tel:` links of browsers and mail programs calls of the running phone bar.

use std::path::Path;

use super::{CliError, output::print};

/// Prints a desktop entry (freedesktop.org) that opens `tel:` links with this program.
///
/// # Errors
/// Exit code 1 if the program does not know its own path, or the path cannot stand in such a file.
pub(super) fn run() -> Result<(), CliError> {
    let program = std::env::current_exe().map_err(CliError::failed)?;
    print(&entry(&program).ok_or_else(|| CliError::failed(program.display()))?)
}

/// The entry; `None` for a path that is no text or holds a line's end.
fn entry(program: &Path) -> Option<String> {
    let path = program.to_str().filter(|path| !path.chars().any(char::is_control))?;
    // Quoted as the Desktop Entry Specification wants it ("The Exec key"): once for the argument, the backslashes once
    // more for the file, and a percent sign is doubled.
    let quoted = path.chars().fold(String::new(), |mut quoted, c| {
        match c {
            '"' | '`' | '$' => quoted.push_str("\\\\"),
            '\\' => quoted.push_str("\\\\\\"),
            '%' => quoted.push('%'),
            _ => {}
        }
        quoted.push(c);
        quoted
    });
    Some(format!(
        "[Desktop Entry]\nType=Application\nName=wincall-tui\nComment=Call tel: links\nComment[zh_CN]=拨打 tel: 链接\n\
         Exec=\"{quoted}\" ctl dial %u\nMimeType=x-scheme-handler/tel;\nNoDisplay=true\nTerminal=false"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_launcher() {
        let exec = |path: &str| {
            let entry = entry(Path::new(path)).unwrap();
            entry.lines().find_map(|line| line.strip_prefix("Exec=")).unwrap().to_owned()
        };
        assert_eq!(exec("/usr/bin/wincall-tui"), r#""/usr/bin/wincall-tui" ctl dial %u"#);
        assert_eq!(exec(r#"/a b/100%"$x\y"#), r#""/a b/100%%\\"\\$x\\\\y" ctl dial %u"#);
        assert_eq!(entry(Path::new("/a\nb")), None);
    }
}
