//! What is shown of texts from outside, and that nothing else comes of them.

use proptest::prelude::*;
use ratatui::style::{Color, Modifier};

use ratatui::style::Style;

use super::*;
use crate::ui::{text, theme::Scope};

fn read(content: PanelContent) -> Document {
    Document::read(&content)
}

fn ansi(text: &str) -> Document {
    read(PanelContent::Text(text.to_owned()))
}

fn markdown(text: &str) -> Document {
    read(PanelContent::Markdown(text.to_owned()))
}

fn shown(document: &Document, cells: u16) -> Vec<String> {
    let rows = lay_out(document, cells);
    rows.iter()
        .map(|row| match row {
            Row::Rule => "----".to_owned(),
            Row::Text(pieces) => pieces.iter().map(|piece| piece.text.as_str()).collect(),
        })
        .collect()
}

/// The style of the piece that holds a text.
fn look(document: &Document, text: &str) -> (Style, Option<Scope>) {
    let pieces = document.blocks.iter().flat_map(|block| match block {
        Block::Line { pieces, .. } => pieces.as_slice(),
        Block::Field { value, .. } => value.as_slice(),
        Block::Rule => &[],
    });
    let piece = pieces.into_iter().find(|piece| piece.text.contains(text)).unwrap_or_else(|| panic!("no {text:?}"));
    (piece.style, piece.scope)
}

#[test]
fn colours_are_kept_over_lines_and_nothing_else_is() {
    let document = ansi("a \u{1b}[1;31mred\nstill\u{1b}[0m plain \u{1b}[38;5;208mx\u{1b}[48:2::1:2:3my\u{1b}[39;49mz");
    assert_eq!(shown(&document, 40), ["a red", "still plain xyz"]);
    let red = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
    assert_eq!(look(&document, "red").0, red);
    assert_eq!(look(&document, "still").0, red);
    assert_eq!(look(&document, "plain").0, Style::new());
    assert_eq!(look(&document, "x").0, Style::new().fg(Color::Indexed(208)));
    assert_eq!(look(&document, "y").0, Style::new().fg(Color::Indexed(208)).bg(Color::Rgb(1, 2, 3)));
    assert_eq!(look(&document, "z").0, Style::new());
    let bright = ansi("\u{1b}[94ma\u{1b}[104mb\u{1b}[38;2;9;8;7mc\u{1b}[3;4md\u{1b}[23;24me\u{1b}[5;8mf");
    assert_eq!(look(&bright, "a").0.fg, Some(Color::LightBlue));
    assert_eq!(look(&bright, "b").0.bg, Some(Color::LightBlue));
    assert_eq!(look(&bright, "c").0.fg, Some(Color::Rgb(9, 8, 7)));
    assert_eq!(look(&bright, "d").0.add_modifier, Modifier::ITALIC | Modifier::UNDERLINED);
    assert_eq!(look(&bright, "e").0, look(&bright, "f").0, "nothing blinks, nothing is hidden");
}

#[test]
fn every_other_sequence_is_left_out_whole() {
    for (hostile, left) in [
        ("a\u{1b}]0;title\u{7}b", "ab"),
        ("a\u{1b}]52;c;aGk=\u{1b}\\b", "ab"),
        ("a\u{1b}[2J\u{1b}[10;10Hb\u{1b}[?1049h", "ab"),
        ("a\u{1b}Pq#0\u{1b}\\b", "ab"),
        ("a\u{1b}_Gf=100;AAAA\u{1b}\\b", "ab"),
        ("a\u{1b}(0\u{1b}cb\u{7}\u{8}\r", "ab"),
        ("a\u{9b}2Jb\u{90}x\u{9c}", "a2Jbx"),
        ("a\u{1b}]0;never closed\nb", "a|b"),
        ("a\u{1b}[9999999999999;1;mb", "ab"),
        ("a\tb", "a   b"),
        ("\u{202e}12\u{2066}3\u{200b}\u{200d}4", "1234"),
        ("e\u{301}\u{301}\u{301}\u{301}\u{301}x", "e\u{301}\u{301}\u{301}x"),
    ] {
        assert_eq!(shown(&ansi(hostile), 80).join("|"), left, "{hostile:?}");
    }
    assert_eq!(shown(&markdown("# a\u{1b}]0;t\u{7}b"), 80), ["a]0;tb"]);
}

#[test]
fn markdown_is_read_as_people_write_it() {
    let text = "\
# 客户 **王**
Plain with **bold**, *slanted*, `code*x*`, snake_case_name, 2*3*4 and \\*stars\\*.

- one
  - two [card](https://crm/1) <https://x>
1. first
- [x] done
> quoted
---
```
- as **it** is
```
[not a link] (x) **open";
    let document = markdown(text);
    assert_eq!(
        shown(&document, 80),
        [
            "客户 王",
            "Plain with bold, slanted, code*x*, snake_case_name, 2*3*4 and *stars*.",
            "",
            "- one",
            "  - two card (https://crm/1) https://x",
            "1. first",
            "[x] done",
            "> quoted",
            "----",
            "  - as **it** is",
            "[not a link] (x) **open",
        ]
    );
    assert_eq!(look(&document, "客户").1, Some(Scope::Strong));
    assert_eq!(look(&document, "bold").0, Style::new().add_modifier(Modifier::BOLD));
    assert_eq!(look(&document, "slanted").0, Style::new().add_modifier(Modifier::ITALIC));
    assert_eq!(look(&document, "code*x*").1, Some(Scope::Accent));
    assert_eq!(look(&document, "card").0, Style::new().add_modifier(Modifier::UNDERLINED));
    let nested = markdown("**bold _and slanted_ bold**");
    assert_eq!(look(&nested, "and").0.add_modifier, Modifier::BOLD | Modifier::ITALIC);
}

#[test]
fn lines_break_by_cells_and_hang_under_their_bullet() {
    assert_eq!(shown(&markdown("- 北京市海淀区中关村"), 8), ["- 北京市", "  海淀区", "  中关村"]);
    assert_eq!(shown(&ansi("hello wide world"), 10), ["hello wide", "world"]);
    assert_eq!(shown(&ansi("abcdefgh  x"), 3), ["abc", "def", "gh", "x"]);
    assert_eq!(shown(&ansi("a\n\nb\n"), 5), ["a", "", "b"]);
    assert_eq!(shown(&ansi("\u{1b}[31m北京\u{1b}[32m市海\u{1b}[0m淀区"), 6), ["北京市", "海淀区"]);
    assert_eq!(shown(&ansi(""), 5), [""]);
}

#[test]
fn fields_stand_in_columns_and_long_ones_wrap() {
    let pairs = [("姓名", "王小明"), ("Level", "金卡"), ("地址", "北京市海淀区中关村大街"), ("Notes", "a\nb")];
    let fields = |pairs: &[(&str, &str)]| {
        read(PanelContent::Fields(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()))
    };
    assert_eq!(
        shown(&fields(&pairs), 20),
        ["姓名   王小明", "Level  金卡", "地址   北京市海淀区", "       中关村大街", "Notes  a", "       b"]
    );
    let long = [("a name that is far too long", "v"), ("b", "w")];
    assert_eq!(shown(&fields(&long), 16), ["a name that is", "far too long", "  v", "b  w"]);
}

#[test]
fn a_number_too_long_for_its_column_is_not_cut_while_the_width_holds_it() {
    let fields = |value: &str| {
        read(PanelContent::Fields(vec![("电话".into(), value.into()), ("归属地".into(), "英国伦敦".into())]))
    };
    let held = ["电话", "  +442079460018", "归属地  英国伦敦"];
    assert_eq!(shown(&fields("+442079460018"), 16), held);
    assert_eq!(shown(&fields("+442079460018"), 21), ["电话    +442079460018", held[2]]);
    // Words and Chinese are broken where they always were, and so is what no width holds.
    assert_eq!(shown(&fields("二〇二六年十一月"), 16), ["电话    二〇二六", "        年十一月", held[2]]);
    assert_eq!(shown(&fields("0123456789abcdef"), 16)[0], "电话    01234567");
}

fn numbers(text: &str) -> Vec<String> {
    ansi(text).numbers.into_iter().map(|number| number.dial).collect()
}

#[test]
fn telephone_numbers_are_found_and_other_figures_are_not() {
    for (text, wanted) in [
        ("tel 13800138000.", &["13800138000"][..]),
        ("手机13800138000，座机010-58545832", &["13800138000", "01058545832"]),
        ("138 0013 8000 / +86 10 5854-5832", &["13800138000", "+861058545832"]),
        ("(010) 5854 5832", &["01058545832"]),
        ("95588 and 10086", &["95588", "10086"]),
        ("13800138000 again 138-0013-8000", &["13800138000"]),
        ("2026-11-20 14:02:33", &[]),
        ("11-20 14:02", &[]),
        ("order 20261120-8871", &[]),
        ("单号20261120-887, 202611208871, 20261120", &[]),
        ("20261120 13800138000", &["13800138000"]),
        ("20991399-8871 (020)26112088 +20261120887", &["209913998871", "02026112088", "+20261120887"]),
        ("¥12345.67, 1,234,567, 12345%", &[]),
        ("1234", &[]),
        ("12345678901234567", &[]),
        ("abc12345 12345abc id_12345 v1.23456", &[]),
        ("192.168.100.100", &[]),
        ("\u{1b}[31m138\u{1b}[0m00138000", &["13800138000"]),
    ] {
        assert_eq!(numbers(text), wanted, "{text}");
    }
    let field = read(PanelContent::Fields(vec![("手机".into(), "13800138000".into())]));
    assert_eq!(field.numbers, [Number { dial: "13800138000".into(), context: "手机".into() }]);
    let line = ansi("x\n  call 10086 now");
    assert_eq!(line.numbers, [Number { dial: "10086".into(), context: "call 10086 now".into() }]);
}

#[test]
fn a_number_keeps_its_place_when_it_is_broken_and_coloured() {
    let rows = lay_out(&ansi("ab 138\u{1b}[31m00138000 cd"), 10);
    let marked: String = rows
        .iter()
        .flat_map(|row| match row {
            Row::Text(pieces) => pieces.as_slice(),
            Row::Rule => &[],
        })
        .filter(|piece| piece.number == Some(0))
        .map(|piece| piece.text.as_str())
        .collect();
    assert_eq!(marked, "13800138000");
}

#[test]
fn fuzz_panel() {
    crate::fuzz::run("panel", &["tests/corpora/panel"], |bytes| {
        let Some((first, rest)) = bytes.split_first() else { return };
        let text = String::from_utf8_lossy(rest).into_owned();
        let content = match first % 3 {
            0 => PanelContent::Markdown(text),
            1 => PanelContent::Text(text),
            _ => {
                let lines: Vec<&str> = text.split('\n').collect();
                let pair = |pair: &[&str]| (pair[0].to_owned(), pair.get(1).copied().unwrap_or_default().to_owned());
                PanelContent::Fields(lines.chunks(2).map(pair).collect())
            }
        };
        let document = Document::read(&content.bounded());
        let cells = u16::from(*first) % 60 + 2;
        for row in lay_out(&document, cells) {
            let Row::Text(pieces) = row else { continue };
            let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
            assert!(text::width(&text) <= cells && !text.chars().any(text::is_harmful), "{text:?} in {cells}");
            assert!(pieces.iter().all(|piece| piece.number.is_none_or(|index| index < document.numbers.len())));
        }
        for number in &document.numbers {
            assert_eq!(crate::domain::clean_number(&number.dial).as_deref(), Ok(number.dial.as_str()));
        }
    });
}

/// What an unfriendly service may send, more often than chance would.
fn hostile() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        Just("\u{1b}[".to_owned()),
        Just("\u{1b}]0;".to_owned()),
        Just("\u{1b}P".to_owned()),
        Just("\u{9b}".to_owned()),
        Just("\u{7}\u{8}\r\u{c}".to_owned()),
        Just("\n".to_owned()),
        Just("\t".to_owned()),
        Just("\u{202e}\u{2066}\u{200d}\u{feff}".to_owned()),
        Just("\u{301}\u{302}\u{303}\u{304}\u{305}".to_owned()),
        Just("👩‍👩‍👧‍👦🇨🇳".to_owned()),
        Just("**_`[](<~~\\#- > | ```".to_owned()),
        Just("北京".to_owned()),
        Just("138 0013 8000".to_owned()),
        "[0-9;:]{0,6}m",
        "[ -~]{0,12}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(parts, 0..40).prop_map(|parts| parts.concat())
}

fn contents() -> impl Strategy<Value = PanelContent> {
    prop_oneof![
        hostile().prop_map(PanelContent::Text),
        hostile().prop_map(PanelContent::Markdown),
        prop::collection::vec((hostile(), hostile()), 0..6).prop_map(PanelContent::Fields),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn whatever_comes_is_rows_of_the_width_that_only_show_text(content in contents(), cells in 2u16..60) {
        let document = Document::read(&content);
        for row in lay_out(&document, cells) {
            let Row::Text(pieces) = row else { continue };
            let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
            prop_assert!(text::width(&text) <= cells.max(2), "{text:?} in {cells}");
            prop_assert!(!text.chars().any(text::is_harmful), "{text:?}");
            for piece in &pieces {
                prop_assert!(piece.number.is_none_or(|index| index < document.numbers.len()));
                let blinking = Modifier::SLOW_BLINK | Modifier::RAPID_BLINK | Modifier::HIDDEN;
                prop_assert!(!piece.style.add_modifier.intersects(blinking));
            }
        }
        for number in &document.numbers {
            prop_assert!(crate::domain::clean_number(&number.dial).is_ok_and(|dial| dial == number.dial));
        }
    }

    #[test]
    fn no_text_is_lost_or_made_up_by_breaking_it(text in "[a-z北京 ]{0,60}", cells in 2u16..30) {
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let rows = shown(&ansi(&text), cells);
        prop_assert_eq!(bare(&rows.concat()), bare(&text));
    }
}

#[test]
fn the_longest_content_is_read_and_laid_out_in_no_time() {
    let begun = std::time::Instant::now();
    for unit in
        ["[", "*a ", "**", "`", "111 ", "138 0013 8000 ", "\u{1b}[31m1", "北", "\u{1b}[", "_a_", "x\n", "e\u{301}"]
    {
        let long = unit.repeat(crate::panel::LONGEST / unit.len());
        for content in [PanelContent::Text(long.clone()), PanelContent::Markdown(long.clone())] {
            lay_out(&read(content), 40);
        }
        lay_out(&read(PanelContent::Fields(vec![(long.clone(), long)])), 40);
    }
    // All of it takes well under a second in a release build; one that is quadratic takes minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(40), "{:?}", begun.elapsed());
}
