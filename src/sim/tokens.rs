//! Access tokens: who they belong to and until when they are good.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The type of every token.
const SCHEME: &str = "Bearer";

/// Tokens given out.
#[derive(Default)]
pub struct Tokens {
    /// Token with its scheme -> agent number, expiry in epoch seconds.
    given: HashMap<String, (String, u64)>,
    /// The newest token of an agent.
    newest: HashMap<String, String>,
}

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It belongs to this agent and is good until then (epoch seconds).
    Good { ag_no: String, expires: u64 },
    /// Its time is over.
    Expired,
    /// Nobody gave it out.
    Unknown,
}

impl Tokens {
    /// Gives out a token for an agent, in place of the newest; older ones stay good until they expire.
    pub fn issue(&mut self, ag_no: &str, life: Duration) -> String {
        let token = format!("{SCHEME} demo-{:032x}", rand::random::<u128>());
        let expires = now() + life.as_secs();
        self.given.insert(token.clone(), (ag_no.to_owned(), expires));
        self.newest.insert(ag_no.to_owned(), token.clone());
        token
    }

    /// What a token is worth now.
    pub fn check(&self, token: &str) -> Worth {
        match self.given.get(token) {
            None => Worth::Unknown,
            Some((_, expires)) if *expires <= now() => Worth::Expired,
            Some((ag_no, expires)) => Worth::Good { ag_no: ag_no.clone(), expires: *expires },
        }
    }

    /// The same for a token without its type, as some requests carry it (protocol `cti.md` 2.10).
    pub fn check_bare(&self, token: &str) -> Worth {
        self.check(&format!("{SCHEME} {token}"))
    }

    /// An agent's newest token.
    pub fn newest(&self, ag_no: &str) -> Option<&str> {
        self.newest.get(ag_no).map(String::as_str)
    }

    /// All tokens of an agent (of all agents for `None`) expire this many seconds from now.
    pub fn expire(&mut self, ag_no: Option<&str>, after_s: u64) {
        for (owner, expires) in self.given.values_mut() {
            if ag_no.is_none_or(|a| a == owner) {
                *expires = now() + after_s;
            }
        }
    }
}

/// Epoch seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_agent_until_it_expires() {
        let mut tokens = Tokens::default();
        let token = tokens.issue("8001", Duration::from_secs(60));
        assert!(token.starts_with("Bearer demo-"));
        assert!(matches!(tokens.check(&token), Worth::Good { ag_no, .. } if ag_no == "8001"));
        let bare = token.strip_prefix("Bearer ").unwrap();
        assert!(matches!(tokens.check_bare(bare), Worth::Good { ag_no, .. } if ag_no == "8001"));
        assert_eq!(tokens.check_bare(&token), Worth::Unknown);
        tokens.expire(Some("8002"), 0);
        assert!(matches!(tokens.check(&token), Worth::Good { .. }));
        tokens.expire(Some("8001"), 0);
        assert_eq!(tokens.check(&token), Worth::Expired);
        assert_eq!(tokens.check("Bearer other"), Worth::Unknown);
        let renewed = tokens.issue("8001", Duration::from_secs(60));
        assert!(matches!(tokens.check(&renewed), Worth::Good { .. }));
        assert_eq!(tokens.newest("8001"), Some(renewed.as_str()));
    }
}
