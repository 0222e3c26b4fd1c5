//! Predictive projects (protocol `phone-bar.md` 8.1): entered, left, remembered, and their calls counted.
//!
//! Entering reads the list anew, leaves whatever the platform still holds the agent in, and enters. What is shown as
//! joined is only what the platform has agreed to.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Turn, answer,
    duties::{being_asked, count_of, rows_of, shown},
    refusal, refused, text_of, unreachable,
};
use crate::{
    app::{
        Action, Command, CommandId, Effect, Fetched, ProjectRow, Refusal, RefusalKind, RequestId,
        state::{Asked, Project, ProjectStage, ProjectStep, ProjectWhy, Purpose},
    },
    cti::{
        api::{ApiError, Reply, Request},
        codes::ReplyCode,
    },
    domain::RingKind,
    i18n::Message,
};

/// Reading, leaving and entering, 4 s each at most.
const DEADLINE: Duration = Duration::from_secs(13);
/// `pro_state` of a project that cannot be entered.
const DISABLED: &str = "0";

impl Turn<'_> {
    pub(super) fn project_command(&mut self, id: CommandId, command: Command) {
        if let Command::JoinProject { id: project } = command {
            self.wait(Action::JoinProject, id, DEADLINE);
            self.project_step(ProjectStage::Reading, Some(project), ProjectWhy::Asked);
        } else {
            self.wait(Action::LeaveProject, id, super::commands::DEADLINE);
            self.project_step(ProjectStage::Leaving, None, ProjectWhy::Asked);
        }
    }

    /// Signed in: which projects there are, and back into the one from before.
    pub(super) fn load_projects(&mut self) {
        if self.state.profile.auto_call {
            self.refresh_projects();
        }
    }

    /// Asks for the list of projects.
    pub(super) fn refresh_projects(&mut self) {
        being_asked(&mut self.state.duties.projects.fetched);
        self.ask_duty(Asked::Projects, Request::Projects);
    }

    pub(super) fn projects_reply(&mut self, result: Result<Reply, ApiError>) {
        self.take_projects(result);
        let projects = &self.state.duties.projects;
        if !self.state.duties.running || projects.joined.is_some() || projects.step.is_some() {
            return;
        }
        let Some(before) = self.state.remembered.project.clone() else { return };
        if !matches!(projects.fetched, Fetched::At(_)) {
            return;
        }
        match self.project(&before) {
            Some(project) if project.row.enabled && !project.is_used_up() => {
                self.project_step(ProjectStage::Entering, Some(before), ProjectWhy::Remembered);
            }
            Some(_) | None => {
                self.remember_project(None);
                self.warn(Message::new("duty.project_gone").with("project", super::clean(&before)));
            }
        }
    }

    fn take_projects(&mut self, result: Result<Reply, ApiError>) {
        let at = self.now.at;
        let projects = &mut self.state.duties.projects;
        match rows_of(result) {
            Ok(rows) => {
                projects.rows = rows.iter().filter_map(project).collect();
                projects.fetched = Fetched::At(at);
            }
            Err(why) => projects.fetched = Fetched::Failed(why),
        }
    }

    fn project(&self, id: &str) -> Option<&Project> {
        self.state.duties.projects.rows.iter().find(|project| project.row.id == id)
    }

    fn project_name(&self, id: &str) -> String {
        self.project(id).map_or_else(|| super::clean(id), |project| project.row.name.clone())
    }

    fn project_step(&mut self, stage: ProjectStage, to: Option<String>, why: ProjectWhy) {
        let request = match (stage, &to) {
            (ProjectStage::Entering, Some(id)) => Request::JoinProject { pro_id: id.clone() },
            (ProjectStage::Reading, _) => Request::Projects,
            (ProjectStage::Leaving | ProjectStage::Entering, _) => Request::LeaveProject,
        };
        self.request(Purpose::Duty(Asked::ProjectStep), request);
        let request = RequestId(self.state.pending.next_request);
        self.state.duties.projects.step = Some(ProjectStep { stage, to, why, request });
    }

    pub(super) fn project_step_reply(&mut self, id: RequestId, result: Result<Reply, ApiError>) {
        let Some(step) = self.state.duties.projects.step.take_if(|step| step.request == id) else {
            return tracing::debug!("an answer about a project that nobody waits for");
        };
        match step.stage {
            ProjectStage::Reading => match &result {
                Ok(reply) if reply.is_ok() => {
                    self.take_projects(result);
                    self.may_enter(step);
                }
                Ok(reply) => self.project_failed(&step, refused(reply)),
                Err(error) => self.project_failed(&step, unreachable(error)),
            },
            ProjectStage::Leaving => match result {
                Ok(reply) if reply.is_ok() || reply.has(ReplyCode::InNoProject) => self.left(step, reply),
                Ok(reply) => self.project_failed(&step, refused(&reply)),
                Err(error) => self.project_failed(&step, unreachable(&error)),
            },
            ProjectStage::Entering => match result {
                Ok(reply) if reply.is_ok() => self.entered(&step, reply),
                // The platform may still hold the agent in it, or in another one: out and in again.
                Ok(_) if step.why == ProjectWhy::Remembered => {
                    self.project_step(ProjectStage::Leaving, step.to, ProjectWhy::Asked);
                }
                Ok(reply) => self.not_entered(&step, refused(&reply)),
                Err(error) => self.not_entered(&step, unreachable(&error)),
            },
        }
    }

    /// The list is fresh: whether the project wanted can be entered is known before another one is left.
    fn may_enter(&mut self, step: ProjectStep) {
        let Some(wanted) = step.to.clone() else { return };
        let Some(project) = self.project(&wanted).cloned() else {
            let message = Message::new("duty.project_unknown").with("project", super::clean(&wanted));
            return self.project_failed(&step, refusal(RefusalKind::Invalid, message));
        };
        if !project.row.enabled {
            let message = Message::new("duty.project_disabled").with("project", &project.row.name);
            return self.project_failed(&step, refusal(RefusalKind::NotNow, message));
        }
        if project.is_used_up() {
            self.publish_limit(&project);
            return self.project_failed(&step, refusal(RefusalKind::NotNow, limit_message(&project)));
        }
        self.project_step(ProjectStage::Leaving, step.to, step.why);
    }

    fn left(&mut self, step: ProjectStep, reply: Reply) {
        self.state.duties.projects.joined = None;
        if step.to.is_some() {
            return self.project_step(ProjectStage::Entering, step.to, step.why);
        }
        self.remember_project(None);
        if step.why == ProjectWhy::Asked {
            self.info(Message::new("duty.project_left"));
        }
        self.resolve_pending(Action::LeaveProject, Ok(answer(reply)));
    }

    fn entered(&mut self, step: &ProjectStep, reply: Reply) {
        let projects = &mut self.state.duties.projects;
        projects.joined.clone_from(&step.to);
        projects.limit_told = None;
        self.remember_project(step.to.clone());
        if let Some(id) = &step.to {
            let name = self.project_name(id);
            self.info(Message::new("duty.project_joined").with("project", name));
        }
        self.resolve_pending(Action::JoinProject, Ok(answer(reply)));
    }

    /// The other project has been left already.
    fn not_entered(&mut self, step: &ProjectStep, why: Refusal) {
        if why.kind == RefusalKind::Platform {
            self.remember_project(None);
        }
        self.project_failed(step, why);
    }

    fn project_failed(&mut self, step: &ProjectStep, why: Refusal) {
        let said = why.message.render(self.state.profile.locale);
        let told = match &step.to {
            Some(id) => {
                Message::new("duty.project_not_joined").with("project", self.project_name(id)).with("why", said)
            }
            None => Message::new("duty.project_not_left").with("why", said),
        };
        self.error(told);
        let action = if step.to.is_some() { Action::JoinProject } else { Action::LeaveProject };
        self.resolve_pending(action, Err(why));
    }

    fn remember_project(&mut self, id: Option<String>) {
        if self.state.remembered.project != id {
            self.state.remembered.project = id;
            self.effects.push(Effect::Remember(self.state.remembered.clone()));
        }
    }

    /// The agent signs out on purpose: the next shift begins in no project.
    pub(super) fn forget_project(&mut self) {
        self.remember_project(None);
    }

    /// Counts a predictive call when it is answered, by whom or what ever.
    pub(super) fn count_predictive_call(&mut self) {
        if !self.state.profile.auto_call {
            return;
        }
        let answered = self.state.live_call().filter(|call| call.ring == Some(RingKind::AutoCall));
        let Some(at) = answered.and_then(|call| call.clocks.answered_at) else { return };
        let projects = &mut self.state.duties.projects;
        if projects.counted == Some(at) {
            return;
        }
        projects.counted = Some(at);
        let Some(joined) = projects.joined.clone() else { return };
        let Some(project) = projects.rows.iter_mut().find(|project| project.row.id == joined) else { return };
        project.row.answered = project.row.answered.saturating_add(1);
        if project.is_used_up() {
            let project = project.clone();
            self.publish_limit(&project);
            self.limit_reached(&project);
        }
    }

    /// MT 4 "13": the platform counts too. Its message has been published as it came.
    pub(super) fn limit_reached_on_platform(&mut self) {
        let joined = self.state.duties.projects.joined.clone();
        match joined.and_then(|id| self.project(&id).cloned()) {
            Some(project) => self.limit_reached(&project),
            None => self.warn(Message::new("app.auto_call_limit")),
        }
    }

    /// Told once for each time the project was entered; and out of it, if that is configured.
    fn limit_reached(&mut self, project: &Project) {
        let id = Some(project.row.id.clone());
        if self.state.duties.projects.limit_told == id {
            return;
        }
        self.state.duties.projects.limit_told = id;
        self.error(limit_message(project));
        if self.state.profile.auto_call_overrun_out && self.state.duties.projects.step.is_none() {
            self.project_step(ProjectStage::Leaving, None, ProjectWhy::Limit);
        }
    }

    fn publish_limit(&mut self, project: &Project) {
        let mut data = project.fields.clone();
        let session = &self.state.session;
        let known = [
            ("agent_connected_current", json!(project.row.answered)),
            ("agNo", json!(self.state.profile.ag_no)),
            ("agentPhone", json!(session.phone)),
            ("vccCode", json!(session.vcc_code)),
            ("vccId", json!(session.vcc_id)),
        ];
        data.extend(known.map(|(name, value)| (name.to_owned(), value)));
        self.publish("agentAutoCallOverrun", &["agent"], "", Value::Object(data));
    }
}

fn limit_message(project: &Project) -> Message {
    let limit = project.row.limit.unwrap_or_default();
    Message::new("duty.project_limit").with("project", &project.row.name).with("limit", limit)
}

fn project(row: &Value) -> Option<Project> {
    let id = text_of(row.get("pro_id"))?;
    let name = Some(shown(row, "pro_name")).filter(|name| !name.is_empty()).unwrap_or_else(|| super::clean(&id));
    let count = |field| u32::try_from(count_of(row, field)).unwrap_or(u32::MAX);
    let row_shown = ProjectRow {
        name,
        enabled: text_of(row.get("pro_state")).as_deref() != Some(DISABLED),
        limit: Some(count("agent_connected_limit")).filter(|limit| *limit > 0),
        answered: count("agent_connected_current"),
        id,
    };
    Some(Project { row: row_shown, fields: row.as_object().cloned().unwrap_or_default() })
}
