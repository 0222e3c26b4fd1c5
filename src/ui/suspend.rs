//! Whether the program may be suspended, and by whom it would be continued.

use nix::unistd::{Pid, getpgid, getpgrp, getppid, getsid};
use rustix::process::{self, Signal};

use super::{
    dialog::{Dialog, Question, question},
    state::{Suspension, ViewState},
};
use crate::{
    app::{Command, LinkState, SipState, Snapshot},
    domain::AgentState,
    i18n::{self, Message},
};

/// Whether to ask first: the question is then open.
pub fn asks(state: &mut ViewState, snapshot: &Snapshot) -> bool {
    if !question::leaves_customers(&state.settings, snapshot) {
        return false;
    }
    state.dialog = Some(Dialog::Question(Question::Suspend));
    true
}

/// Whether what was agreed is so by now, and the program is to be stopped.
pub fn begins(state: &mut ViewState, snapshot: &Snapshot) -> bool {
    let Suspension::Agreed { ready_again } = state.suspension else { return false };
    let begins = !question::leaves_customers(&state.settings, snapshot);
    if begins {
        state.suspension = Suspension::Begins { ready_again };
    }
    begins
}

/// The program goes on.
pub fn over(state: &mut ViewState) {
    state.suspension = match state.suspension {
        Suspension::Begins { ready_again: true } => Suspension::Over,
        Suspension::Begins { ready_again: false } => Suspension::None,
        other @ (Suspension::None | Suspension::Agreed { .. } | Suspension::Over) => other,
    };
}

/// What is to be done about a suspension that is over, as soon as the platform is there: who was ready is so again,
/// unless the state is another one by now.
pub fn after(state: &mut ViewState, snapshot: &Snapshot, now: std::time::Instant) -> Option<Command> {
    if state.suspension != Suspension::Over || snapshot.link.state != LinkState::Up {
        return None;
    }
    match snapshot.agent.state {
        AgentState::SigningIn => return None,
        AgentState::Busy => {}
        AgentState::Idle | AgentState::Occupied | AgentState::WrapUp | AgentState::SignedOut => {
            state.suspension = Suspension::None;
            return None;
        }
    }
    // Customers would be sent to a phone that is not there yet.
    if snapshot.agent.web_phone && snapshot.sip.state != SipState::Registered {
        return None;
    }
    state.suspension = Suspension::None;
    state.hint(i18n::text(snapshot.locale, "ui.suspend_ready_again"), now);
    Some(Command::Ready)
}

/// How far up it is looked for a shell.
const ANCESTORS: usize = 16;

/// Why the program cannot be suspended now.
pub fn refused(snapshot: &Snapshot) -> Option<Message> {
    if snapshot.call.phase.is_live() {
        return Some(Message::new("ui.suspend_in_call"));
    }
    (!shell_waits()).then(|| Message::new("ui.suspend_no_shell"))
}

/// Asks the whole job to be suspended, as the terminal does for Ctrl-Z: a script that started this program is stopped
/// with it, so that the shell gets the terminal.
pub fn ask_job() {
    if let Err(error) = process::kill_current_process_group(Signal::TSTP) {
        tracing::warn!(%error, "the job cannot be suspended");
    }
}

/// Stops the program; returns when it is continued.
pub fn stop() {
    if let Err(error) = process::kill_process(process::getpid(), Signal::STOP) {
        tracing::warn!(%error, "the program cannot be suspended");
    }
}

/// Whether a shell with job control has started this job: else nobody would ever continue it. A session or a group that
/// began outside this PID namespace is 0 here.
fn shell_waits() -> bool {
    let (session, group) = (getsid(None), getpgrp());
    let mut ancestor = Some(getppid());
    for _ in 0..ANCESTORS {
        let parent = ancestor.filter(|parent| parent.as_raw() > 0 && getsid(Some(*parent)) == session);
        let Some(parent) = parent else { return false };
        match getpgid(Some(parent)) {
            Ok(other) if other != group => return true,
            // A script of the same job.
            Ok(_) => ancestor = parent_of(parent),
            Err(_) => return false,
        }
    }
    false
}

/// The parent of another process, where the system tells (Linux: the second field after the name in parentheses).
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        i18n::Locale,
        ui::fixtures::{self, now},
    };

    fn busy() -> Snapshot {
        let mut snapshot = fixtures::idle(Locale::En);
        snapshot.agent.state = AgentState::Busy;
        snapshot
    }

    #[test]
    fn who_is_ready_is_asked_and_ready_again_after_it() {
        let (mut state, ready) = (fixtures::state(), fixtures::idle(Locale::En));
        assert!(asks(&mut state, &ready) && matches!(state.dialog, Some(Dialog::Question(Question::Suspend))));
        assert!(!asks(&mut fixtures::state(), &busy()), "nobody is sent here");
        state.suspension = Suspension::Agreed { ready_again: true };
        assert!(!begins(&mut state, &ready), "the platform has not said so yet");
        assert!(begins(&mut state, &busy()) && !begins(&mut state, &busy()), "once");
        assert!(after(&mut state, &busy(), now()).is_none(), "not before it goes on");
        over(&mut state);
        let mut away = busy();
        away.link.state = LinkState::Down;
        assert!(after(&mut state, &away, now()).is_none(), "the link comes first");
        let mut no_phone = busy();
        no_phone.sip.state = SipState::Failed;
        assert!(after(&mut state, &no_phone, now()).is_none(), "and the phone");
        assert!(matches!(after(&mut state, &busy(), now()), Some(Command::Ready)));
        assert!(state.flash_at(now()).is_some_and(|hint| hint.contains("ready again")));
        assert!(after(&mut state, &busy(), now()).is_none(), "once");
    }

    #[test]
    fn nobody_is_ready_again_who_signed_out_or_chose_otherwise() {
        let mut state = fixtures::state();
        state.suspension = Suspension::Begins { ready_again: false };
        over(&mut state);
        assert!(after(&mut state, &busy(), now()).is_none());
        for other in [fixtures::idle(Locale::En), fixtures::signed_out(Locale::En), fixtures::talking(Locale::En)] {
            state.suspension = Suspension::Over;
            let mut other = other;
            other.link.state = LinkState::Up;
            assert!(after(&mut state, &other, now()).is_none());
            assert!(after(&mut state, &busy(), now()).is_none(), "busy again is the agent's choice");
        }
    }
}
