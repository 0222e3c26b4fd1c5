use super::*;
use crate::{
    i18n::Locale,
    ui::{fixtures, input_events::on_key, keys::Chord},
};

/// A key typed when `typed_at` was on the screen, taken when `now_at` is there.
fn typed(state: &mut ViewState, typed_at: &Snapshot, now_at: &Snapshot, key: &str) -> Option<String> {
    let chord: Chord = key.parse().unwrap();
    let now = fixtures::now();
    let ask = for_the_call_seen(state, now_at, CallSeen::of(typed_at), now, |state| on_key(state, now_at, chord, now));
    ask.map(|ask| format!("{ask:?}"))
}

/// A snapshot in which the first caller is on the line.
fn first(mut snapshot: Snapshot) -> Snapshot {
    snapshot.call.id = Some(1);
    snapshot
}

/// The next caller, who began to ring after the call before.
fn next_caller() -> Snapshot {
    let mut next = fixtures::ringing(Locale::En);
    next.call.id = Some(2);
    next
}

#[test]
fn a_key_typed_at_the_old_call_never_reaches_the_next() {
    let (old, next) = (first(fixtures::talking(Locale::En)), next_caller());
    for key in ["x", "a", "f4", "f2", "alt-x", "m", "h", "enter", "A"] {
        let mut state = fixtures::state();
        if key == "enter" {
            state.number = "13900139000".into();
        }
        assert_eq!(typed(&mut state, &old, &next, key), None, "{key}");
        let told = state.flash_at(fixtures::now()).unwrap_or_default();
        assert!(!told.is_empty(), "{key}: told why nothing was done");
    }
    // The same keys, typed at the call that is there, do what they are for.
    assert_eq!(typed(&mut fixtures::state(), &next, &next, "x").as_deref(), Some("Send(Reject)"));
    assert_eq!(typed(&mut fixtures::state(), &old, &old, "x").as_deref(), Some("Send(HangUp)"));
}

#[test]
fn a_key_typed_before_a_call_was_shown_answers_it_at_most() {
    let (idle, next) = (fixtures::idle(Locale::En), next_caller());
    for key in ["x", "f4"] {
        assert_eq!(typed(&mut fixtures::state(), &idle, &next, key), None, "{key}");
    }
    for key in ["a", "f2"] {
        assert_eq!(typed(&mut fixtures::state(), &idle, &next, key).as_deref(), Some("Send(Answer)"), "{key}");
    }
    // Nor does one open a window about it.
    let mut state = fixtures::state();
    assert_eq!(typed(&mut state, &idle, &first(fixtures::in_talk(Locale::En)), "t"), None);
    assert!(state.dialog.is_none());
}

#[test]
fn what_is_only_typed_or_looked_at_is_not_lost() {
    let (idle, next) = (fixtures::idle(Locale::En), next_caller());
    let mut state = fixtures::state();
    for key in ["1", "3", "8"] {
        assert_eq!(typed(&mut state, &idle, &next, key), None);
    }
    assert_eq!(state.number.value(), "138");
    assert!(state.flash_at(fixtures::now()).is_none());
    let mut state = fixtures::state();
    typed(&mut state, &idle, &next, "?");
    assert!(matches!(state.dialog, Some(Dialog::Help(_))));
    // Quitting asks first where it hurts somebody.
    assert_eq!(
        typed(&mut fixtures::state(), &first(fixtures::talking(Locale::En)), &fixtures::signed_out(Locale::En), "q")
            .as_deref(),
        Some("Send(Quit)")
    );
}

#[test]
fn the_answer_to_a_question_about_the_old_call_is_no_answer_for_the_next() {
    let (old, next) = (first(fixtures::talking(Locale::En)), next_caller());
    let mut state = fixtures::state();
    state.dialog = Some(Dialog::Question(Question::Quit));
    assert_eq!(typed(&mut state, &old, &next, "y"), None);
    assert!(state.dialog.is_some(), "the question stands: it has to be answered for this call");
}

#[test]
fn a_call_that_comes_up_under_a_question_does_not_get_its_answer() {
    let start = fixtures::now();
    let at = |ms| start + Duration::from_millis(ms);
    let (idle, rings) = (fixtures::idle(Locale::En), next_caller());
    let mut state = fixtures::state();
    let quiet = Seen::default().followed_by(&idle, &state, Drawn::default(), at(0));
    assert_eq!(quiet.followed_by(&rings, &state, Drawn::default(), at(5000)).call_at(at(5100)).call, Some(2));
    state.dialog = Some(Dialog::Question(Question::Quit));
    let asked = quiet.followed_by(&idle, &state, Drawn::default(), at(4000));
    let under = asked.followed_by(&rings, &state, Drawn::default(), at(5000));
    assert_eq!(under.call_at(at(5100)).call, None, "it was typed for the question without a call");
    assert_eq!(under.call_at(at(5600)).call, Some(2));
    let key: Chord = "y".parse().unwrap();
    let ask = for_the_call_seen(&mut state, &rings, under.call_at(at(5100)), at(5110), |state| {
        on_key(state, &rings, key, at(5110))
    });
    assert!(ask.is_none() && state.dialog.is_some(), "the question stands: it names the caller now");
    // Opened when the call was there already, it means what it says.
    let opened = quiet.followed_by(&rings, &fixtures::state(), Drawn::default(), at(5000));
    let then = opened.followed_by(&rings, &state, Drawn::default(), at(5050));
    assert_eq!(then.call_at(at(5100)).call, Some(2));
}

#[test]
fn a_hang_up_meant_for_the_colleague_never_reaches_the_customer() {
    let consulting = first(fixtures::consulting(Locale::En, crate::domain::CallPhase::Consulting));
    let back = first(fixtures::in_talk(Locale::En));
    for key in ["x", "f4", "alt-x"] {
        let mut state = fixtures::state();
        assert_eq!(typed(&mut state, &consulting, &back, key), None, "{key}: the colleague hung up in this moment");
        assert!(state.flash_at(fixtures::now()).is_some());
    }
    // What hurts nobody is done at once.
    assert_eq!(typed(&mut fixtures::state(), &consulting, &back, "m").as_deref(), Some("Send(Mute)"));
    assert_eq!(typed(&mut fixtures::state(), &back, &back, "x").as_deref(), Some("Send(HangUp)"));
}

#[test]
fn windows_about_a_call_close_with_it_although_the_next_one_is_there_at_once() {
    let (old, next) = (first(fixtures::in_talk(Locale::En)), next_caller());
    for key in ["k", "t", "c", "K"] {
        let mut state = fixtures::state();
        typed(&mut state, &old, &old, key);
        assert!(state.dialog.is_some(), "{key}");
        state.follow(&old, &next, fixtures::now());
        assert!(state.dialog.is_none(), "{key}: a digit or a choice would go to the next caller");
    }
}

#[test]
fn a_key_typed_sooner_than_anybody_reacts_was_meant_for_the_call_before() {
    let (old, next) = (first(fixtures::talking(Locale::En)), next_caller());
    let start = fixtures::now();
    let at = |ms| start + Duration::from_millis(ms);
    let drawn = |before: &Seen, snapshot: &Snapshot, ms| {
        before.followed_by(snapshot, &fixtures::state(), Drawn::default(), at(ms))
    };
    let talking = drawn(&Seen::default(), &old, 0);
    assert_eq!(talking.call_at(at(10)).call, Some(1), "no call before it");
    // The next customer rings at once, or after an empty picture.
    let at_once = drawn(&talking, &next, 5000);
    let later = drawn(&drawn(&talking, &fixtures::idle(Locale::En), 5000), &next, 6500);
    for (ringing, rang) in [(at_once, 5000), (later, 6500)] {
        let again = drawn(&ringing, &next, rang + 100);
        assert_eq!(again.call_at(at(rang + 250)).call, None, "{rang}");
        assert_eq!(again.call_at(at(rang + 600)).call, Some(2), "{rang}");
    }
    // Long after the call before, and for a call that the agent dials, there is nothing to be mistaken for.
    let quiet = drawn(&drawn(&talking, &fixtures::idle(Locale::En), 5000), &next, 9000);
    assert_eq!(quiet.call_at(at(9050)).call, Some(2));
    let mut dialing = fixtures::talking(Locale::En);
    (dialing.call.id, dialing.call.phase) = (Some(2), CallPhase::Dialing);
    assert_eq!(drawn(&talking, &dialing, 5000).call_at(at(5050)).call, Some(2));
}
