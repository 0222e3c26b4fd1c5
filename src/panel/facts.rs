//! What is known of a call when the panel is to be filled.

use serde::Serialize;

use crate::domain::Direction;

/// What is known of a call; unknown is `null` in JSON and nothing in an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallFacts {
    /// The other end's number.
    pub number: Option<String>,
    /// Name of the other agent.
    pub name: Option<String>,
    /// Where the number is registered.
    pub area: Option<String>,
    /// Name of the skill group.
    pub queue: Option<String>,
    /// Its number.
    pub queue_id: Option<i64>,
    /// The platform's name for the call, else the SIP Call-ID.
    pub call_id: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// `Caller`, as the platform names it.
    pub caller: Option<String>,
    /// `Called`, as the platform names it.
    pub called: Option<String>,
    /// The other agent's number.
    pub peer_ag_no: Option<String>,
    /// This agent's number.
    pub ag_no: String,
}

impl CallFacts {
    /// As JSON, one object.
    pub fn to_json(&self) -> String {
        // Strings, numbers and words: nothing here fails to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The value of one of [`crate::config::PANEL_FIELDS`]; nothing if it is not known.
    pub fn value(&self, name: &str) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        match name {
            "number" => text(&self.number),
            "name" => text(&self.name),
            "area" => text(&self.area),
            "queue" => text(&self.queue),
            "queue_id" => self.queue_id.map(|id| id.to_string()).unwrap_or_default(),
            "call_id" => text(&self.call_id),
            "direction" => direction_word(self.direction).to_owned(),
            "caller" => text(&self.caller),
            "called" => text(&self.called),
            "peer_ag_no" => text(&self.peer_ag_no),
            "ag_no" => self.ag_no.clone(),
            _ => String::new(),
        }
    }
}

/// The word of the command contract.
fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Inner => "inner",
        Direction::Consult => "consult",
        Direction::Spy => "spy",
        Direction::Auto => "auto",
    }
}

#[cfg(test)]
pub(super) fn example() -> CallFacts {
    CallFacts {
        number: Some("13800138000".into()),
        name: Some("王".into()),
        area: Some("北京".into()),
        queue: Some("售后".into()),
        queue_id: Some(2),
        call_id: Some("8f3a".into()),
        direction: Direction::In,
        caller: Some("013800138000".into()),
        called: Some("4008".into()),
        peer_ag_no: Some("8002".into()),
        ag_no: "8001".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PANEL_FIELDS;

    #[test]
    fn arguments_and_json_say_the_same() {
        let facts = example();
        let json: serde_json::Value = serde_json::from_str(&facts.to_json()).unwrap();
        let object = json.as_object().unwrap();
        assert_eq!(object.len(), PANEL_FIELDS.len());
        for name in PANEL_FIELDS {
            let value = facts.value(name);
            assert!(!value.is_empty(), "{name}");
            let in_json = object.get(*name).unwrap_or_else(|| panic!("{name} is not in {json}"));
            assert_eq!(in_json.as_str().map_or_else(|| in_json.to_string(), str::to_owned), value);
        }
        assert_eq!(facts.value("other"), "");
    }
}
