//! Glyphs and frames, in Unicode and in plain ASCII.

/// The glyphs of one character set; each is one cell wide.
#[derive(Debug)]
pub struct Glyphs {
    /// Something is on, well, or present.
    pub on: &'static str,
    /// Something is under way.
    pub half: &'static str,
    /// Something is off.
    pub off: &'static str,
    /// Something is wrong.
    pub bad: &'static str,
    /// Look out.
    pub warn: &'static str,
    /// Wait: held, or wrapping up.
    pub pause: &'static str,
    /// A call is ringing.
    pub bell: &'static str,
    /// Called in.
    pub into: &'static str,
    /// Called out.
    pub out: &'static str,
    /// Between agents.
    pub both: &'static str,
    /// One asks, one is asked.
    pub consult: &'static str,
    /// Handed on by somebody.
    pub handed: &'static str,
    /// The dialler called.
    pub auto: &'static str,
    /// Three in one call.
    pub three: &'static str,
    /// Listening.
    pub ear: &'static str,
    /// Speaking to one side.
    pub whisper: &'static str,
    /// Speaking to all.
    pub barge: &'static str,
    /// Something was left out.
    pub more: &'static str,
    /// No value.
    pub none: &'static str,
    /// Between facts.
    pub dot: &'static str,
    /// The selected line.
    pub cursor: &'static str,
    /// Bars from empty to full.
    pub bars: [&'static str; 9],
    /// Frame: top left, top right, bottom left, bottom right, horizontal, vertical.
    pub frame: [&'static str; 6],
    /// A line downwards.
    pub vertical: &'static str,
    /// A line across.
    pub horizontal: &'static str,
}

/// The usual set.
pub static UNICODE: Glyphs = Glyphs {
    on: "●",
    half: "◐",
    off: "○",
    bad: "×",
    warn: "▲",
    pause: "◔",
    bell: "◆",
    into: "↙",
    out: "↗",
    both: "↔",
    consult: "◇",
    handed: "↪",
    auto: "◈",
    three: "∴",
    ear: "◎",
    whisper: "◑",
    barge: "◉",
    more: "…",
    none: "—",
    dot: "·",
    cursor: "▸",
    bars: [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    frame: ["╭", "╮", "╰", "╯", "─", "│"],
    vertical: "│",
    horizontal: "─",
};

/// The set for terminals and fonts that have nothing else.
pub static ASCII: Glyphs = Glyphs {
    on: "*",
    half: "~",
    off: "o",
    bad: "x",
    warn: "!",
    pause: "=",
    bell: "!",
    into: "<",
    out: ">",
    both: "=",
    consult: "?",
    handed: "^",
    auto: "@",
    three: ":",
    ear: "%",
    whisper: "'",
    barge: "#",
    more: "~",
    none: "-",
    dot: "-",
    cursor: ">",
    bars: [" ", " ", " ", "-", "-", "-", "=", "=", "#"],
    frame: ["+", "+", "+", "+", "-", "|"],
    vertical: "|",
    horizontal: "-",
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::text::width;

    #[test]
    fn every_glyph_is_one_cell() {
        for set in [&UNICODE, &ASCII] {
            let single = [
                set.on,
                set.half,
                set.off,
                set.bad,
                set.warn,
                set.pause,
                set.bell,
                set.into,
                set.out,
                set.both,
                set.consult,
                set.handed,
                set.auto,
                set.three,
                set.ear,
                set.whisper,
                set.barge,
                set.more,
                set.none,
                set.dot,
                set.cursor,
                set.vertical,
                set.horizontal,
            ];
            for glyph in single.iter().chain(&set.bars).chain(&set.frame) {
                assert_eq!(width(glyph), 1, "{glyph:?}");
            }
        }
        assert!(format!("{ASCII:?}").is_ascii());
    }
}
