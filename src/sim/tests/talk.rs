//! An agent in conversation with a customer, where stories of consulting and transfers begin.

use reqwest::Method;

use super::*;

/// An agent in conversation with a customer who says 440 Hz.
pub struct Talk {
    pub s: Stage,
    pub link: LinkClient,
    pub own: PartyId,
    pub customer: PartyId,
    pub id: String,
}

/// Calls placed so far.
pub fn placed(s: &Stage) -> usize {
    s.switch.asked().iter().filter(|a| matches!(a, Asked::Call { .. })).count()
}

/// The leg of the newest call placed after the first `before`, answered.
pub async fn answer(s: &Stage, before: usize) -> PartyId {
    let (.., leg) = s.switch.call(before).await;
    s.switch.tell(SwitchEvent::Answered { leg });
    PartyId(leg.0)
}

pub async fn talk(scenario: &str) -> Talk {
    let s = stage_with(scenario, Options::default()).await;
    let mut link = s.signed_in("8001").await;
    let body = json!({"to_agent": "8001", "from": "13800138000", "area": "北京", "audio": "tone:440"});
    let id = s.admin(Method::POST, "/calls", body).await["call_id"].as_str().unwrap().to_owned();
    let own = answer(&s, 0).await;
    while link.next().await["PhoSta"] != 6 {}
    let customer = s.switch.party(Voice::Tone(440.0));
    Talk { s, link, own, customer, id }
}

impl Talk {
    pub async fn ok(&self, path: &str, fields: Value) {
        let reply = self.s.command("8001", path, fields).await;
        assert_eq!(reply["code"], 0, "{path}: {reply}");
    }

    pub async fn refused(&self, path: &str, fields: Value) -> i64 {
        let reply = self.s.command("8001", path, fields).await;
        assert!(reply["message"].as_str().is_some_and(|m| !m.is_ascii()), "{reply}");
        reply["code"].as_i64().filter(|c| *c != 0).unwrap_or_else(|| panic!("{path} is not refused"))
    }

    pub async fn phase(&self) -> Value {
        self.s.admin(Method::GET, "/calls", json!({})).await[0]["phase"].clone()
    }

    pub async fn who(&self) -> Vec<String> {
        let calls = self.s.admin(Method::GET, "/calls", json!({})).await;
        let legs = calls[0]["legs"].as_array().unwrap().iter();
        legs.map(|l| l["who"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn nothing_is_left(&self) {
        until("no call is left", async || {
            (self.s.admin(Method::GET, "/calls", json!({})).await == json!([])).then_some(())
        })
        .await;
        nobody_is_left(&self.s).await;
    }

    pub fn music(&self) -> PartyId {
        self.s.switch.party(Voice::Music)
    }

    pub fn both_hear_each_other(&self) {
        let hears = |party| self.s.switch.hears(party);
        assert_eq!((hears(self.own), hears(self.customer)), (vec![self.customer], vec![self.own]));
    }

    /// Consults 8002, who answers; returns its link and party.
    pub async fn consulting(&mut self) -> (LinkClient, PartyId) {
        let mut second = self.s.signed_in("8002").await;
        let before = placed(&self.s);
        self.ok("/agent/consultAg", json!({"consultAgNo": "8002"})).await;
        assert_eq!(self.link.phone().await["PhoSta"], 21);
        let party = answer(&self.s, before).await;
        assert_eq!(self.link.phone().await["PhoSta"], 22);
        while second.next().await["PhoSta"] != 6 {}
        (second, party)
    }
}

/// Waits until every leg and party the switch was ever asked for is gone.
pub async fn nobody_is_left(s: &Stage) {
    until("no leg and no party is left", async || s.switch.live().is_empty().then_some(())).await;
}

pub fn two(a: PartyId, b: PartyId) -> Vec<PartyId> {
    let mut both = vec![a, b];
    both.sort();
    both
}
