//! The predictive projects: which can be entered, how far they are used up, which one it is now.

use super::{
    Item,
    choice::{Choice, DutyChoice},
};
use crate::{
    app::{Fetched, ProjectRow, Snapshot},
    i18n::{self, Message},
};

/// The way out first, then the projects.
pub fn items(snapshot: &Snapshot) -> Vec<Item> {
    let projects = &snapshot.projects;
    let locale = snapshot.locale;
    let mut items = vec![Item {
        label: i18n::text(locale, "ui.project_none"),
        remark: String::new(),
        enabled: true,
        current: projects.joined.is_none(),
        choice: Choice::Duty(DutyChoice::Leave),
    }];
    items.extend(projects.rows.iter().map(|row| {
        let used_up = row.limit.is_some_and(|limit| row.answered >= limit);
        Item {
            label: row.name.clone(),
            remark: remark(row, used_up).render(locale),
            enabled: row.enabled && !used_up,
            current: projects.joined.as_ref() == Some(&row.id),
            choice: Choice::Duty(DutyChoice::Join(row.id.clone())),
        }
    }));
    let told = match &projects.fetched {
        Fetched::Never | Fetched::UnderWay => Some(i18n::text(locale, "ui.loading")),
        Fetched::Failed(why) => Some(why.render(locale)),
        Fetched::At(_) => None,
    };
    items.extend(told.map(|label| Item {
        label,
        remark: String::new(),
        enabled: false,
        current: false,
        choice: Choice::Duty(DutyChoice::Nothing),
    }));
    items
}

fn remark(row: &ProjectRow, used_up: bool) -> Message {
    let count = |key, limit| Message::new(key).with("answered", row.answered).with("limit", limit);
    match row.limit {
        _ if !row.enabled => Message::new("ui.project_off"),
        Some(limit) if used_up => count("ui.project_used_up", limit),
        Some(limit) => count("ui.project_count", limit),
        None => Message::new("ui.project_answered").with("answered", row.answered),
    }
}
