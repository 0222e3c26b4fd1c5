//! The snapshot of a state: everything derived, nothing kept.

use std::{sync::Arc, time::Instant};

use super::{
    AgentView, BreaksView, CallView, DirectoryView, Fetched, LinkState, LinkView, MediaView, ProjectsView, Reminder,
    SipView, Snapshot, State, Wanted,
    state::{Call, Media, Quitting, ShownReminder},
};
use crate::{
    domain::{AgentState, BusyReason, CallPhase, SkillGroup, TargetState},
    softphone::PathKind,
};

impl State {
    /// One consistent picture. Running clocks stand at zero in it; [`Snapshot::as_of`] reads them.
    pub fn snapshot(&self) -> Snapshot {
        let locale = self.profile.locale;
        Snapshot {
            version: env!("CARGO_PKG_VERSION"),
            agent: AgentView {
                ag_no: self.profile.ag_no.clone(),
                name: self.agent.name.clone(),
                phone: self.session.phone.clone(),
                web_phone: self.session.web_phone,
                login_type: self.session.login_type,
                state: self.agent.state,
                reason: self.busy_reason(),
                since: self.agent.since,
                since_at: self.agent.since_at,
                as_of: (self.profile.websocket && self.has_lost_link()).then_some(self.agent.known_at),
                wrap_up_left_ms: None,
                wrap_up_ends_at: self.agent.wrap_up_ends_at,
                signed_out_because: self.session.signed_out_because.clone(),
            },
            link: LinkView {
                state: self.link.state,
                since: self.link.since,
                since_at: self.link.lost_at.unwrap_or(self.link.since_at),
                attempts: self.link.attempts,
                last_error: self.link.last_error.as_ref().map(|m| m.render(locale)),
                retry_in_ms: None,
                retry_at: self.link.retry_at,
            },
            sip: SipView {
                state: self.sip.state,
                since: self.sip.since,
                last_error: self.sip.last_error.as_ref().map(|m| m.render(locale)),
                retry_at: self.sip.retry_at,
            },
            call: self.call.as_ref().map_or_else(CallView::default, |call| self.call_view(call)),
            media: media_view(&self.media),
            devices: self.devices_view(),
            health: self.health_view(),
            caller_id: self.lists.caller_id.clone(),
            queue_waiting: self.queue.waiting,
            after_call: self.pending.after_call.map(|target| self.wanted(target)),
            notices: self.notices.iter().cloned().collect(),
            actions: self.actions(),
            pending: self.pending.commands.keys().copied().collect(),
            caller_ids: self.lists.caller_ids.clone(),
            busy_reasons: self.lists.busy_reasons.clone(),
            auto_answer: self.remembered.auto_answer,
            directory: self.directory_view(),
            queue: self.queue.view.clone(),
            projects: self.projects_view(),
            breaks: self.breaks_view(),
            reminders: self.reminders_view(),
            shift_ends: self.duties.reminders.shift_ends,
            overtime: self.duties.overtime.shown.clone(),
            quiet: self.remembered.quiet,
            journal: Arc::clone(&self.journal),
            panel: self.panel_view(),
            locale,
            exiting: self.quitting != Quitting::No,
        }
    }

    fn projects_view(&self) -> ProjectsView {
        let projects = &self.duties.projects;
        ProjectsView {
            offered: self.profile.auto_call,
            rows: projects.rows.iter().map(|project| project.row.clone()).collect(),
            fetched: projects.fetched.clone(),
            joined: projects.joined.clone(),
        }
    }

    fn breaks_view(&self) -> BreaksView {
        let breaks = &self.duties.breaks;
        BreaksView {
            offered: self.profile.raise_hand,
            approvers: breaks.approvers.iter().map(|known| known.shown.clone()).collect(),
            approvers_by: breaks.found_by.clone(),
            approvers_fetched: breaks.approvers_fetched.clone(),
            requests: breaks.requests.clone(),
            requests_fetched: breaks.requests_fetched.clone(),
            news: breaks.news,
            restrictions: breaks.restrictions.clone(),
            suggested: breaks.suggested,
        }
    }

    fn reminders_view(&self) -> Vec<Reminder> {
        let reason = |one: &ShownReminder| self.planned_reason(&one.plan.reason).filter(|_| one.plan.due);
        self.duties.reminders.shown.iter().map(|one| one.view(reason(one), &self.profile.zone)).collect()
    }

    /// Signed in, and without the link that tells of changes.
    fn has_lost_link(&self) -> bool {
        self.agent.state.is_signed_in() && self.link.state != LinkState::Up && self.session.state_set
    }

    /// The reason shown beside "busy".
    fn busy_reason(&self) -> Option<BusyReason> {
        self.named_reason(self.agent.reason.filter(|_| self.agent.state == AgentState::Busy)?)
    }

    /// A reason by name where the list has it, by number where it does not.
    fn named_reason(&self, id: i64) -> Option<BusyReason> {
        let known = self.lists.busy_reasons.iter().find(|reason| reason.id == id).cloned();
        // 1 to 10 are the platform's own and have no names (protocol `phone-bar.md` 4.1).
        known.or_else(|| (id > 10).then(|| BusyReason { id, name: id.to_string() }))
    }

    fn directory_view(&self) -> DirectoryView {
        let mut view = self.directory.view.clone();
        for group in &mut view.groups {
            group.own = self.lists.own_groups.iter().any(|own| own.id == group.id);
        }
        view.fetched = together(&self.directory.agents, &self.directory.groups);
        view
    }

    fn wanted(&self, target: TargetState) -> Wanted {
        match target {
            TargetState::Ready => Wanted::Ready,
            TargetState::Busy(reason) => Wanted::Busy(reason.and_then(|id| self.named_reason(id))),
        }
    }

    fn call_view(&self, call: &Call) -> CallView {
        CallView {
            id: Some(call.journal_id),
            phase: call.phase,
            direction: Some(call.direction),
            call_id: call.call_id.clone(),
            peer: call.peer.clone(),
            queue: call.queue_id.map(|id| SkillGroup { id, name: self.group_name(id) }),
            consult: call.consult.clone(),
            monitored: call.monitored.clone(),
            transferred_by: call.transferred_by.clone(),
            muted: self.media.muted || is_shut(call),
            since: Some(call.since),
            ring_ms: 0,
            talk_ms: 0,
            hold_ms: 0,
            ring: call.ring,
            far_ringing: call.far_ringing,
            hold_uncertain: call.hold_uncertain,
            unheld: call.unheld,
            leg_lost: call.leg_lost.clone(),
            // While the agent holds the call, what the platform does with its legs for that is no news.
            held_by_far_end: self.media.held_by_far_end && call.phase.is_live() && call.phase != CallPhase::Held,
            clocks: call.clocks,
        }
    }
}

impl Snapshot {
    /// The same picture with every clock read at an instant: for `status` and the control socket.
    pub fn as_of(&self, at: Instant) -> Snapshot {
        let left = |end: Option<Instant>| end.map(|end| end.saturating_duration_since(at).as_millis() as u64);
        let mut snapshot = self.clone();
        snapshot.agent.wrap_up_left_ms =
            left(self.agent.wrap_up_ends_at).filter(|_| self.agent.state == AgentState::WrapUp);
        snapshot.link.retry_in_ms = left(self.link.retry_at);
        snapshot.call.ring_ms = self.call.clocks.ring_ms(at);
        snapshot.call.talk_ms = self.call.clocks.talk_ms(at);
        snapshot.call.hold_ms = self.call.clocks.hold_ms(at);
        snapshot
    }
}

/// How fresh agents and skill groups are together: as the agents, if nothing is wrong with the groups.
fn together(agents: &Fetched, groups: &Fetched) -> Fetched {
    match (agents, groups) {
        (Fetched::Failed(why), _) | (_, Fetched::Failed(why)) => Fetched::Failed(why.clone()),
        (Fetched::Never, _) => Fetched::Never,
        (Fetched::UnderWay, _) | (_, Fetched::Never | Fetched::UnderWay) => Fetched::UnderWay,
        (Fetched::At(at), Fetched::At(_)) => Fetched::At(*at),
    }
}

fn media_view(media: &Media) -> MediaView {
    let stats = media.stats.unwrap_or_default();
    MediaView {
        state: media.state,
        codec: media.codec.map(crate::config::Codec::name),
        rtt_ms: stats.rtt_ms,
        jitter_ms: stats.jitter_ms,
        loss_pct: stats.loss_pct,
        mos: media.stats.map(|stats| stats.mos),
        packets_sent: stats.packets_sent,
        packets_received: stats.packets_received,
        packets_lost: stats.packets_lost,
        concealed_pct: stats.concealed_pct,
        buffer_ms: stats.buffer_ms,
        far_loss_pct: stats.far_loss_pct,
        far_jitter_ms: stats.far_jitter_ms,
        xruns: stats.xruns,
        path: stats.path.map(PathKind::name),
        warnings: media.quality.warnings().copied().collect(),
        level_in_dbfs: media.microphone,
        level_out_dbfs: media.far_end,
        device_error: media.device_errors.first().cloned(),
    }
}

/// Whether a call is being ended that has sound: nobody hears anybody in it, before its end is known everywhere.
fn is_shut(call: &Call) -> bool {
    let answered = call.leg.as_ref().is_some_and(|leg| leg.answered);
    call.phase.is_live() && call.hang_up_asked && answered
}
