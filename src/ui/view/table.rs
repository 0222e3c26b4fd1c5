//! What the lists of the tabs and dialogs have in common: freshness, the selected row, what an empty list says.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use crate::{
    app::Fetched,
    i18n::Message,
    ui::{target::Target, text, theme::Scope},
};

/// How fresh a list is, in so many cells, and whether that is bad.
pub fn freshness(canvas: &Canvas<'_>, fetched: &Fetched, room: u16) -> (String, bool) {
    let locale = canvas.snapshot.locale;
    match fetched {
        Fetched::Never | Fetched::UnderWay => (canvas.t("ui.loading"), false),
        Fetched::At(at) => {
            let time = canvas
                .state
                .clocks
                .wall(*at)
                .to_zoned(canvas.state.settings.zone.clone())
                .strftime("%H:%M:%S")
                .to_string();
            let told = Message::new("ui.as_of").with("time", &time).render(locale);
            let fitting = [told, time].into_iter().find(|words| text::width(words) <= room);
            (fitting.unwrap_or_default(), false)
        }
        Fetched::Failed(why) => (Message::new("ui.not_had").with("why", why.render(locale)).render(locale), true),
    }
}

/// First line shown so that the selected one is inside.
pub fn first_shown(canvas: &Canvas<'_>, rows: u16) -> usize {
    if !canvas.state.in_list() {
        return 0;
    }
    (canvas.state.selected + 1).saturating_sub(usize::from(rows))
}

/// The look of a line's ground, and its mark when it is the selected one.
pub fn row(canvas: &mut Canvas<'_>, area: Rect, y: u16, index: usize) -> bool {
    canvas.hit(area.x, y, area.width, Target::Row(index));
    let selected = canvas.state.in_list() && canvas.state.selected == index;
    if selected {
        canvas.clear(Rect { y, height: 1, ..area }, Scope::Selected);
        canvas.put(area.x, y, 1, canvas.glyphs.cursor, Scope::Selected);
    }
    selected
}

/// What a list of the platform's says that has no lines: not here yet, none (`none` says so), or why it could not be had.
pub fn nothing_listed(canvas: &mut Canvas<'_>, area: Rect, fetched: &Fetched, none: &'static str) {
    let words = match fetched {
        Fetched::Never | Fetched::UnderWay => canvas.t("ui.loading"),
        Fetched::At(_) => canvas.t(none),
        Fetched::Failed(why) => {
            let locale = canvas.snapshot.locale;
            Message::new("ui.not_had").with("why", why.render(locale)).render(locale)
        }
    };
    empty(canvas, area, &words);
}

/// What a list without lines says.
pub fn empty(canvas: &mut Canvas<'_>, area: Rect, words: &str) {
    for (y, line) in (area.top()..area.bottom()).zip(text::wrap(&text::clean(words), area.width - 1)) {
        canvas.put(area.x + 1, y, area.width - 1, &line, Scope::Dim);
    }
}
