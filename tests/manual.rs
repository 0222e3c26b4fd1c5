//! The manual pages: complete, tidy, and nothing that programs which show them complain about.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::process::Command;

use common::Home;

/// Every page in a language, by its file.
fn pages(home: &Home, locale: &str) -> Vec<(String, String)> {
    let dir = home.path(locale);
    std::fs::create_dir(&dir).expect("a directory");
    let ran = home.run(&["man", "--dir", &dir.to_string_lossy(), "--locale", locale]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut pages: Vec<(String, String)> = std::fs::read_dir(&dir)
        .expect("the pages")
        .map(|entry| entry.expect("a page").path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).expect("a page")))
        .collect();
    pages.sort();
    pages
}

#[test]
fn every_page_has_its_date_and_no_blanks_at_the_ends_of_lines() {
    let home = Home::new();
    for locale in ["en", "zh-CN"] {
        let pages = pages(&home, locale);
        assert!(pages.len() > 50, "{} pages", pages.len());
        for (file, text) in &pages {
            let name = file.rsplit('/').next().and_then(|name| name.strip_suffix(".1")).expect("a page of section 1");
            let title = text.lines().find(|line| line.starts_with(".TH ")).expect("a title");
            let words: Vec<&str> = title.splitn(5, ' ').collect();
            assert_eq!(words[1], name.to_uppercase(), "{file}");
            let date: Vec<&str> = words[3].split('-').collect();
            assert!(date.len() == 3 && date.iter().all(|part| part.parse::<u16>().is_ok()), "{title}");
            assert!(words[4].contains("wincall-tui"), "{title}");
            for line in text.lines() {
                assert_eq!(line, line.trim_end(), "{file}");
            }
        }
        let single = home.run(&["man", "--locale", locale]).out;
        assert!(pages.iter().any(|(file, text)| file.ends_with("/wincall-tui.1") && *text == single), "{locale}");
    }
}

/// What a program that reads manual pages says of them; none if it is not installed.
fn said(program: &str, args: &[&str], file: &str) -> Option<String> {
    let output = Command::new(program).args(args).arg(file).output().ok()?;
    let out = if program == "mandoc" { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() };
    Some(out + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn who_shows_manual_pages_has_nothing_to_complain_about() {
    let home = Home::new();
    for locale in ["en", "zh-CN"] {
        for (file, _) in pages(&home, locale) {
            let programs: [(&str, &[&str]); 2] =
                [("groff", &["-ww", "-man", "-Kutf8", "-Tutf8"]), ("mandoc", &["-Tlint", "-Wstyle"])];
            for (program, args) in programs {
                match said(program, args, &file) {
                    None => println!("COULD NOT RUN: {program} is not installed"),
                    Some(said) => {
                        // Chinese has no blanks at which a line could be broken.
                        let complaints: Vec<&str> =
                            said.lines().filter(|line| !line.contains("line longer than 80 bytes")).collect();
                        assert!(complaints.is_empty(), "{program}: {complaints:?}");
                    }
                }
            }
        }
    }
}
