//! `theme_color`: what a web page would understand, as far as a phone bar needs it.

/// CSS colour names worth having for a bar.
const NAMES: &[(&str, &str)] = &[
    ("black", "#000000"),
    ("white", "#ffffff"),
    ("gray", "#808080"),
    ("grey", "#808080"),
    ("silver", "#c0c0c0"),
    ("red", "#ff0000"),
    ("maroon", "#800000"),
    ("orange", "#ffa500"),
    ("yellow", "#ffff00"),
    ("olive", "#808000"),
    ("lime", "#00ff00"),
    ("green", "#008000"),
    ("teal", "#008080"),
    ("cyan", "#00ffff"),
    ("blue", "#0000ff"),
    ("navy", "#000080"),
    ("magenta", "#ff00ff"),
    ("purple", "#800080"),
];

/// `#rgb`, `#rrggbb` or a name, as `#rrggbb` in lower case.
pub(super) fn parse_color(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    if let Some((_, hex)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some((*hex).to_owned());
    }
    let digits = text.strip_prefix('#')?;
    if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        6 => Some(text),
        3 => Some(format!("#{}", digits.chars().flat_map(|c| [c, c]).collect::<String>())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse_color;

    #[test]
    fn web_colours_become_six_digits() {
        assert_eq!(parse_color("#485566").as_deref(), Some("#485566"));
        assert_eq!(parse_color("#FfF").as_deref(), Some("#ffffff"));
        assert_eq!(parse_color("Navy").as_deref(), Some("#000080"));
        for bad in ["485566", "#48556", "#48556g", "rgb(1,2,3)", "#中中", ""] {
            assert_eq!(parse_color(bad), None, "{bad}");
        }
    }
}
