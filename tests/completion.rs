//! Completion as it is used: typed into a real bash in a terminal.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Home, screen::Terminal};

/// What the line is after a tab, or two where several words fit: then they stand below it.
fn typed(terminal: &mut Terminal, line: &str, wanted: &[&str]) {
    // Ctrl-U empties the line, whatever the last one left.
    terminal.keys("\x15clear\r");
    terminal.until("an empty screen", |screen| screen.trim() == "prompt>");
    terminal.keys(line);
    terminal.keys("\t");
    if wanted.len() > 1 {
        terminal.keys("\t");
    }
    terminal.until(&format!("{line} -> {wanted:?}"), |screen| wanted.iter().all(|word| screen.contains(word)));
}

#[test]
fn a_real_bash_completes_words_below_the_first_and_values() {
    let home = Home::new();
    let script = home.path("completion.bash");
    std::fs::write(&script, home.run(&["completions", "bash"]).out).expect("the script is written");
    let mut bash =
        Terminal::start_in(&home, "/bin/bash", &["--norc", "--noprofile", "-i"], 100, 30, &[("PS1", "prompt> ")]);
    bash.shows("prompt>");
    bash.keys(&format!("cd {}; . {}\r", home.path("").display(), script.display()));
    for (line, wanted) in [
        ("wincall-tui comp", &["wincall-tui completions"][..]),
        ("wincall-tui ctl tra", &["wincall-tui ctl transfer"]),
        ("wincall-tui ctl consult-tr", &["wincall-tui ctl consult-transfer"]),
        ("wincall-tui ctl panel cl", &["wincall-tui ctl panel clear"]),
        ("wincall-tui config ch", &["wincall-tui config check"]),
        ("wincall-tui devices te", &["wincall-tui devices test"]),
        ("wincall-tui ctl transfer --ag", &["wincall-tui ctl transfer --agent"]),
        ("wincall-tui ctl wait wrap", &["wincall-tui ctl wait wrap-up"]),
        ("wincall-tui ctl wait link-", &["link-up", "link-down"]),
        ("wincall-tui --locale ", &["zh-CN", "en"]),
        ("wincall-tui run --theme high", &["wincall-tui run --theme high-contrast"]),
        ("wincall-tui themes show li", &["wincall-tui themes show light"]),
        ("wincall-tui demo --scenario qu", &["wincall-tui demo --scenario quiet-morning"]),
        // A scenario may be a file, too.
        ("wincall-tui demo --scenario completion.b", &["wincall-tui demo --scenario completion.bash"]),
    ] {
        typed(&mut bash, line, wanted);
    }
    bash.keys("\x15exit\r");
    bash.ended();
}
