//! The bar of a level meter, and the look of figures that have limits.

use super::canvas::Canvas;
use crate::ui::theme::Scope;

/// Quietest level a meter shows, dBFS.
const FLOOR_DBFS: f32 = -60.0;

/// The bar of a meter alone.
pub fn bar(canvas: &mut Canvas<'_>, x: u16, y: u16, cells: u16, dbfs: Option<f32>, muted: bool) {
    let level = dbfs.filter(|l| l.is_finite()).unwrap_or(FLOOR_DBFS);
    let share = ((level - FLOOR_DBFS) / -FLOOR_DBFS).clamp(0.0, 1.0);
    let eighths = (share * f32::from(cells) * 8.0).round() as u16;
    for i in 0..cells {
        let filled = usize::from(eighths.saturating_sub(i * 8).min(8));
        let glyph = canvas.glyphs.bars.get(filled).copied().unwrap_or(" ");
        let scope = if muted {
            Scope::MeterMuted
        } else if i * 10 < cells * 7 {
            Scope::MeterLow
        } else if i * 10 < cells * 9 {
            Scope::MeterMid
        } else {
            Scope::MeterHigh
        };
        canvas.put(x + i, y, 1, glyph, scope);
    }
    if canvas.state.settings.ascii && eighths == 0 {
        canvas.put(x, y, 1, ".", Scope::MeterMuted);
    }
}

/// Look of a figure that is worse the higher it is.
pub fn grade(value: f32, warn: f32, bad: f32) -> Scope {
    if value >= bad {
        Scope::Bad
    } else if value >= warn {
        Scope::Warn
    } else {
        Scope::Base
    }
}
