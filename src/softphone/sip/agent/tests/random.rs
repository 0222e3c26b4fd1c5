//! Random lives and damaged messages.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    Invite(u8),
    Late(u8),
    Cancel(u8),
    Ack,
    Bye,
    Reinvite(u32),
    Answer,
    HangUp,
    Release,
    Media(bool),
    Down,
    Up,
    Grant,
    Wait(u16),
    Unregister,
    Register,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u8..3).prop_map(Step::Invite),
        1 => (0u8..3).prop_map(Step::Late),
        1 => (0u8..3).prop_map(Step::Cancel),
        3 => Just(Step::Ack),
        2 => Just(Step::Bye),
        1 => (11u32..20).prop_map(Step::Reinvite),
        3 => Just(Step::Answer),
        2 => Just(Step::HangUp),
        1 => Just(Step::Release),
        4 => any::<bool>().prop_map(Step::Media),
        1 => Just(Step::Down),
        2 => Just(Step::Up),
        2 => Just(Step::Grant),
        2 => (0u16..40_000).prop_map(Step::Wait),
        1 => Just(Step::Unregister),
        2 => Just(Step::Register),
    ]
}

impl Bench {
    fn live(&mut self, step: Step) {
        let name = |n: u8| format!("c{n}");
        let dialog =
            self.sent.iter().any(|t| t.starts_with("SIP/2.0 ") && t.contains(" INVITE\r\n") && t.contains(";tag="));
        match step {
            Step::Invite(n) => self.frame(&invite(&name(n), "")),
            Step::Late(n) => self.frame(&invite_with(&name(n), "", "")),
            Step::Cancel(n) => self.frame(&invite_with(&name(n), "", "").replace("INVITE", "CANCEL")),
            Step::Ack | Step::Bye | Step::Reinvite(_) if !dialog => {}
            Step::Ack => {
                let text =
                    self.in_dialog("ACK", 10, "", "").replace("Call-ID: c1", &format!("Call-ID: {}", self.last_call()));
                self.frame(&text);
            }
            Step::Bye => {
                let text =
                    self.in_dialog("BYE", 30, "", "").replace("Call-ID: c1", &format!("Call-ID: {}", self.last_call()));
                self.frame(&text);
            }
            Step::Reinvite(cseq) => {
                let sdp = "Content-Type: application/sdp\r\nContact: <sip:a@b>\r\n";
                let text = self
                    .in_dialog("INVITE", cseq, sdp, OFFER)
                    .replace("Call-ID: c1", &format!("Call-ID: {}", self.last_call()));
                self.frame(&text);
            }
            Step::Answer => self.answer(),
            Step::HangUp => self.hang_up(),
            Step::Release => {
                let ids: Vec<String> = self.agent.calls.iter().map(|call| call.call_id.clone()).collect();
                ids.iter().for_each(|id| self.agent.release(id, self.now));
            }
            Step::Media(true) => self.done(Ok(Some("v=0\r\n".into()))),
            Step::Media(false) => self.done(Err(MediaError::Failed("no".into()))),
            Step::Down if matches!(self.agent.link, Link::Up | Link::Opening) => self.down(),
            Step::Up if self.agent.link == Link::Opening => self.up(),
            Step::Down | Step::Up => {}
            Step::Grant if self.sent.iter().any(|t| t.starts_with("REGISTER")) => self.grant(),
            Step::Grant => {}
            Step::Wait(ms) => self.wait(Duration::from_millis(ms.into())),
            Step::Unregister => self.agent.unregister(self.now),
            Step::Register => self.agent.register(account(), self.now),
        }
        self.collect();
    }

    fn last_call(&self) -> String {
        self.sent
            .iter()
            .rev()
            .find(|t| t.starts_with("SIP/2.0 180") || t.starts_with("SIP/2.0 200"))
            .and_then(|t| t.lines().find_map(|l| l.strip_prefix("Call-ID: ")))
            .unwrap_or("c1")
            .to_owned()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens in whatever order: every call that came ends exactly once, its sound is closed, there are
    /// never more than four, and nothing stays behind.
    #[test]
    fn every_call_ends_once(steps in prop::collection::vec(step(), 1..60)) {
        let mut bench = Bench::registered();
        for step in steps {
            bench.live(step);
        }
        bench.hang_up();
        bench.agent.unregister(bench.now);
        bench.collect();
        bench.wait(Duration::from_secs(120));
        prop_assert!(bench.agent.quiet());
        prop_assert_eq!(bench.agent.deadline(), None);
        let mut ringing: HashSet<&str> = HashSet::new();
        let mut calls: HashMap<&str, i32> = HashMap::new();
        for event in &bench.events {
            match event {
                Event::Incoming { call_id, .. } => {
                    prop_assert!(ringing.len() < 4, "five calls at once");
                    ringing.insert(call_id);
                    *calls.entry(call_id).or_default() += 1;
                }
                Event::Answered { call_id } => prop_assert!(ringing.contains(call_id.as_str())),
                Event::Ended { call_id, .. } => prop_assert!(ringing.remove(call_id.as_str()), "ended twice"),
                Event::Registering
                | Event::Registered { .. }
                | Event::Refreshed { .. }
                | Event::RoundTrip(_)
                | Event::RegistrationFailed { .. }
                | Event::Unregistered
                | Event::TurnedAway { .. }
                | Event::Media(_)
                | Event::Muted(_) => {}
            }
        }
        prop_assert!(ringing.is_empty(), "never ended: {:?}", ringing);
        for (call_id, times) in calls {
            let closed = bench.jobs.iter().filter(|j| j.call_id == call_id && j.task == Task::Close).count();
            prop_assert_eq!(closed, usize::try_from(times).unwrap());
        }
    }

    /// An INVITE damaged at random never hurts, and the next good one is still served.
    #[test]
    fn damaged_invites_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bench = Bench::registered();
        let mut bytes = invite("c1", "Call-Info: <sip:x>;answer-after=0\r\nExpires: 30\r\nRequire: 100rel\r\n").into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                2 => bytes.insert(at, byte),
                _ => { let part = bytes[at..(at + 20).min(bytes.len())].to_vec(); bytes.extend(part); }
            }
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        bench.agent.frame(&bytes, bench.now);
        bench.collect();
        bench.done(Ok(Some("v=0\r\n".into())));
        bench.hang_up();
        bench.wait(Duration::from_secs(70));
        bench.forget();
        bench.frame(&invite("fresh", ""));
        prop_assert!(bench.starts().contains(&"SIP/2.0 180 Ringing"));
    }

    /// Any bytes at all are read or refused.
    #[test]
    fn junk_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[ -~\r\n\t]{0,400}") {
        let mut bench = Bench::registered();
        bench.agent.frame(&bytes, bench.now);
        bench.agent.frame(text.as_bytes(), bench.now);
    }
}
