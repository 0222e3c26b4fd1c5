//! The tab of agents and skill groups.

use ratatui::layout::Rect;

use super::{canvas::Canvas, table};
use crate::{
    app::{AgentRow, GroupRow},
    domain::AgentState,
    i18n::Message,
    ui::{dialog::pick_rows::state_word, labels, lists::ListRow, theme::Scope},
};

/// Free agents, then skill groups.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, rows: &[ListRow<'_>]) {
    if rows.is_empty() {
        table::nothing_listed(canvas, area, &canvas.snapshot.directory.fetched, "ui.directory_empty");
        return;
    }
    let first = table::first_shown(canvas, area.height);
    for (y, (index, row)) in (area.top()..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let selected = table::row(canvas, area, y, index);
        match row {
            ListRow::Agent(agent) => agent_line(canvas, area, y, agent, selected),
            ListRow::Group(group) => group_line(canvas, area, y, group, selected),
            ListRow::Call(_) | ListRow::Waiting(_) | ListRow::Notice(_) => {}
        }
    }
}

/// Cells of the name's column: a third of the line, as far as names go.
fn name_cells(area: Rect) -> u16 {
    (area.width / 3).clamp(12, 26)
}

fn agent_line(canvas: &mut Canvas<'_>, area: Rect, y: u16, agent: &AgentRow, selected: bool) {
    let look = |scope: Scope| if selected { Scope::Selected } else { scope };
    let state = agent.state.unwrap_or(AgentState::Idle);
    let (glyph, scope) = labels::agent_mark(state, canvas.glyphs);
    canvas.put(area.x + 1, y, 1, glyph, look(scope));
    let name = name_cells(area);
    let who = if agent.name.is_empty() { agent.ag_no.clone() } else { format!("{} {}", agent.ag_no, agent.name) };
    canvas.put(area.x + 3, y, name.saturating_sub(1), &who, look(Scope::Base));
    let word = canvas.t(state_word(state));
    let word_x = canvas.put_right(area.right() - 1, y, 14, &word, look(scope));
    let x = area.x + 3 + name;
    canvas.put(x, y, word_x.saturating_sub(x + 1), &agent.groups.join(" "), look(Scope::Dim));
}

fn group_line(canvas: &mut Canvas<'_>, area: Rect, y: u16, group: &GroupRow, selected: bool) {
    let look = |scope: Scope| if selected { Scope::Selected } else { scope };
    canvas.put(area.x + 1, y, 1, canvas.glyphs.both, look(Scope::Dim));
    let name = name_cells(area);
    canvas.put(area.x + 3, y, name.saturating_sub(1), &group.name, look(Scope::Base));
    let kind = canvas.t("ui.skill_group");
    let kind_x = canvas.put_right(area.right() - 1, y, 14, &kind, look(Scope::Dim));
    let whose = match group.other_tenant {
        Some(tenant) => Message::new("ui.other_tenant").with("tenant", tenant).render(canvas.snapshot.locale),
        None if group.own => canvas.t("ui.own_group"),
        None => String::new(),
    };
    let x = area.x + 3 + name;
    canvas.put(x, y, kind_x.saturating_sub(x + 1), &whose, look(Scope::Dim));
}
