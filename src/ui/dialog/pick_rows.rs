//! The lines of consulting, transferring and listening: from the platform's lists and from what is typed.

use super::{
    choice::Choice,
    pick::{Page, Pick, PickKind, PickRow},
};
use crate::{
    app::{AgentRow, GroupRow, LineRow, Snapshot},
    domain::{AgentState, Callee, Destination, clean_agent_number, clean_number},
    i18n::{self, Locale, Message},
    ui::{number, text},
};

/// From so many digits on a number typed on the agents' page may be an outside one.
const OUTSIDE_DIGITS: usize = 7;

/// The lines of the open page that fit what is typed; what is typed is a line too where it can be called.
pub(super) fn rows(pick: &Pick, snapshot: &Snapshot) -> Vec<PickRow> {
    let typed = pick.list.filter.value().trim();
    let locale = snapshot.locale;
    let fits = |row: &PickRow| text::holds(&format!("{} {} {}", row.label, row.detail, row.remark), typed);
    let kind = pick.kind;
    match pick.page {
        Page::Agents => {
            let listed = snapshot.directory.agents.iter().map(|agent| agent_row(kind, agent, locale)).filter(fits);
            let known = |ag_no: &str| snapshot.directory.agents.iter().any(|agent| agent.ag_no == ag_no);
            // Longer than agents' numbers are: the platform would look for such an agent in vain.
            let digits = typed.chars().filter(char::is_ascii_digit).count();
            let number = clean_number(typed).ok().filter(|_| digits >= OUTSIDE_DIGITS);
            let word = i18n::text(locale, "ui.typed_outside");
            let outside = number.map(|number| outside_row(kind, &number, word, &number));
            listed.chain(outside).chain(typed_agent(kind, typed, snapshot, known)).collect()
        }
        Page::OnLine => {
            let on_line = &snapshot.directory.on_line;
            let listed = on_line.iter().map(|line| line_row(line, locale)).filter(fits);
            let known = |ag_no: &str| on_line.iter().any(|line| line.ag_no == ag_no);
            listed.chain(typed_agent(kind, typed, snapshot, known)).collect()
        }
        Page::Groups => snapshot.directory.groups.iter().map(|group| group_row(group, locale)).filter(fits).collect(),
        Page::Outside => {
            let suggested = snapshot.directory.outside.iter().map(|row| {
                let remark = if row.name.is_empty() { String::new() } else { row.number.clone() };
                let label = if row.name.is_empty() { &row.number } else { &row.name };
                outside_row(kind, label, remark, &row.number)
            });
            let suggested = suggested.filter(fits);
            let number = clean_number(typed).ok();
            let word = i18n::text(locale, "ui.typed_number");
            number.map(|number| outside_row(kind, &number, word, &number)).into_iter().chain(suggested).collect()
        }
        Page::Ivr => {
            let node = pick.node.value().trim();
            if typed.is_empty() || node.is_empty() {
                return Vec::new();
            }
            let to = Destination::Ivr { code: typed.to_owned(), node: node.to_owned(), vcc_id: None };
            let promise = Message::new("ui.will_transfer_ivr").with("code", typed).with("node", node);
            vec![plain(format!("{typed} {node}"), Choice::Transfer(to), promise)]
        }
    }
}

/// Why there is nothing to choose, where what is typed is at fault.
pub fn problem(pick: &Pick, snapshot: &Snapshot) -> Option<Message> {
    let typed = pick.list.filter.value();
    match pick.page {
        Page::Agents | Page::OnLine if typed.trim() == snapshot.agent.ag_no => Some(Message::new("ui.own_number")),
        Page::Agents | Page::OnLine | Page::Groups => None,
        Page::Outside if typed.trim().is_empty() => Some(Message::new("ui.number_empty")),
        Page::Outside => clean_number(typed).err().map(|error| number::number_error(&error)),
        Page::Ivr => Some(Message::new("ui.ivr_both")),
    }
}

fn plain(label: String, choice: Choice, promise: Message) -> PickRow {
    PickRow { state: None, label, detail: String::new(), remark: String::new(), since: None, choice, promise }
}

/// What choosing an agent does.
fn with_agent(kind: PickKind, ag_no: &str, who: &str) -> (Choice, Message) {
    let callee = Callee::Agent(ag_no.to_owned());
    match kind {
        PickKind::Consult => (Choice::Consult(callee), Message::new("ui.will_consult").with("who", who)),
        PickKind::Transfer => {
            (Choice::Transfer(Destination::Callee(callee)), Message::new("ui.will_transfer").with("who", who))
        }
        PickKind::Spy => (Choice::Spy(ag_no.to_owned()), Message::new("ui.will_spy").with("who", who)),
    }
}

fn named(ag_no: &str, name: &str) -> String {
    if name.is_empty() { ag_no.to_owned() } else { format!("{ag_no} {name}") }
}

fn agent_row(kind: PickKind, agent: &AgentRow, locale: Locale) -> PickRow {
    let label = named(&agent.ag_no, &agent.name);
    let (choice, promise) = with_agent(kind, &agent.ag_no, &label);
    let state = agent.state.unwrap_or(AgentState::Idle);
    let remark = i18n::text(locale, state_word(state));
    PickRow { state: Some(state), detail: agent.groups.join(" "), remark, ..plain(label, choice, promise) }
}

/// Catalogue key of another agent's state.
pub fn state_word(state: AgentState) -> &'static str {
    match state {
        AgentState::SignedOut => "ui.state_signed_out",
        AgentState::SigningIn => "ui.state_signing_in",
        AgentState::Idle => "ui.state_idle",
        AgentState::Busy => "ui.state_busy",
        AgentState::Occupied => "ui.state_occupied",
        AgentState::WrapUp => "ui.state_wrap_up",
    }
}

fn line_row(line: &LineRow, locale: Locale) -> PickRow {
    let label = named(&line.ag_no, &line.name);
    let (choice, promise) = with_agent(PickKind::Spy, &line.ag_no, &label);
    let peer = line.peer.as_ref().map(|peer| Message::new("ui.talks_with").with("who", peer).render(locale));
    let detail = [peer, line.group.clone()].into_iter().flatten().collect::<Vec<_>>().join("  ");
    PickRow { detail, since: line.since, ..plain(label, choice, promise) }
}

fn group_row(group: &GroupRow, locale: Locale) -> PickRow {
    let detail = match group.other_tenant {
        Some(tenant) => Message::new("ui.other_tenant").with("tenant", tenant).render(locale),
        None if group.own => i18n::text(locale, "ui.own_group"),
        None => String::new(),
    };
    let to = Destination::Queue { id: group.id, vcc_id: group.other_tenant };
    let promise = Message::new("ui.will_transfer_group").with("group", &group.name);
    let row = plain(group.name.clone(), Choice::Transfer(to), promise);
    PickRow { detail, remark: group.id.to_string(), ..row }
}

fn outside_row(kind: PickKind, label: &str, remark: String, number: &str) -> PickRow {
    let callee = Callee::Number(number.to_owned());
    let who = if label == number { number.to_owned() } else { format!("{label} {number}") };
    let (choice, promise) = if kind == PickKind::Consult {
        (Choice::Consult(callee), Message::new("ui.will_consult").with("who", who))
    } else {
        (Choice::Transfer(Destination::Callee(callee)), Message::new("ui.will_transfer").with("who", who))
    };
    PickRow { remark, ..plain(label.to_owned(), choice, promise) }
}

/// What is typed as an agent number, unless a line has it already or it is one's own.
fn typed_agent(kind: PickKind, typed: &str, snapshot: &Snapshot, known: impl Fn(&str) -> bool) -> Option<PickRow> {
    let ag_no = clean_agent_number(typed).ok().filter(|ag_no| !known(ag_no) && *ag_no != snapshot.agent.ag_no)?;
    let (choice, promise) = with_agent(kind, &ag_no, &ag_no);
    let remark = i18n::text(snapshot.locale, "ui.typed_agent");
    Some(PickRow { remark, ..plain(ag_no, choice, promise) })
}
