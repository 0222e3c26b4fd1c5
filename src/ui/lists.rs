//! The lists under the call: which lines the open tab has, in which order, filtered by what is searched for. The
//! selection holds on to its line while the list moves under it.

use super::{
    journal_filter::JournalFilter,
    labels,
    state::{QueueOrder, Tab, ViewState},
    text, who,
};
use crate::{
    app::{AgentRow, GroupRow, JournalEntry, NoticeView, Snapshot, WaitingRow},
    domain::Party,
    i18n::Locale,
};

/// A line of the open tab.
#[derive(Clone, Copy, Debug)]
pub enum ListRow<'a> {
    /// A call of the journal.
    Call(&'a JournalEntry),
    /// An agent.
    Agent(&'a AgentRow),
    /// A skill group.
    Group(&'a GroupRow),
    /// A waiting customer.
    Waiting(&'a WaitingRow),
    /// A notice.
    Notice(&'a NoticeView),
}

impl ListRow<'_> {
    /// What makes it this line and no other, in whatever place it stands.
    fn key(&self) -> String {
        match self {
            ListRow::Call(entry) => format!("{} {}", entry.time, entry.peer.short()),
            ListRow::Agent(agent) => format!("agent {}", agent.ag_no),
            ListRow::Group(group) => format!("group {} {:?}", group.id, group.other_tenant),
            ListRow::Waiting(row) => format!("{} {:?} {:?}", row.number, row.group, row.since),
            ListRow::Notice(notice) => format!("{} {}", notice.time, notice.text),
        }
    }

    /// The line in a few words.
    pub fn title(&self, locale: Locale) -> String {
        match self {
            ListRow::Call(entry) => labels::peer(&entry.peer, locale),
            ListRow::Agent(agent) if agent.name.is_empty() => agent.ag_no.clone(),
            ListRow::Agent(agent) => format!("{} {}", agent.ag_no, agent.name),
            ListRow::Group(group) => group.name.clone(),
            ListRow::Waiting(row) => who::waiting(row, locale),
            ListRow::Notice(notice) => notice.text.clone(),
        }
    }

    /// What it is searched by.
    fn text(&self) -> String {
        let words: Vec<&str> = match self {
            ListRow::Call(entry) => {
                let Party { number, name, area, ag_no } = &entry.peer;
                let group = entry.queue.as_ref().map(|group| &group.name);
                [number.as_ref(), name.as_ref(), area.as_ref(), ag_no.as_ref(), group]
                    .into_iter()
                    .flatten()
                    .map(String::as_str)
                    .collect()
            }
            ListRow::Agent(agent) => {
                let own = [agent.ag_no.as_str(), agent.name.as_str()];
                own.into_iter().chain(agent.groups.iter().map(String::as_str)).collect()
            }
            ListRow::Group(group) => vec![group.name.as_str()],
            ListRow::Waiting(row) => {
                let told = [&row.area, &row.level, &row.group, &row.agent];
                let told = told.into_iter().filter_map(|text| text.as_deref());
                std::iter::once(row.number.as_str()).chain(told).collect()
            }
            ListRow::Notice(notice) => vec![notice.text.as_str()],
        };
        words.join(" ").to_lowercase()
    }
}

/// The lines of the open tab.
pub fn rows<'a>(state: &ViewState, snapshot: &'a Snapshot) -> Vec<ListRow<'a>> {
    let all: Vec<ListRow<'a>> = match state.tab {
        Tab::Journal => snapshot.journal.iter().map(ListRow::Call).collect(),
        Tab::Directory => {
            let agents = snapshot.directory.agents.iter().map(ListRow::Agent);
            agents.chain(snapshot.directory.groups.iter().map(ListRow::Group)).collect()
        }
        Tab::Queue => waiting(state.queue_order, snapshot).into_iter().map(ListRow::Waiting).collect(),
        Tab::Notices => snapshot.notices.iter().rev().map(ListRow::Notice).collect(),
    };
    let wanted = state.find.value();
    if wanted.trim().is_empty() {
        return all;
    }
    let (now, zone) = (state.clocks.wall, &state.settings.zone);
    let calls = (state.tab == Tab::Journal).then(|| JournalFilter::new(wanted, &snapshot.journal, now, zone));
    let found = |row: &ListRow<'_>| match (row, &calls) {
        (ListRow::Call(entry), Some(calls)) => calls.finds(entry, &row.text()),
        _ => text::holds(&row.text(), wanted),
    };
    all.into_iter().filter(found).collect()
}

/// The line that is selected, if the list has the keyboard.
pub fn selected<'a>(state: &ViewState, snapshot: &'a Snapshot) -> Option<ListRow<'a>> {
    if !state.in_list() {
        return None;
    }
    rows(state, snapshot).get(state.selected).copied()
}

/// Who waits, in the order chosen.
fn waiting(order: QueueOrder, snapshot: &Snapshot) -> Vec<&WaitingRow> {
    let mut rows: Vec<&WaitingRow> = snapshot.queue.rows.iter().collect();
    // Whoever came first has waited longest; those of whom nothing is told come last.
    rows.sort_by_key(|row| (row.since.is_none(), row.since));
    let level = |row: &WaitingRow| row.level.as_deref().and_then(|level| level.trim().parse::<i64>().ok());
    match order {
        QueueOrder::Wait => {}
        QueueOrder::LevelDown => rows.sort_by_key(|row| std::cmp::Reverse((level(row), row.level.clone()))),
        QueueOrder::LevelUp => rows.sort_by_key(|row| (row.level.is_none(), level(row), row.level.clone())),
    }
    rows
}

/// Where the line that was selected stands now; its old place if it is gone.
pub fn follow(state: &ViewState, old: &Snapshot, new: &Snapshot) -> usize {
    let after = rows(state, new);
    let place = selected(state, old).map(|row| row.key()).and_then(|key| after.iter().position(|row| row.key() == key));
    place.unwrap_or(state.selected).min(after.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        i18n::Locale,
        ui::{fixtures, state::Focus},
    };

    fn shown(state: &ViewState, snapshot: &Snapshot) -> Vec<String> {
        let name = |row: &ListRow<'_>| match row {
            ListRow::Call(entry) => entry.peer.short().to_owned(),
            ListRow::Agent(agent) => agent.ag_no.clone(),
            ListRow::Group(group) => group.name.clone(),
            ListRow::Waiting(row) => row.number.clone(),
            ListRow::Notice(notice) => notice.text.clone(),
        };
        rows(state, snapshot).iter().map(name).collect()
    }

    #[test]
    fn lists_are_searched_by_number_name_area_and_group() {
        let mut state = fixtures::state();
        let snapshot = fixtures::peopled(fixtures::idle(Locale::ZhCn));
        let mut found = |tab, wanted: &str| {
            state.tab = tab;
            state.find = wanted.into();
            shown(&state, &snapshot)
        };
        assert_eq!(found(Tab::Journal, "上海"), ["02187654321"]);
        assert_eq!(found(Tab::Journal, "李"), ["8003"]);
        assert_eq!(found(Tab::Journal, "1391 广"), ["13911112222"]);
        assert_eq!(found(Tab::Directory, "售前"), ["8003", "8010", "售前"]);
        assert_eq!(found(Tab::Queue, "金卡"), Vec::<String>::new(), "no such level here");
        assert_eq!(found(Tab::Queue, "深圳"), ["13700137000"]);
        assert_eq!(found(Tab::Notices, "8001").len(), 1);
    }

    #[test]
    fn the_queue_is_sorted_by_waiting_time_or_by_level() {
        let mut state = fixtures::state();
        state.tab = Tab::Queue;
        let snapshot = fixtures::peopled(fixtures::idle(Locale::ZhCn));
        let mut sorted = |order| {
            state.queue_order = order;
            shown(&state, &snapshot)
        };
        assert_eq!(sorted(QueueOrder::Wait), ["13700137000", "13600136000", "02887654321"]);
        assert_eq!(sorted(QueueOrder::LevelDown), ["13600136000", "13700137000", "02887654321"]);
        assert_eq!(sorted(QueueOrder::LevelUp), ["13700137000", "13600136000", "02887654321"]);
    }

    #[test]
    fn the_selection_stays_on_its_line_when_the_list_moves() {
        let mut state = fixtures::state();
        state.tab = Tab::Queue;
        state.focus = Focus::List;
        state.selected = 1;
        let old = fixtures::peopled(fixtures::idle(Locale::ZhCn));
        let mut new = old.clone();
        new.queue.rows.remove(0);
        assert_eq!(follow(&state, &old, &new), 0, "whoever was before it has left");
        new.queue.rows.clear();
        assert_eq!(follow(&state, &old, &new), 0);
    }
}
