//! The plan of the day and the rules about states: what the bar reminds and warns of (protocol `cti.md` 2.10).

use serde_json::{Value, json};

use super::{
    scenario::{WarningEntry, WarningRule},
    world::World,
};

impl World {
    /// `data` of an agent's worktime, epoch seconds; empty before the first sign-in. `id` is the busy reason's, a string
    /// as in the list of reasons, and `reason` its name: it is what the bar puts after "now" and selects in its menu.
    pub fn worktime(&self, ag_no: &str) -> Value {
        let Some(began) = self.days.get(ag_no).and_then(|d| d.began) else {
            return json!({"logoutTime": 0, "list": [], "scheduleList": []});
        };
        let after = |seconds: u64| began.as_second().saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
        let (mut reminders, mut breaks) = (Vec::new(), Vec::new());
        for entry in &self.scenario.schedule {
            let (id, reason) = (entry.reason.to_string(), self.reason_name(entry.reason));
            let start = after(entry.after_s);
            let early = (entry.lead_s > 0).then_some(entry.lead_s.min(entry.after_s));
            for left in early.into_iter().chain([0]) {
                let time = after(entry.after_s - left);
                reminders
                    .push(json!({"id": id, "time": time, "leftTime": left, "reason": reason, "title": entry.title}));
            }
            let end = after(entry.after_s.saturating_add(entry.lasts_s));
            breaks.push(json!({"id": id, "reason": reason, "startTime": start, "endTime": end}));
        }
        let end = self.scenario.shift.map_or(0, |shift| after(shift.ends_after_s));
        json!({"logoutTime": end, "list": reminders, "scheduleList": breaks})
    }

    /// `data` of the warning rules.
    pub fn warning_rules(&self) -> Value {
        let rules: Vec<Value> = self.scenario.warnings.iter().map(warning_rule).collect();
        let team = &self.scenario.team;
        json!({"groupId": team.id, "groupName": team.name, "rules": rules})
    }
}

fn warning_rule(rule: &WarningEntry) -> Value {
    let (kind, range) = match (rule.queues.as_slice(), rule.teams.as_slice()) {
        ([], []) => (0, [].as_slice()),
        (queues @ [_, ..], _) => (1, queues),
        ([], teams) => (2, teams),
    };
    json!({
        "type": if rule.tell_agent { 2 } else { 1 },
        "warningCode": rule.code,
        "warningCodeName": rule.name,
        "warningSettingName": rule.setting,
        "warningRule": match rule.rule { WarningRule::Longer => 1, WarningRule::Shorter => 2 },
        "codeThreshold": rule.threshold_s,
        "warningRangeType": kind,
        "warningRange": range.iter().map(i64::to_string).collect::<Vec<_>>(),
    })
}
