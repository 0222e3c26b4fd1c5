//! What `ctl wait` waits for.

use std::str::FromStr;

use serde_json::Value;

/// A condition on the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition(usize);

/// A condition's word, the value of the status it is about, and the words of it that hold.
type Rule = (&'static str, &'static str, &'static [&'static str]);

/// The conditions of the command contract.
const RULES: [Rule; 16] = [
    ("signed-in", "/agent/state", &["idle", "busy", "occupied", "wrap_up"]),
    ("idle", "/agent/state", &["idle"]),
    ("busy", "/agent/state", &["busy"]),
    ("wrap-up", "/agent/state", &["wrap_up"]),
    ("ringing", "/call/phase", &["ringing"]),
    ("talking", "/call/phase", &["talking"]),
    ("held", "/call/phase", &["held"]),
    ("consulting", "/call/phase", &["consulting"]),
    ("three-way", "/call/phase", &["three_way"]),
    ("spying", "/call/phase", &["spying"]),
    ("whispering", "/call/phase", &["whispering"]),
    ("barging", "/call/phase", &["barging"]),
    ("no-call", "/call/phase", &["none", "ended"]),
    ("registered", "/sip/state", &["registered"]),
    ("link-up", "/link/state", &["up"]),
    ("link-down", "/link/state", &["down", "connecting", "given_up"]),
];

impl Condition {
    /// Every condition's word.
    pub fn words() -> impl Iterator<Item = &'static str> {
        RULES.iter().map(|(word, _, _)| *word)
    }

    fn rule(self) -> Option<&'static Rule> {
        RULES.get(self.0)
    }

    /// Whether it holds in a `status`.
    pub fn holds(self, status: &Value) -> bool {
        self.rule().is_some_and(|(_, pointer, words)| {
            status.pointer(pointer).and_then(Value::as_str).is_some_and(|state| words.contains(&state))
        })
    }

    /// What the status says instead, to tell after a timeout: its path and its value.
    pub fn found(self, status: &Value) -> (&'static str, String) {
        let Some((_, pointer, _)) = self.rule() else { return ("", String::new()) };
        let found = status.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
        (pointer.trim_start_matches('/'), found.to_owned())
    }
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        RULES
            .iter()
            .position(|(name, _, _)| *name == word)
            .map(Condition)
            .ok_or_else(|| format!("possible: {}", Self::words().collect::<Vec<_>>().join(", ")))
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule().map_or("", |(word, _, _)| word))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_in_the_states_of_the_contract_only() {
        let status = |phase: &str| json!({"agent": {"state": "occupied"}, "call": {"phase": phase}, "link": {"state": "given_up"}});
        let holds = |word: &str, phase: &str| word.parse::<Condition>().unwrap().holds(&status(phase));
        assert!(holds("no-call", "none") && holds("no-call", "ended") && !holds("no-call", "ringing"));
        assert!(holds("talking", "talking") && !holds("talking", "held"));
        assert!(holds("signed-in", "none") && !holds("idle", "none") && !holds("busy", "none"));
        assert!(holds("link-down", "none") && !holds("link-up", "none") && !holds("registered", "none"));
        assert!("no_call".parse::<Condition>().unwrap_err().contains("no-call"));
    }
}
