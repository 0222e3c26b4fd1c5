//! Colour: how much of it the terminal has, and whether a text can be read on its ground.

use ratatui::style::Color;
use termprofile::{DetectorSettings, TermProfile};

use crate::config::ColorDepth;

/// Contrast every text reaches: WCAG 2.2, 1.4.3 (level AA).
pub const READABLE: f32 = 4.5;

/// The colours to use: what the config says, else what the environment says (`NO_COLOR`, `COLORTERM`, `TERM`). The
/// terminal itself is not asked, and no program is run, because the first frame must not wait.
pub fn profile(depth: ColorDepth) -> TermProfile {
    match depth {
        ColorDepth::Auto => TermProfile::detect(&std::io::stdout(), DetectorSettings::new().enable_tmux_info(false))
            .max(TermProfile::NoColor),
        ColorDepth::Truecolor => TermProfile::TrueColor,
        ColorDepth::Ansi256 => TermProfile::Ansi256,
        ColorDepth::Ansi16 => TermProfile::Ansi16,
        ColorDepth::None => TermProfile::NoColor,
    }
}

/// Reads `#rgb` and `#rrggbb`.
pub fn parse_hex(text: &str) -> Option<Color> {
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
    use super::*;

    #[test]
    fn hex_colours_are_read() {
        assert_eq!(parse_hex("#485566"), Some(Color::Rgb(0x48, 0x55, 0x66)));
        assert_eq!(parse_hex("#fff"), Some(Color::Rgb(255, 255, 255)));
        assert_eq!(parse_hex("485566"), None);
        assert_eq!(parse_hex("#48556"), None);
        assert_eq!(parse_hex("#48556g"), None);
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
