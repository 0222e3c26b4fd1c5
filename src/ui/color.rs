//! Colour: how much of it the terminal has, and whether a text can be read on its ground.

use ratatui::style::Color;
use termprofile::{DetectorSettings, EnvVarSource, IsTerminal, TermProfile, TermVars};

use crate::config::ColorDepth;

/// Contrast every text reaches: WCAG 2.2, 1.4.3 (level AA).
pub const READABLE: f32 = 4.5;

/// The colours to use: what the config says, else what the environment says (`NO_COLOR`, `COLORTERM`, `TERM`). The
/// terminal itself is not asked, and no program is run, because the first frame must not wait.
pub fn profile(depth: ColorDepth) -> TermProfile {
    match depth {
        ColorDepth::Auto => detected(&termprofile::Env, &std::io::stdout()),
        ColorDepth::Truecolor => TermProfile::TrueColor,
        ColorDepth::Ansi256 => TermProfile::Ansi256,
        ColorDepth::Ansi16 => TermProfile::Ansi16,
        ColorDepth::None => TermProfile::NoColor,
    }
}

/// What the environment says. tmux takes every colour and shows what its own terminal can, so there `COLORTERM` counts,
/// which the library leaves aside; GNU screen does no such thing, and what is forced stays.
fn detected(environment: &impl EnvVarSource, output: &impl IsTerminal) -> TermProfile {
    let vars = TermVars::from_source(environment, output, DetectorSettings::new().enable_tmux_info(false));
    let profile = TermProfile::detect_with_vars(vars).max(TermProfile::NoColor);
    let value = |name| environment.var(name).unwrap_or_default();
    let in_tmux = !value("TMUX").is_empty() || value("TERM_PROGRAM") == "tmux" || value("TERM").starts_with("tmux");
    let forced = ["FORCE_COLOR", "CLICOLOR_FORCE"].into_iter().any(|name| !value(name).is_empty());
    let every_colour = matches!(value("COLORTERM").as_str(), "truecolor" | "24bit");
    if in_tmux && !forced && every_colour && profile >= TermProfile::Ansi16 { TermProfile::TrueColor } else { profile }
}

/// The basic colour names of CSS, and two that are asked for often.
const NAMES: [(&str, (u8, u8, u8)); 18] = [
    ("black", (0, 0, 0)),
    ("silver", (192, 192, 192)),
    ("gray", (128, 128, 128)),
    ("grey", (128, 128, 128)),
    ("white", (255, 255, 255)),
    ("maroon", (128, 0, 0)),
    ("red", (255, 0, 0)),
    ("purple", (128, 0, 128)),
    ("fuchsia", (255, 0, 255)),
    ("green", (0, 128, 0)),
    ("lime", (0, 255, 0)),
    ("olive", (128, 128, 0)),
    ("yellow", (255, 255, 0)),
    ("navy", (0, 0, 128)),
    ("blue", (0, 0, 255)),
    ("teal", (0, 128, 128)),
    ("aqua", (0, 255, 255)),
    ("orange", (255, 165, 0)),
];

/// Reads `#rgb`, `#rrggbb` and the basic colour names of CSS, in any case.
pub fn parse(text: &str) -> Option<Color> {
    let text = text.trim();
    if let Some((_, (r, g, b))) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Some(Color::Rgb(*r, *g, *b));
    }
    let hex = text.strip_prefix('#')?;
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    match digits.as_slice() {
        [r, g, b] => Some(Color::Rgb(r * 17, g * 17, b * 17)),
        [r1, r2, g1, g2, b1, b2] => Some(Color::Rgb(r1 * 16 + r2, g1 * 16 + g2, b1 * 16 + b2)),
        _ => None,
    }
}

/// Red, green, blue of a colour, as far as they are known: the 16 named ones as xterm paints them.
pub fn rgb(color: Color) -> Option<(u8, u8, u8)> {
    Some(match color {
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Black => (0, 0, 0),
        Color::Red => (205, 0, 0),
        Color::Green => (0, 205, 0),
        Color::Yellow => (205, 205, 0),
        Color::Blue => (0, 0, 238),
        Color::Magenta => (205, 0, 205),
        Color::Cyan => (0, 205, 205),
        Color::Gray => (229, 229, 229),
        Color::DarkGray => (127, 127, 127),
        Color::LightRed => (255, 0, 0),
        Color::LightGreen => (0, 255, 0),
        Color::LightYellow => (255, 255, 0),
        Color::LightBlue => (92, 92, 255),
        Color::LightMagenta => (255, 0, 255),
        Color::LightCyan => (0, 255, 255),
        Color::White => (255, 255, 255),
        Color::Indexed(_) | Color::Reset => return None,
    })
}

/// Relative luminance, 0.0 to 1.0 (WCAG 2.2, "relative luminance").
fn luminance((r, g, b): (u8, u8, u8)) -> f32 {
    let linear = |channel: u8| {
        let c = f32::from(channel) / 255.0;
        if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Contrast of two colours, 1.0 to 21.0; `None` where one is the terminal's own.
pub fn contrast(a: Color, b: Color) -> Option<f32> {
    let (a, b) = (luminance(rgb(a)?), luminance(rgb(b)?));
    Some((a.max(b) + 0.05) / (a.min(b) + 0.05))
}

/// `fg`, moved towards white or black until it can be read on `bg`; as it is where one of the two is unknown.
pub fn readable_on(fg: Color, bg: Color) -> Color {
    let Some(have) = contrast(fg, bg) else { return fg };
    if have >= READABLE {
        return fg;
    }
    let white = contrast(Color::Rgb(255, 255, 255), bg).unwrap_or(0.0);
    let black = contrast(Color::Rgb(0, 0, 0), bg).unwrap_or(0.0);
    let goal = if white >= black { 255.0 } else { 0.0 };
    let Some((r, g, b)) = rgb(fg) else { return fg };
    for step in 1..=10u8 {
        let share = f32::from(step) / 10.0;
        let mix = |c: u8| (f32::from(c) + (goal - f32::from(c)) * share).round() as u8;
        let candidate = Color::Rgb(mix(r), mix(g), mix(b));
        if contrast(candidate, bg).is_some_and(|c| c >= READABLE) {
            return candidate;
        }
    }
    Color::Rgb(goal as u8, goal as u8, goal as u8)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    struct Output(bool);

    impl IsTerminal for Output {
        fn is_terminal(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn in_tmux_the_environment_is_believed_that_promises_every_colour() {
        let tmux = [("TERM", "tmux-256color"), ("TERM_PROGRAM", "tmux"), ("TMUX", "/tmp/tmux-0/default,1,0")];
        let found = |more: &[(&'static str, &'static str)], terminal| {
            let environment: HashMap<&str, &str> = tmux.iter().chain(more).copied().collect();
            detected(&environment, &Output(terminal))
        };
        assert_eq!(found(&[("COLORTERM", "truecolor")], true), TermProfile::TrueColor);
        assert_eq!(found(&[("COLORTERM", "24bit"), ("TERM", "screen-256color")], true), TermProfile::TrueColor);
        assert_eq!(found(&[], true), TermProfile::Ansi256);
        assert_eq!(found(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")], true), TermProfile::NoColor);
        assert_eq!(found(&[("COLORTERM", "truecolor"), ("FORCE_COLOR", "ansi256")], true), TermProfile::Ansi256);
        assert_eq!(found(&[("COLORTERM", "truecolor")], false), TermProfile::NoColor);
        let screen = HashMap::from([("TERM", "screen-256color"), ("COLORTERM", "truecolor")]);
        assert_eq!(detected(&screen, &Output(true)), TermProfile::Ansi256);
        assert_eq!(profile(ColorDepth::Ansi16), TermProfile::Ansi16, "the config has the first word");
    }

    #[test]
    fn colours_are_read() {
        assert_eq!(parse("White"), Some(Color::Rgb(255, 255, 255)));
        assert_eq!(parse("#485566"), Some(Color::Rgb(0x48, 0x55, 0x66)));
        assert_eq!(parse("#fff"), Some(Color::Rgb(255, 255, 255)));
        assert_eq!(parse("485566"), None);
        assert_eq!(parse("#48556"), None);
        assert_eq!(parse("#48556g"), None);
    }

    #[test]
    fn contrast_is_wcags() {
        let black_on_white = contrast(Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255));
        assert!((black_on_white.unwrap() - 21.0).abs() < 0.01);
        let grey = contrast(Color::Rgb(0x77, 0x77, 0x77), Color::Rgb(255, 255, 255)).unwrap();
        assert!((grey - 4.48).abs() < 0.01, "{grey}");
    }

    #[test]
    fn any_bar_colour_gets_a_text_that_can_be_read() {
        for r in (0..=255).step_by(15) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(15) {
                    let bg = Color::Rgb(r, g, b);
                    for fg in [Color::Rgb(207, 216, 227), Color::Rgb(255, 195, 2), Color::Rgb(16, 21, 26)] {
                        let got = contrast(readable_on(fg, bg), bg).unwrap();
                        assert!(got >= READABLE, "{fg:?} on {bg:?}: {got}");
                    }
                }
            }
        }
    }
}
