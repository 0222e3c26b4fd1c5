//! What became of the agent's break requests.

use super::{
    Item,
    choice::{Choice, DutyChoice},
};
use crate::{
    app::{BreakRow, BreakState, Snapshot},
    i18n::{self, Locale},
};

/// One line per request; what can be searched for stands in it.
pub fn items(snapshot: &Snapshot) -> Vec<Item> {
    let item = |row: &BreakRow| Item {
        label: [headline(row), details(row, snapshot.locale)].join("  "),
        remark: i18n::text(snapshot.locale, state_word(row.state)),
        enabled: false,
        current: false,
        choice: Choice::Duty(DutyChoice::Nothing),
    };
    snapshot.breaks.requests.iter().map(item).collect()
}

/// When and why.
pub fn headline(row: &BreakRow) -> String {
    [row.period.as_str(), row.reason.as_str()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}

/// Why it was rejected, who decides, the restriction it is about: what matters most first.
pub fn details(row: &BreakRow, locale: Locale) -> String {
    let label = |key, text: &str| (!text.is_empty()).then(|| format!("{} {text}", i18n::text(locale, key)));
    let parts = [
        label("ui.request_rejected_because", row.rejected_because.as_deref().unwrap_or_default()),
        label("ui.request_approver", &row.approver),
        label("ui.request_restricted", &row.restricted),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// Catalogue key of a state.
pub fn state_word(state: BreakState) -> &'static str {
    match state {
        BreakState::Pending => "ui.request_pending",
        BreakState::Approved => "ui.request_approved",
        BreakState::Rejected => "ui.request_rejected",
        BreakState::Failed => "ui.request_failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_platform_leaves_out_is_left_out() {
        let row = BreakRow {
            period: "12:00-12:30".into(),
            state: BreakState::Rejected,
            approver: String::new(),
            restricted: String::new(),
            reason: "就餐".into(),
            rejected_because: Some("人手不足".into()),
        };
        assert_eq!(headline(&row), "12:00-12:30  就餐");
        assert_eq!(details(&row, Locale::ZhCn), "驳回原因 人手不足");
    }
}
