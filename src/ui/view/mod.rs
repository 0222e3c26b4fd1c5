//! From a snapshot to cells. Pure: the same snapshot, state and instant give the same frame.
//!
//! [`draw`] chooses what fits: one line where nothing does, the strip, or the full screen with card, tabs and panel;
//! over it the ringing window, the open dialog, the toasts.

mod bar;
mod canvas;
mod card;
mod devices;
mod dialog;
mod directory;
mod duty;
mod facts;
mod forms;
mod health;
mod journal;
mod meter;
mod notices;
mod panel;
mod parties;
mod picker;
mod quality;
mod queue;
mod ringing;
mod status_line;
mod strip;
mod table;
mod tabs;
mod tick;
mod window;

#[cfg(test)]
mod calls_tests;
#[cfg(test)]
mod devices_tests;
#[cfg(test)]
mod duty_tests;
#[cfg(test)]
mod health_tests;
#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod narrow_tests;
#[cfg(test)]
mod tests;

use std::time::Instant;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Position, Rect},
};

use self::canvas::Canvas;
pub use self::{ringing::is_offered, tick::next_change};
use super::{glyphs, labels, panel_document, state::ViewState, target::Target, theme::Scope, who};
use crate::app::Snapshot;

/// Below this many rows there is only the strip.
const FULL_HEIGHT: u16 = 12;

/// Fewest rows a dialog is any good in.
const DIALOG_MIN: u16 = 8;

/// Below this width there is no room for the panel.
const PANEL_MIN_WIDTH: u16 = 76;

/// What a frame holds besides its cells.
#[derive(Debug, Default)]
pub struct Drawn {
    hits: Vec<(Rect, Target)>,
    help_end: Option<u16>,
}

impl Drawn {
    /// What lies under a click; the topmost, if several do.
    pub fn at(&self, x: u16, y: u16) -> Option<Target> {
        let under = |(area, _): &&(Rect, Target)| area.contains(Position { x, y });
        self.hits.iter().rev().find(under).map(|(_, target)| *target)
    }

    /// The furthest the open help can be scrolled: its last line is then shown.
    pub fn help_end(&self) -> Option<u16> {
        self.help_end
    }
}

/// The state's word, and who is at the other end (empty without a call), for the window title.
pub fn title_labels(snapshot: &Snapshot, now: Instant) -> (String, String) {
    let word = labels::shown(snapshot, &glyphs::UNICODE, now).word;
    let live = snapshot.call.phase.is_live();
    (word, if live { who::with_whom(snapshot) } else { String::new() })
}

/// Draws one frame of ratatui's.
pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, state: &ViewState, now: Instant) -> Drawn {
    let (drawn, cursor) = draw_on(frame.buffer_mut(), snapshot, state, now);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    drawn
}

/// Draws on cells; what a frame holds besides them, and where the cursor stands, if anywhere.
pub fn draw_on(buffer: &mut Buffer, snapshot: &Snapshot, state: &ViewState, now: Instant) -> (Drawn, Option<Position>) {
    let area = buffer.area;
    let glyphs = if state.settings.ascii { &glyphs::ASCII } else { &glyphs::UNICODE };
    let mut canvas =
        Canvas { buffer, snapshot, state, glyphs, hits: Vec::new(), windows: Vec::new(), cursor: None, help_end: None };
    if area.width > 0 && area.height > 0 {
        canvas.clear(area, Scope::Base);
        screen(&mut canvas, area, now);
    }
    let Canvas { hits, cursor, help_end, .. } = canvas;
    (Drawn { hits, help_end }, cursor.filter(|at| area.contains(*at)))
}

fn screen(canvas: &mut Canvas<'_>, area: Rect, now: Instant) {
    if area.width < strip::MIN_WIDTH || area.height < strip::MIN_HEIGHT {
        strip::draw_tiny(canvas, area, now);
        return;
    }
    if area.height < FULL_HEIGHT {
        strip::draw(canvas, area, now);
        dialog::draw_in_row(canvas, Rect { y: area.bottom() - 1, height: 1, ..area });
        return;
    }
    let (main, card_end) = full(canvas, area, now);
    // Windows hide neither the bar nor the bottom row, and an incoming call leaves the panel free.
    let reminded = u16::from(duty::has_row(canvas));
    let below_bar = Rect { y: area.y + 2 + reminded, height: area.height - 3 - reminded, ..area };
    if canvas.state.dialog.is_some() {
        canvas.hit_area(below_bar, Target::Around);
    }
    let ringing = ringing::draw(canvas, main, now);
    // A dialog goes below the incoming call; where there is no room for both, the one just opened lies on top, and the
    // bar still shows the call and its keys.
    let top = ringing.map_or(below_bar.y, |window| window.bottom());
    let room = below_bar.bottom().saturating_sub(top);
    let for_dialog = if room >= DIALOG_MIN { Rect { y: top, height: room, ..below_bar } } else { below_bar };
    dialog::draw(canvas, for_dialog, now);
    notices::draw_toasts(canvas, area, card_end, now);
}

/// Everything of the full screen but what lies over it; returns the part left of the panel, and the row under the
/// card.
fn full(canvas: &mut Canvas<'_>, area: Rect, now: Instant) -> (Rect, u16) {
    bar::draw(canvas, area, now);
    let bottom = area.bottom() - 1;
    status_line::draw(canvas, Rect { y: bottom, height: 1, ..area }, now);
    let reminded = duty::row(canvas, Rect { y: area.y + 2, height: 1, ..area });
    let top = area.y + 2 + u16::from(reminded);
    let banner = status_line::banner(canvas, Rect { y: top, height: 1, ..area }, now);
    let top = top + u16::from(banner);
    let mut body = Rect { y: top, height: bottom - top, ..area };
    if canvas.state.panel && area.width >= PANEL_MIN_WIDTH {
        let cells = panel_document::cells(area.width, canvas.state.panel_width);
        body.width -= cells;
        panel::draw(canvas, Rect { x: body.right(), width: cells, ..body });
    }
    let used = card::draw(canvas, body, now);
    let gap = u16::from(used == 0);
    let rest = Rect { y: body.y + used + gap, height: body.height.saturating_sub(used + gap), ..body };
    tabs::draw(canvas, rest, now);
    (body, body.y + used)
}
