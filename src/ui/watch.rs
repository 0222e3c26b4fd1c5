//! What is looked at and therefore kept fresh: derived from the screen's state here and nowhere else, so that no way of
//! closing a dialog can leave the platform being asked for ever.

use super::{
    dialog::{Dialog, PickKind},
    state::{Tab, ViewState},
};
use crate::app::{Snapshot, Watched};

/// The list to keep fresh now; none while nobody looks, or there is nobody to ask for it.
pub fn watched(state: &ViewState, snapshot: &Snapshot) -> Option<Watched> {
    if let Some(Dialog::Devices(_)) = &state.dialog {
        return Some(Watched::Devices);
    }
    if !snapshot.agent.state.is_signed_in() {
        return None;
    }
    match &state.dialog {
        Some(Dialog::Pick(pick)) => Some(match pick.kind {
            PickKind::Consult | PickKind::Transfer => Watched::Directory,
            PickKind::Spy => Watched::OnLine,
        }),
        Some(Dialog::Duty(duty)) => duty.watched(),
        Some(
            Dialog::Busy(_)
            | Dialog::CallerId(_)
            | Dialog::Palette(_)
            | Dialog::Numbers(_)
            | Dialog::Help(_)
            | Dialog::Health(_)
            | Dialog::Keypad(_)
            | Dialog::Devices(_)
            | Dialog::Question(_)
            | Dialog::Quality,
        )
        | None => match state.tab {
            Tab::Directory => Some(Watched::Directory),
            Tab::Queue => Some(Watched::Queue),
            Tab::Journal | Tab::Notices => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        i18n::Locale,
        ui::{fixtures, input_events},
    };

    #[test]
    fn every_way_out_of_a_dialog_ends_the_watching() {
        let talking = fixtures::in_talk(Locale::En);
        let press = |state: &mut ViewState, snapshot: &Snapshot, key: &str| {
            input_events::on_key(state, snapshot, key.parse().unwrap(), fixtures::now());
        };
        for out in ["esc", "enter", "ctrl-c"] {
            let mut state = fixtures::state();
            press(&mut state, &talking, "c");
            assert_eq!(watched(&state, &talking), Some(Watched::Directory));
            press(&mut state, &talking, out);
            assert_eq!(watched(&state, &talking), None, "{out}");
        }
        let mut state = fixtures::state();
        press(&mut state, &talking, "t");
        assert_eq!(watched(&state, &talking), Some(Watched::Directory));
        let over = fixtures::wrap_up(Locale::En);
        state.follow(&talking, &over, fixtures::now());
        assert_eq!(watched(&state, &over), None, "the call is over, and the dialog with it");
    }

    #[test]
    fn a_tab_is_watched_while_it_is_open_and_the_agent_signed_in() {
        let mut state = fixtures::state();
        let idle = fixtures::in_charge(Locale::En);
        let key = |state: &mut ViewState, key: &str| {
            input_events::on_key(state, &idle, key.parse().unwrap(), fixtures::now());
            watched(state, &idle)
        };
        assert_eq!(key(&mut state, "d"), Some(Watched::Directory));
        assert_eq!(key(&mut state, "v"), Some(Watched::OnLine), "the dialog is what is looked at");
        assert_eq!(key(&mut state, "esc"), Some(Watched::Directory));
        assert_eq!(key(&mut state, "Q"), Some(Watched::Queue));
        assert_eq!(watched(&state, &fixtures::signed_out(Locale::En)), None);
        assert_eq!(key(&mut state, "j"), None);
    }
}
