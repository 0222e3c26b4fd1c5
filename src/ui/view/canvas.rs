//! A buffer to draw on that clips, cuts by cells and never lets anything from outside drive the terminal.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};

use crate::{
    app::Snapshot,
    i18n,
    ui::{
        dialog::Context,
        glyphs::Glyphs,
        input::UiAction,
        state::ViewState,
        target::Target,
        text,
        theme::{Scope, Theme},
    },
};

/// What is drawn on, and what is needed to draw.
pub struct Canvas<'a> {
    /// The cells.
    pub buffer: &'a mut Buffer,
    /// What is shown.
    pub snapshot: &'a Snapshot,
    /// What the screen remembers.
    pub state: &'a ViewState,
    /// The character set.
    pub glyphs: &'static Glyphs,
    /// What can be clicked; later ones lie on top.
    pub hits: Vec<(Rect, Target)>,
    /// The windows drawn so far.
    pub windows: Vec<Rect>,
    /// Where the cursor stands, if anywhere.
    pub cursor: Option<Position>,
    /// The furthest the open help can be scrolled.
    pub help_end: Option<u16>,
}

/// A line of pieces, each with its look.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pieces: Vec<(String, Scope)>,
    cells: u16,
}

impl Run {
    /// Adds a piece; control characters are taken out.
    pub fn push(&mut self, text: impl AsRef<str>, scope: Scope) -> &mut Self {
        let text = text::clean(text.as_ref());
        if !text.is_empty() {
            self.cells = self.cells.saturating_add(text::width(&text));
            self.pieces.push((text.into_owned(), scope));
        }
        self
    }

    /// Adds another line behind this one.
    pub fn append(&mut self, other: &Run) -> &mut Self {
        self.cells = self.cells.saturating_add(other.cells);
        self.pieces.extend(other.pieces.iter().cloned());
        self
    }

    /// Width in cells.
    pub fn cells(&self) -> u16 {
        self.cells
    }
}

impl Canvas<'_> {
    /// What the open dialog reads besides its own state.
    pub fn context(&self) -> Context<'_> {
        self.state.context(self.snapshot)
    }

    /// A text of the catalogue.
    pub fn t(&self, key: &'static str) -> String {
        i18n::text(self.snapshot.locale, key)
    }

    fn theme(&self) -> &Theme {
        &self.state.settings.theme
    }

    /// Writes a text in at most `max` cells; returns the cells used.
    pub fn put(&mut self, x: u16, y: u16, max: u16, text: &str, scope: Scope) -> u16 {
        let area = self.buffer.area;
        if x < area.left() || x >= area.right() || y < area.top() || y >= area.bottom() {
            return 0;
        }
        let max = max.min(area.right() - x);
        let text = text::clean(text);
        let text = text::cut(&text, max, self.glyphs.more);
        let style = self.theme().style(scope);
        let (end, _) = self.buffer.set_stringn(x, y, &text, usize::from(max), style);
        end.saturating_sub(x)
    }

    /// Writes a text from outside with a look of its own in at most `max` cells; returns the cells used.
    pub fn put_tinted(&mut self, x: u16, y: u16, max: u16, text: &str, scope: Scope, wanted: Style) -> u16 {
        let used = self.put(x, y, max, text, scope);
        let style = self.theme().tinted(scope, wanted);
        self.buffer.set_style(Rect { x, y, width: used, height: 1 }, style);
        used
    }

    /// Writes a text that ends before `right`; returns where it begins.
    pub fn put_right(&mut self, right: u16, y: u16, max: u16, text: &str, scope: Scope) -> u16 {
        let text = text::clean(text);
        let text = text::cut(&text, max, self.glyphs.more).into_owned();
        let x = right.saturating_sub(text::width(&text));
        self.put(x, y, max, &text, scope);
        x
    }

    /// Writes a line of pieces in at most `max` cells; returns the cells used.
    pub fn run(&mut self, x: u16, y: u16, max: u16, run: &Run) -> u16 {
        let mut used = 0;
        for (text, scope) in &run.pieces {
            if used >= max {
                break;
            }
            used += self.put(x.saturating_add(used), y, max - used, text, *scope);
        }
        used
    }

    /// Paints an area and empties it. A wide character cut in half by its left edge goes.
    pub fn clear(&mut self, area: Rect, scope: Scope) {
        let style = self.theme().style(scope);
        let base = self.theme().style(Scope::Base);
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            if area.left() > self.buffer.area.left()
                && let Some(cell) = self.buffer.cell_mut((area.left() - 1, y))
                && text::width(cell.symbol()) > 1
            {
                cell.set_symbol(" ");
            }
            let halved = area.right().checked_sub(1).and_then(|x| self.buffer.cell((x, y)));
            if halved.is_some_and(|cell| text::width(cell.symbol()) > 1)
                && let Some(cell) = self.buffer.cell_mut((area.right(), y))
            {
                cell.set_style(base);
            }
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
            }
        }
    }

    /// A line across.
    pub fn horizontal(&mut self, x: u16, y: u16, cells: u16, scope: Scope) {
        for x in x..x.saturating_add(cells) {
            self.put(x, y, 1, self.glyphs.horizontal, scope);
        }
    }

    /// A frame with a title, its inside emptied; returns the inside.
    pub fn window(&mut self, area: Rect, title: &str, ground: Scope, frame: Scope, heading: Scope) -> Rect {
        let area = area.intersection(self.buffer.area);
        self.windows.push(area);
        self.clear(area, ground);
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let [top_left, top_right, bottom_left, bottom_right, across, down] = self.glyphs.frame;
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        for x in area.left() + 1..right {
            self.put(x, area.top(), 1, across, frame);
            self.put(x, bottom, 1, across, frame);
        }
        for y in area.top() + 1..bottom {
            self.put(area.left(), y, 1, down, frame);
            self.put(right, y, 1, down, frame);
        }
        self.put(area.left(), area.top(), 1, top_left, frame);
        self.put(right, area.top(), 1, top_right, frame);
        self.put(area.left(), bottom, 1, bottom_left, frame);
        self.put(right, bottom, 1, bottom_right, frame);
        let title = format!(" {title} ");
        let cells = text::width(&title).min(area.width.saturating_sub(4));
        self.put(area.left() + (area.width - cells) / 2, area.top(), cells, &title, heading);
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    /// Remembers what a click does here.
    pub fn hit(&mut self, x: u16, y: u16, cells: u16, target: Target) {
        self.hits.push((Rect { x, y, width: cells, height: 1 }, target));
    }

    /// The same for a whole area.
    pub fn hit_area(&mut self, area: Rect, target: Target) {
        self.hits.push((area, target));
    }

    /// The key to show for an action, if it has one that works now.
    pub fn key(&self, action: UiAction) -> Option<String> {
        self.state.key_hint(action, self.state.is_typing())
    }
}

/// An area of at most this size in the middle of another.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}
