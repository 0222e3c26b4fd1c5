//! Themes: what every part of the screen looks like. Files in `themes/`, embedded; more from the config directory.
//!
//! A theme is resolved once, at start, for the terminal's colour depth; drawing only looks styles up.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use termprofile::TermProfile;
use thiserror::Error;

use super::color;
use crate::{config::OptionName, i18n::Message};

/// The themes that come with the program: name and file.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("wincall", include_str!("../../themes/wincall.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
];

macro_rules! scopes {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// A part of the screen that has its own look; dotted names, see `themes/wincall.toml`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Scope { $($variant),+ }

        impl Scope {
            /// Every scope.
            pub const ALL: &[Scope] = &[$(Scope::$variant),+];

            /// The name in a theme file.
            pub fn name(self) -> &'static str {
                match self { $(Scope::$variant => $name),+ }
            }
        }
    };
}

scopes! {
    Base = "base", Dim = "base.dim", Strong = "base.strong", Accent = "base.accent", Line = "base.line",
    Good = "base.good", Warn = "base.warn", Bad = "base.bad", Key = "base.key", Selected = "base.selected",
    Tab = "base.tab", TabActive = "base.tab_active",
    Bar = "bar", BarDim = "bar.dim", BarStrong = "bar.strong", BarKey = "bar.key", BarPending = "bar.pending",
    BarField = "bar.field", BarFieldFocus = "bar.field_focus", BarPlaceholder = "bar.placeholder",
    BarDanger = "bar.danger", BarGood = "bar.good", BarWarn = "bar.warn", BarBad = "bar.bad",
    StateIdle = "state.idle", StateBusy = "state.busy", StateWrapUp = "state.wrap_up",
    StateOccupied = "state.occupied", StateTalking = "state.talking", StateHeld = "state.held",
    StateRinging = "state.ringing", StateDialing = "state.dialing", StateOff = "state.off",
    BadgeHeld = "badge.held", BadgeMuted = "badge.muted", BadgeNote = "badge.note",
    MeterLow = "meter.low", MeterMid = "meter.mid", MeterHigh = "meter.high", MeterMuted = "meter.muted",
    Window = "window", WindowFrame = "window.frame", WindowTitle = "window.title", WindowDim = "window.dim",
    WindowKey = "window.key", WindowStrong = "window.strong", WindowSelected = "window.selected",
    WindowMatch = "window.match", WindowGood = "window.good", WindowBad = "window.bad",
    Ring = "ring", RingFrame = "ring.frame", RingTitle = "ring.title", RingNumber = "ring.number",
    RingDim = "ring.dim", RingAnswer = "ring.answer", RingReject = "ring.reject",
    BannerWarn = "banner.warn", BannerBad = "banner.bad",
    ToastInfo = "toast.info", ToastWarn = "toast.warn", ToastError = "toast.error",
}

impl Scope {
    /// The scope a missing property is taken from; the root has none.
    fn parent(self) -> Option<Scope> {
        let name = self.name();
        match name.rsplit_once('.') {
            Some((parent, _)) => Some(Self::ALL.iter().copied().find(|s| s.name() == parent).unwrap_or(Scope::Base)),
            None if self == Scope::Base => None,
            None => Some(Scope::Base),
        }
    }

    /// Whether the scope is painted on the bar's own ground.
    fn is_on_bar(self) -> bool {
        matches!(
            self,
            Scope::Bar
                | Scope::BarDim
                | Scope::BarStrong
                | Scope::BarKey
                | Scope::BarPending
                | Scope::BarGood
                | Scope::BarWarn
                | Scope::BarBad
        )
    }

    /// How the scope stands out where there is no colour at all.
    fn without_color(self) -> Modifier {
        let name = self.name();
        if self.is_on_bar() {
            return Modifier::REVERSED;
        }
        match name.split_once('.') {
            Some(("banner" | "toast", _)) => Modifier::REVERSED,
            Some(("badge", _)) => Modifier::BOLD | Modifier::UNDERLINED,
            Some((_, "selected" | "title" | "answer" | "reject" | "danger")) => Modifier::REVERSED,
            Some(_) | None => Modifier::empty(),
        }
    }
}

/// Why a theme cannot be used.
#[derive(Debug, Error)]
pub enum ThemeError {
    /// There is none of that name.
    #[error("there is no theme '{name}'")]
    Unknown {
        /// As asked for.
        name: String,
        /// Those there are.
        known: String,
        /// Where one's own themes go.
        dir: String,
    },
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        error: String,
    },
    /// The file says something that is no theme.
    #[error("theme {name}: {problem}")]
    Invalid {
        /// Which.
        name: String,
        /// What is wrong, with its place.
        problem: String,
    },
    /// `theme_color` is no colour.
    #[error("'{0}' is not a colour")]
    Color(String),
}

impl ThemeError {
    /// The option that asked for it; none for the colour, which the config file's reader has checked.
    pub fn option(&self) -> Option<OptionName> {
        match self {
            ThemeError::Unknown { .. } | ThemeError::Unreadable { .. } | ThemeError::Invalid { .. } => {
                Some(OptionName::new("ui", "theme"))
            }
            ThemeError::Color(_) => None,
        }
    }

    /// The sentence for a person.
    pub fn message(&self) -> Message {
        match self {
            ThemeError::Unknown { name, known, dir } => {
                Message::new("ui.theme_unknown").with("name", name).with("known", known).with("dir", dir)
            }
            ThemeError::Unreadable { path, error } => {
                Message::new("ui.theme_unreadable").with("path", path).with("error", error)
            }
            ThemeError::Invalid { name, problem } => {
                Message::new("ui.theme_invalid").with("name", name).with("problem", problem)
            }
            ThemeError::Color(color) => Message::new("ui.theme_color").with("color", color),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    palette: BTreeMap<String, String>,
    #[serde(default)]
    scopes: BTreeMap<String, Look>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    #[serde(default)]
    bold: bool,
    #[serde(default)]
    dim: bool,
    #[serde(default)]
    italic: bool,
    #[serde(default)]
    underline: bool,
    #[serde(default)]
    reversed: bool,
}

/// A theme, resolved for one terminal.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: Vec<Style>,
    profile: TermProfile,
}

impl Theme {
    /// Finds a theme by name (built in, else `NAME.toml` in [`user_dir`]) and resolves it.
    ///
    /// # Errors
    /// [`ThemeError`] when there is none, or it is not one.
    pub fn load(name: &str, theme_color: Option<&str>, profile: TermProfile) -> Result<Self, ThemeError> {
        if let Some((_, file)) = BUILT_IN.iter().find(|(n, _)| *n == name) {
            return Self::parse(name, file, theme_color, profile);
        }
        let dir = user_dir();
        let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let path = dir.as_deref().filter(|_| is_plain).map(|dir| dir.join(format!("{name}.toml")));
        match path {
            Some(path) if path.exists() => {
                let file = std::fs::read_to_string(&path).map_err(|error| ThemeError::Unreadable {
                    path: path.display().to_string(),
                    error: error.to_string(),
                })?;
                Self::parse(name, &file, theme_color, profile)
            }
            Some(_) | None => Err(ThemeError::Unknown {
                name: name.to_owned(),
                known: BUILT_IN.map(|(n, _)| n).join(", "),
                dir: dir.as_deref().unwrap_or(Path::new("-")).display().to_string(),
            }),
        }
    }

    /// Reads a theme file and resolves it: parents, palette, `theme_color`, readable texts on it, colour depth.
    ///
    /// # Errors
    /// [`ThemeError::Invalid`] or [`ThemeError::Color`].
    pub fn parse(name: &str, file: &str, theme_color: Option<&str>, profile: TermProfile) -> Result<Self, ThemeError> {
        let invalid = |problem: String| ThemeError::Invalid { name: name.to_owned(), problem };
        let file: File = toml::from_str(file).map_err(|error| invalid(error.to_string().trim_end().to_owned()))?;
        if let Some(unknown) = file.scopes.keys().find(|k| !Scope::ALL.iter().any(|s| s.name() == k.as_str())) {
            return Err(invalid(format!("[scopes] {unknown:?}?")));
        }
        let resolve = |wanted: &str| -> Result<Color, ThemeError> {
            let value = file.palette.get(wanted).map_or(wanted, String::as_str);
            if value == "default" {
                return Ok(Color::Reset);
            }
            color::parse(value).ok_or_else(|| invalid(format!("{wanted:?}: #rrggbb?")))
        };
        let bar = match theme_color {
            Some(text) => Some(color::parse(text).ok_or_else(|| ThemeError::Color(text.to_owned()))?),
            None => None,
        };
        let mut styles: Vec<Style> = Vec::with_capacity(Scope::ALL.len());
        for scope in Scope::ALL {
            let look = file.scopes.get(scope.name()).cloned().unwrap_or_default();
            let parent = scope.parent().and_then(|p| styles.get(p as usize)).copied().unwrap_or_default();
            let mut style = Style::new().fg(parent.fg.unwrap_or(Color::Reset)).bg(parent.bg.unwrap_or(Color::Reset));
            if let Some(fg) = &look.fg {
                style = style.fg(resolve(fg)?);
            }
            if let Some(bg) = &look.bg {
                style = style.bg(resolve(bg)?);
            }
            if let (Scope::Bar, Some(bar)) = (*scope, bar) {
                style = style.bg(bar);
            }
            if bar.is_some()
                && scope.is_on_bar()
                && let (Some(fg), Some(bg)) = (style.fg, style.bg)
            {
                style = style.fg(color::readable_on(fg, bg));
            }
            for (on, modifier) in [
                (look.bold, Modifier::BOLD),
                (look.dim, Modifier::DIM),
                (look.italic, Modifier::ITALIC),
                (look.underline, Modifier::UNDERLINED),
                (look.reversed, Modifier::REVERSED),
            ] {
                if on {
                    style = style.add_modifier(modifier);
                }
            }
            styles.push(style);
        }
        let styles = Scope::ALL.iter().zip(styles).map(|(scope, style)| adapt(*scope, style, profile)).collect();
        Ok(Self { styles, profile })
    }

    /// The look of a scope.
    pub fn style(&self, scope: Scope) -> Style {
        self.styles.get(scope as usize).copied().unwrap_or_default()
    }

    /// A scope's look with what a text from outside asks for on top, as far as the terminal has it and it can be read.
    pub fn tinted(&self, scope: Scope, wanted: Style) -> Style {
        let ground = self.style(scope);
        let mut wanted = match self.profile {
            TermProfile::NoTty | TermProfile::NoColor => Style { fg: None, bg: None, ..wanted },
            TermProfile::TrueColor | TermProfile::Ansi256 | TermProfile::Ansi16 => self.profile.adapt_style(wanted),
        };
        if let (TermProfile::TrueColor, Some(fg), Some(bg)) = (self.profile, wanted.fg, wanted.bg.or(ground.bg)) {
            wanted.fg = Some(color::readable_on(fg, bg));
        }
        ground.patch(wanted)
    }
}

/// A style as far as the terminal can show it; where colours were merged, the text stays apart from its ground.
fn adapt(scope: Scope, style: Style, profile: TermProfile) -> Style {
    match profile {
        TermProfile::TrueColor => style,
        TermProfile::NoTty | TermProfile::NoColor => {
            Style { fg: None, bg: None, ..style }.add_modifier(scope.without_color())
        }
        TermProfile::Ansi256 => profile.adapt_style(style),
        TermProfile::Ansi16 => {
            let adapted = profile.adapt_style(style);
            let (Some(fg), Some(bg)) = (adapted.fg, adapted.bg) else { return adapted };
            match color::contrast(fg, bg) {
                Some(contrast) if contrast < 3.0 => {
                    let white = color::contrast(Color::White, bg).unwrap_or(0.0);
                    let black = color::contrast(Color::Black, bg).unwrap_or(0.0);
                    adapted.fg(if white >= black { Color::White } else { Color::Black })
                }
                Some(_) | None => adapted,
            }
        }
    }
}

/// Where one's own themes lie: `themes/` in the config directory.
pub fn user_dir() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|dirs| dirs.config_dir().join("wincall-tui").join("themes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scopes that carry no text: lines and bars are told apart by their shape.
    fn has_text(scope: Scope) -> bool {
        scope != Scope::Line && !scope.name().starts_with("meter.")
    }

    #[test]
    fn fuzz_theme() {
        crate::fuzz::run("theme", &["themes"], |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match Theme::parse("x", &text, None, TermProfile::TrueColor) {
                Ok(theme) => assert!(Scope::ALL.iter().all(|scope| theme.style(*scope) == theme.style(*scope))),
                Err(error) => assert!(!error.message().render(crate::i18n::Locale::ZhCn).is_empty()),
            }
        });
    }

    #[test]
    fn every_text_of_every_theme_can_be_read() {
        for (name, file) in BUILT_IN {
            let theme = Theme::parse(name, file, None, TermProfile::TrueColor).expect(name);
            for scope in Scope::ALL.iter().copied().filter(|s| has_text(*s)) {
                let style = theme.style(scope);
                let contrast = color::contrast(style.fg.unwrap(), style.bg.unwrap()).unwrap();
                assert!(contrast >= color::READABLE, "{name}: {} has {contrast:.2}", scope.name());
            }
        }
    }

    #[test]
    fn every_scope_is_looked_after_and_every_theme_explains_itself() {
        for (name, file) in BUILT_IN {
            assert!(file.starts_with(&format!("# {name}: ")), "{name} has no header");
            let parsed: File = toml::from_str(file).unwrap();
            for scope in Scope::ALL {
                assert!(parsed.scopes.contains_key(scope.name()), "{name} leaves out {}", scope.name());
            }
        }
    }

    #[test]
    fn theme_color_repaints_the_bar_and_its_texts_stay_readable() {
        for color in ["#485566", "white", "#ffffff", "#000", "#00a3d9", "#ffcc00", "#808080"] {
            let theme = Theme::load("wincall", Some(color), TermProfile::TrueColor).unwrap();
            let ground = color::parse(color);
            for scope in Scope::ALL.iter().copied().filter(|s| s.is_on_bar()) {
                let style = theme.style(scope);
                assert_eq!(style.bg, ground, "{}", scope.name());
                let contrast = color::contrast(style.fg.unwrap(), style.bg.unwrap()).unwrap();
                assert!(contrast >= color::READABLE, "{} on {color}: {contrast:.2}", scope.name());
            }
        }
    }

    #[test]
    fn sixteen_colours_keep_text_and_ground_apart() {
        for (name, file) in BUILT_IN {
            let theme = Theme::parse(name, file, None, TermProfile::Ansi16).unwrap();
            for scope in Scope::ALL.iter().copied().filter(|s| has_text(*s)) {
                let style = theme.style(scope);
                let contrast = color::contrast(style.fg.unwrap(), style.bg.unwrap()).unwrap();
                assert!(contrast >= 3.0, "{name}: {} has {contrast:.2}: {style:?}", scope.name());
            }
        }
    }

    #[test]
    fn without_colour_the_bar_is_reversed_and_nothing_is_coloured() {
        let theme = Theme::load("wincall", None, TermProfile::NoColor).unwrap();
        for scope in Scope::ALL {
            let style = theme.style(*scope);
            assert_eq!((style.fg, style.bg), (None, None), "{}", scope.name());
        }
        assert!(theme.style(Scope::BarKey).add_modifier.contains(Modifier::REVERSED));
        assert!(!theme.style(Scope::StateIdle).add_modifier.contains(Modifier::REVERSED));
        assert!(theme.style(Scope::WindowSelected).add_modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn what_is_no_theme_is_refused_by_name() {
        let unknown = Theme::load("nope", None, TermProfile::TrueColor).unwrap_err();
        assert_eq!(unknown.message().key(), "ui.theme_unknown");
        let bad = Theme::parse("mine", "[scopes]\nbarr = { fg = \"#fff\" }", None, TermProfile::TrueColor).unwrap_err();
        assert!(bad.to_string().contains("barr"), "{bad}");
        let bad = Theme::parse("mine", "[scopes]\nbar = { fg = \"blau\" }", None, TermProfile::TrueColor).unwrap_err();
        assert!(bad.to_string().contains("blau"), "{bad}");
        let bad = Theme::load("wincall", Some("red-ish"), TermProfile::TrueColor).unwrap_err();
        assert_eq!(bad.message().key(), "ui.theme_color");
        assert!(matches!(Theme::load("../x", None, TermProfile::TrueColor), Err(ThemeError::Unknown { .. })));
    }
}
