use crossterm::event::{KeyEventKind, MouseButton, MouseEventKind};
use proptest::prelude::*;

use super::*;
use crate::ui::keys::Chord;

fn start() -> Instant {
    Instant::now()
}

/// A key as a person reads it, a mouse report, or what else it is; releases are left out, as the screen does.
fn shown(event: &Event) -> Option<String> {
    Some(match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => return None,
        Event::Key(key) => Chord::of(key).to_string(),
        Event::Paste(text) => format!("paste {text}"),
        Event::Mouse(mouse) => format!("{:?} {},{}", mouse.kind, mouse.column, mouse.row),
        Event::FocusGained | Event::FocusLost | Event::Resize(..) => format!("{event:?}"),
    })
}

/// What comes of reads at these times (ms); in the end everything that waits has waited long enough.
fn reads(reads: &[(u64, &[u8])]) -> Vec<String> {
    let begun = start();
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for (at, bytes) in reads {
        let now = begun + Duration::from_millis(*at);
        decoder.elapsed(now, &mut events);
        decoder.feed(bytes, now, &mut events);
    }
    decoder.elapsed(begun + Duration::from_secs(3600), &mut events);
    events.iter().filter_map(shown).collect()
}

fn read(bytes: &[u8]) -> Vec<String> {
    reads(&[(0, bytes)])
}

#[test]
fn fuzz_keys() {
    crate::fuzz::run("keys", &["tests/corpora/keys"], |bytes| {
        // Cut where the bytes themselves say, with pauses that they say too.
        let mut at = start();
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        let mut rest = bytes;
        while let [first, ..] = rest {
            let (part, after) = rest.split_at((usize::from(*first) % 7 + 1).min(rest.len()));
            decoder.feed(part, at, &mut events);
            at += Duration::from_millis(u64::from(*first % 3) * 20);
            decoder.elapsed(at, &mut events);
            rest = after;
        }
        decoder.elapsed(at + Duration::from_secs(60), &mut events);
        assert_eq!(decoder.due(), None);
        events.clear();
        decoder.feed(b"m", at + Duration::from_secs(61), &mut events);
        assert_eq!(events.iter().filter_map(shown).collect::<Vec<_>>(), ["m"]);
    });
}

/// Sequences that are one key or report each, as terminals send them.
const KEYS: &[(&[u8], &str)] = &[
    (b"a", "a"),
    (b"A", "A"),
    ("张".as_bytes(), "张"),
    (b"\r", "Enter"),
    (b"\x7f", "Backspace"),
    (b"\x03", "^C"),
    (b"\x0c", "^L"),
    (b"\x1a", "^Z"),
    (b"\x00", "^Space"),
    (b"\x1c", "^4"),
    (b"\x1bx", "Alt-x"),
    ("\x1bф".as_bytes(), "Alt-ф"),
    (b"\x1b\r", "Alt-Enter"),
    (b"\x1b[A", "Up"),
    (b"\x1b[D", "Left"),
    (b"\x1bOA", "Up"),
    (b"\x1b[1;3A", "Alt-Up"),
    (b"\x1b\x1b[A", "Alt-Up"),
    (b"\x1b[H", "Home"),
    (b"\x1b[4~", "End"),
    (b"\x1b[5~", "PgUp"),
    (b"\x1b[3;5~", "^Delete"),
    (b"\x1b[3^", "^Delete"),
    (b"\x1b[Z", "Shift-Tab"),
    (b"\x1bOP", "F1"),
    (b"\x1b[[B", "F2"),
    (b"\x1b[13~", "F3"),
    (b"\x1b[1;2R", "Shift-F3"),
    (b"\x1bOS", "F4"),
    (b"\x1b[15~", "F5"),
    (b"\x1b[19~", "F8"),
    (b"\x1b[24;2~", "Shift-F12"),
    (b"\x9bA", "Up"),
    // The keypad in application mode, and in kitty's protocol.
    (b"\x1bOp", "0"),
    (b"\x1bOq", "1"),
    (b"\x1bOy", "9"),
    (b"\x1bOM", "Enter"),
    (b"\x1bOj", "*"),
    (b"\x1bOk", "+"),
    (b"\x1b[57400u", "1"),
    (b"\x1b[57414u", "Enter"),
    // Keys by their code.
    (b"\x1b[97;5u", "^A"),
    (b"\x1b[97:65;2u", "A"),
    (b"\x1b[27u", "Esc"),
    (b"\x1b[27;5;108~", "^L"),
    (b"\x1b[I", "FocusGained"),
    (b"\x1b[O", "FocusLost"),
    (b"\x1b[<0;60;20M", "Down(Left) 59,19"),
    (b"\x1b[<0;60;20m", "Up(Left) 59,19"),
    (b"\x1b[<65;1;1M", "ScrollDown 0,0"),
    (b"\x1b[M !!", "Down(Left) 0,0"),
    (b"\x1b[32;5;6M", "Down(Left) 4,5"),
    (b"\x1b[200~1380\r\x1b[3m0138\x1b[201~", "paste 1380\r\x1b[3m0138"),
];

/// What terminals say by themselves, or answer to a question of an earlier program; and what nobody knows.
const REPORTS: &[&[u8]] = &[
    b"\x1b[?997;1n",
    b"\x1b[?2026;2$y",
    b"\x1b[24;80R",
    b"\x1b[?62;22c",
    b"\x1b[>0;276;0c",
    b"\x1b[?0u",
    b"\x1b[0n",
    b"\x1b[8;24;80t",
    b"\x1b[48;24;80;480;800t",
    b"\x1b[99;99;99Y",
    b"\x1b[=1;2;3;4 q",
    b"\x1b[201~",
    b"\x1b[97;1:3u",
    b"\x1b[57441;2u",
    b"\x1b]11;rgb:1111/2222/3333\x07",
    b"\x1b]10;rgb:a/a/a\x1b\\",
    b"\x1b]52;c;YWFhYTEyMzQ=\x1b\\",
    b"\x1bP>|XTerm(379)\x1b\\",
    b"\x1bP1+r544e=787465726d\x1b\\",
    b"\x1bP!|00000000\x1b\\",
    b"\x1b_Ga=t;OK\x1b\\",
    b"\x1b^private\x1b\\",
    b"\x1bXstart of string\x1b\\",
    b"\x1bOz",
    b"\x9d11;rgb:1/1/1\x1b\\",
];

#[test]
fn keys_are_what_terminals_mean_by_them_however_they_are_split() {
    for (bytes, expected) in KEYS {
        assert_eq!(read(bytes), [*expected], "{}", bytes.escape_ascii());
        for at in 1..bytes.len() {
            let (first, second) = bytes.split_at(at);
            for gap in [0, 5, 24] {
                assert_eq!(
                    reads(&[(0, first), (gap, second)]),
                    [*expected],
                    "{} then {} after {gap} ms",
                    first.escape_ascii(),
                    second.escape_ascii()
                );
            }
        }
    }
}

#[test]
fn reports_are_swallowed_whole_however_they_are_split_and_keys_after_them_are_read() {
    for report in REPORTS {
        for at in 0..report.len() {
            let (first, second) = report.split_at(at);
            let got = reads(&[(0, first), (5, second), (5, b"a")]);
            assert_eq!(got, ["a"], "{} | {}", first.escape_ascii(), second.escape_ascii());
        }
    }
}

#[test]
fn a_lone_escape_waits_25_ms_and_no_longer() {
    let begun = start();
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    decoder.feed(b"\x1b", begun, &mut events);
    assert_eq!(decoder.due(), Some(begun + Duration::from_millis(25)));
    decoder.elapsed(begun + Duration::from_millis(24), &mut events);
    assert!(events.is_empty());
    decoder.elapsed(begun + Duration::from_millis(25), &mut events);
    assert_eq!(events.iter().filter_map(shown).collect::<Vec<_>>(), ["Esc"]);
    assert_eq!(decoder.due(), None);
}

#[test]
fn on_a_slow_line_the_rest_of_a_sequence_is_no_letter_either() {
    // Byte by byte, each 60 ms after the other: the ESC was taken for the key, the rest is not taken for text.
    for (bytes, key) in [(&b"\x1b[A"[..], "Up"), (b"\x1bOS", "F4"), (b"\x1b[5~", "PgUp"), (b"\x1b[19~", "F8")] {
        let bytewise: Vec<(u64, &[u8])> =
            bytes.iter().enumerate().map(|(at, byte)| (at as u64 * 60, std::slice::from_ref(byte))).collect();
        assert_eq!(reads(&bytewise), ["Esc", key], "{}", bytes.escape_ascii());
        let (escape, rest) = bytes.split_at(1);
        assert_eq!(reads(&[(0, escape), (200, rest)]), ["Esc", key]);
    }
    assert_eq!(reads(&[(0, b"\x1b"), (60, b"]11;rgb:1/1/1\x07")]), ["Esc"]);
    assert_eq!(reads(&[(0, b"\x1b[<0;6"), (800, b"0;20M")]), ["Down(Left) 59,19"]);
}

#[test]
fn keys_after_an_escape_are_keys() {
    assert_eq!(reads(&[(0, b"\x1b"), (40, b"x")]), ["Esc", "x"]);
    assert_eq!(reads(&[(0, b"\x1b"), (4000, b"["), (4500, b"A")]), ["Esc", "[", "A"]);
    assert_eq!(reads(&[(0, b"\x1b"), (400, b"O"), (5000, b"p")]), ["Esc", "O", "p"]);
    assert_eq!(reads(&[(0, b"\x1b"), (40, b"P"), (60, b"1")]), ["Esc", "P", "1"]);
    assert_eq!(reads(&[(0, b"\x1b"), (40, b"\x1b")]), ["Esc", "Esc"]);
    assert_eq!(read(b"\x1b\x1b"), ["Esc", "Esc"]);
    assert_eq!(read(b"\x1b\x1b\x1bx"), ["Esc", "Esc", "Alt-x"]);
}

#[test]
fn chords_that_could_begin_a_sequence_are_chords_when_nothing_follows() {
    for (bytes, chord) in [(b"\x1bP", "Alt-P"), (b"\x1bX", "Alt-X")] {
        assert_eq!(reads(&[(0, bytes), (150, b"1")]), [chord, "1"]);
    }
    // What comes soon after these may be the rest of an arrow.
    for (bytes, chord) in [(b"\x1bO", "Alt-O"), (b"\x1b[", "Alt-[")] {
        assert_eq!(reads(&[(0, bytes), (150, b"A"), (150, b"1")]), [chord, "1"]);
        assert_eq!(reads(&[(0, bytes), (4000, b"A")]), [chord, "A"]);
    }
}

/// What may come of the beginning of a sequence by itself: nothing of it does anything.
fn is_beginning(shown: &str) -> bool {
    shown == "Esc"
        || shown.strip_prefix("Alt-").is_some_and(|letter| ["[", "O", "P", "]", "X", "^", "_"].contains(&letter))
}

#[test]
fn the_rest_of_what_a_network_has_held_up_is_no_letter_digit_or_tone() {
    for stall in [300, 1000, 3000] {
        for (bytes, key) in KEYS.iter().filter(|(_, key)| !key.starts_with("Alt-")) {
            for at in 1..bytes.len() {
                let (first, second) = bytes.split_at(at);
                let got = reads(&[(0, first), (stall, second), (stall, b"m")]);
                let what = format!("{} | {} after {stall} ms", first.escape_ascii(), second.escape_ascii());
                assert_eq!(got.last().map(String::as_str), Some("m"), "{what}: {got:?}");
                let others: Vec<&String> = got.iter().filter(|shown| !is_beginning(shown) && *shown != "m").collect();
                assert!(others.is_empty() || others == [key], "{what}: {got:?}");
            }
        }
        for report in REPORTS {
            for at in 1..report.len() {
                let (first, second) = report.split_at(at);
                let got = reads(&[(0, first), (stall, second), (stall, b"m")]);
                let what = format!("{} | {} after {stall} ms: {got:?}", first.escape_ascii(), second.escape_ascii());
                assert_eq!(got.last().map(String::as_str), Some("m"), "{what}");
                assert!(got.iter().all(|shown| is_beginning(shown) || shown == "m"), "{what}");
            }
        }
    }
}

#[test]
fn an_arrow_that_comes_byte_by_byte_with_stalls_is_no_letter() {
    for stall in [300, 1000, 3000] {
        for rest in [[b'[', b'A'], [b'O', b'p'], [b'O', b'S']] {
            let got = reads(&[(0, b"\x1b"), (stall, &rest[..1]), (2 * stall, &rest[1..])]);
            assert_eq!(got, ["Esc".to_owned(), char::from(rest[0]).to_string()], "{stall} ms");
        }
        assert_eq!(reads(&[(0, b"\x1b[1"), (stall, b"5"), (2 * stall, b"~")]), ["F5"]);
    }
}

#[test]
fn a_paste_that_lost_its_end_takes_few_keys_and_a_slow_one_is_whole() {
    // Somebody types on, three keys a second: none of the silences is long enough by itself.
    let mut typed: Vec<(u64, &[u8])> = vec![(0, b"\x1b[200~13800138000")];
    typed.extend((1..40).map(|n| (n * 300, &b"7"[..])));
    typed.push((12_000, b"m"));
    let got = reads(&typed);
    assert!(got.first().is_some_and(|paste| paste.starts_with("paste 13800138000")), "{got:?}");
    assert!(got.len() > 20, "within a few seconds keys are keys again: {got:?}");
    assert_eq!(got.last().map(String::as_str), Some("m"));
    // The same for a string.
    typed[0] = (0, b"\x1b]11;rgb:1/1");
    assert!(reads(&typed).len() > 20);
    // A key that is held down.
    let mut held: Vec<(u64, &[u8])> = vec![(0, b"\x1b[200~1")];
    held.extend((1..2000).map(|n| (n * 30, &b"\x1b[A"[..])));
    assert_eq!(reads(&held).last().map(String::as_str), Some("Up"));
    // A line of 960 bytes a second, in single bytes, for twenty seconds, with a stall at its end.
    let mut slow: Vec<(u64, &[u8])> = vec![(0, b"\x1b[200~")];
    slow.extend((1..20_000).map(|n| (n, &b"5"[..])));
    slow.push((23_000, b"13800138000\x1b[201~"));
    slow.push((23_001, b"m"));
    let got = reads(&slow);
    assert_eq!(got.len(), 2, "{}", got.len());
    assert!(got.first().is_some_and(|paste| paste.ends_with("513800138000")));
}

#[test]
fn what_loses_its_end_ends_by_time() {
    // A key is dead for a second at most, or one is lost: it may be the rest of a sequence that a network has held up.
    assert_eq!(reads(&[(0, b"\x1b]11;rgb"), (1000, b"a")]), ["a"]);
    assert_eq!(reads(&[(0, b"\x1bP1+r"), (1000, b"a")]), ["a"]);
    assert_eq!(reads(&[(0, b"\x1b[?2026;"), (1000, b"a"), (1100, b"a")]), ["a"]);
    assert_eq!(reads(&[(0, b"\x1b[?2026;"), (4000, b"a")]), ["a"]);
    assert_eq!(reads(&[(0, b"\x1b[200~138001"), (500, b"38000"), (1500, b"a")]), ["paste 13800138000", "a"]);
    // The end mark comes after all.
    assert_eq!(reads(&[(0, b"\x1b[200~138"), (1000, b"\x1b[201~"), (1001, b"a")]), ["paste 138", "a"]);
    assert_eq!(reads(&[(0, b"\xe5\xbc"), (100, b"a")]), ["a"]);
}

#[test]
fn what_is_torn_gives_way_to_what_comes_then() {
    assert_eq!(read(b"\x1b[1;\x1b[A"), ["Up"]);
    assert_eq!(read(b"\x1b[1;\x03"), ["^C"]);
    assert_eq!(read(b"\x1b]0;title\x1b[A"), ["Up"]);
    assert_eq!(read(b"\x1b]0;title\x18a"), ["a"]);
    assert_eq!(read(b"\x1b[12\x18a"), ["a"]);
    assert_eq!(read(b"\xe5a"), ["a"]);
    assert_eq!(read(b"\xff\x80\xc0a"), ["a"]);
    assert_eq!(read(b"\x1b[M\x1b[B"), ["Down"]);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    for start in [&b"\x1b["[..], b"\x1b]", b"\x1bP", b"\x1b[200~", b"\x1bO"] {
        decoder.feed(start, self::start(), &mut events);
        for _ in 0..100 {
            decoder.feed(&[b'1'; 4096], self::start(), &mut events);
        }
        assert!(events.is_empty(), "{}: {:?}", start.escape_ascii(), events.first());
        let size = format!("{decoder:?}").len();
        // A byte is written as its decimal, a comma and a blank.
        assert!(size < PASTE_MAX * 5, "{}: {size}", start.escape_ascii());
        decoder.feed(b"\x18", self::start(), &mut events);
        decoder = Decoder::default();
        events.clear();
    }
}

#[test]
fn buttons_and_what_is_held_down_are_told_apart() {
    let mouse = |bytes: &[u8]| {
        let mut events = Vec::new();
        Decoder::default().feed(bytes, start(), &mut events);
        match events.as_slice() {
            [Event::Mouse(mouse)] => (mouse.kind, mouse.modifiers),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(mouse(b"\x1b[<2;1;1M"), (MouseEventKind::Down(MouseButton::Right), KeyModifiers::NONE));
    assert_eq!(mouse(b"\x1b[<16;1;1M"), (MouseEventKind::Down(MouseButton::Left), KeyModifiers::CONTROL));
    assert_eq!(mouse(b"\x1b[<35;1;1M"), (MouseEventKind::Moved, KeyModifiers::NONE));
    assert_eq!(mouse(b"\x1b[<32;1;1M"), (MouseEventKind::Drag(MouseButton::Left), KeyModifiers::NONE));
    assert_eq!(mouse(b"\x1b[<64;1;1M"), (MouseEventKind::ScrollUp, KeyModifiers::NONE));
}

/// A finished sequence of the grammar that is no key: any parameters and intermediates, any string.
fn unknown() -> impl Strategy<Value = Vec<u8>> {
    let controls = ("[<=>?][0-9;:]{0,12}", "[ -/]{0,2}", "[@-Lln-z]").prop_map(|(a, b, c)| format!("\x1b[{a}{b}{c}"));
    let strings = (prop::sample::select(vec![']', 'P', '_', '^', 'X']), "[ -~]{1,20}")
        .prop_map(|(kind, text)| format!("\x1b{kind}{text}\x1b\\"));
    prop_oneof![controls, strings].prop_map(String::into_bytes)
}

/// A stream of whole sequences, and the keys that are in it.
fn stream() -> impl Strategy<Value = (Vec<u8>, Vec<String>)> {
    let known = prop::sample::select(KEYS.to_vec()).prop_map(|(bytes, key)| (bytes.to_vec(), vec![key.to_owned()]));
    let reports = prop::sample::select(REPORTS.to_vec()).prop_map(|bytes| (bytes.to_vec(), Vec::new()));
    let nothing = unknown().prop_map(|bytes| (bytes, Vec::new()));
    prop::collection::vec(prop_oneof![4 => known, 1 => reports, 1 => nothing], 1..12).prop_map(|parts| {
        let bytes = parts.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let keys = parts.into_iter().flat_map(|(_, keys)| keys).collect();
        (bytes, keys)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing but the keys comes out, wherever the stream is cut and whatever stands in between.
    #[test]
    fn a_stream_is_its_keys_wherever_it_is_cut((bytes, keys) in stream(), cuts in prop::collection::vec(0.0..1.0, 0..6)) {
        prop_assert_eq!(&read(&bytes), &keys);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut: f64| (cut * bytes.len() as f64) as usize).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        cuts.dedup();
        let mut from = 0;
        let mut chunks: Vec<(u64, &[u8])> = Vec::new();
        for (at, cut) in cuts.into_iter().enumerate() {
            chunks.push((at as u64 * 20, &bytes[from..cut]));
            from = cut;
        }
        prop_assert_eq!(&reads(&chunks), &keys);
    }

    /// Any bytes at any pace: no panic, and after the longest stall keys are keys.
    #[test]
    fn any_bytes_at_any_pace(reads_ in prop::collection::vec((0u64..2000, prop::collection::vec(any::<u8>(), 0..40)), 0..20)) {
        let begun = start();
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        let mut at = begun;
        for (pause, bytes) in &reads_ {
            at += Duration::from_millis(*pause);
            decoder.elapsed(at, &mut events);
            decoder.feed(bytes, at, &mut events);
        }
        at += STALL;
        decoder.elapsed(at, &mut events);
        prop_assert_eq!(decoder.due(), None);
        events.clear();
        decoder.feed(b"m", at, &mut events);
        prop_assert_eq!(events.iter().filter_map(shown).collect::<Vec<_>>(), ["m"]);
    }
}
