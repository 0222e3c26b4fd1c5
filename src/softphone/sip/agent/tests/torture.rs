//! Messages that hurt: those of RFC 4475, and made ones in the spirit of the PROTOS suite (c07-sip): every element of good
//! messages in turn too long, empty, negative, huge, repeated, missing, or in a wrong encoding.

use super::*;
use crate::softphone::tests::torture::{Verdict, messages};

#[test]
fn every_torture_message_gets_its_verdict() {
    let mut wrong = Vec::new();
    for (name, bytes, verdict) in messages("ss1234ss8001") {
        let mut bench = Bench::registered();
        bench.agent.frame(&bytes, bench.now);
        bench.collect();
        let codes: Vec<u16> = bench.sent.iter().filter_map(|text| text.get(8..11)?.parse().ok()).collect();
        let found = match (bench.events.first(), codes.as_slice()) {
            (Some(Event::Incoming { .. }), [100, 180]) => Some(Verdict::Rings),
            (None, [code]) => Some(Verdict::Answered(*code)),
            (None, []) if bench.sent.is_empty() => Some(Verdict::Ignored),
            _ => None,
        };
        if found != Some(verdict) {
            wrong.push(format!("{name}: {verdict:?} expected: {:?} {:?}", bench.starts(), bench.events));
        }
        still_serves(&mut bench, &name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whatever came before, a good call is taken.
fn still_serves(bench: &mut Bench, about: &str) {
    bench.done(Ok(Some("v=0\r\n".into())));
    bench.hang_up();
    bench.wait(Duration::from_secs(70));
    for _ in 0..3 {
        if bench.agent.link == Link::Up {
            break;
        }
        bench.wait(Duration::from_secs(40));
        if bench.agent.link == Link::Opening {
            bench.up();
        }
    }
    bench.forget();
    bench.frame(&invite("fresh", ""));
    assert!(bench.starts().contains(&"SIP/2.0 180 Ringing"), "{about}: {:?}", bench.starts());
}

/// xorshift64*: the same cases in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % below
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.roll(from.len())]
    }
}

/// Something that does not belong there.
fn anomaly(dice: &mut Dice) -> Vec<u8> {
    let long = [1, 17, 128, 255, 256, 257, 1024, 4096, 20_000][dice.roll(9)];
    match dice.roll(12) {
        0 => Vec::new(),
        1 => b"a".repeat(long),
        2 => dice
            .pick(&["%s", "%n%n%n", "../../", "\"", "<", ">", "<<>>", ";", ";;,,;", "=", ":", "@", "\\", "\\\""])
            .repeat(long.min(300))
            .into_bytes(),
        3 => dice
            .pick(&["-1", "-2147483648", "0", "00000000000000", "1e9", "0x7f", "+1", " 1", "1 1"])
            .as_bytes()
            .to_vec(),
        4 => dice
            .pick(&[
                "2147483647",
                "2147483648",
                "4294967295",
                "4294967296",
                "18446744073709551615",
                "18446744073709551616",
                "99999999999999999999999999",
            ])
            .as_bytes()
            .to_vec(),
        5 => vec![0; long],
        6 => [&[0xff, 0xfe][..], &[0xc0, 0x80], &[0xed, 0xa0, 0x80], &[0xf8, 0x88, 0x80, 0x80], &[0x1b, 0x5b]]
            [dice.roll(5)]
        .repeat(long.min(64)),
        7 => dice.pick(&["中文", "\u{202e}", "\u{feff}", "ﬃ", "💥", "İ"]).repeat(long.min(64)).into_bytes(),
        8 => dice
            .pick(&["\r", "\n", "\r\n", "\r\n ", "\t", " ", "\r\n\r\n", "\r\n\t\r\n"])
            .repeat(long.min(40))
            .into_bytes(),
        9 => dice.pick(&["%00", "%", "%2", "%zz", "%c0%80", "%25%25"]).repeat(long.min(64)).into_bytes(),
        10 => dice
            .pick(&["sip:", "sips:@", "<sip:[::1", "tel:1", "<>", "*", "\"x\" <sip:a@b", "sip:a@b?x=y", "SIP/2.0"])
            .as_bytes()
            .to_vec(),
        _ => (0..long.min(200)).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect(),
    }
}

/// Breaks one or a few elements of a good message.
fn broken(good: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = good.as_bytes().to_vec();
    for _ in 0..=dice.roll(3) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.split("\r\n").collect();
        let at = dice.roll(lines.len());
        let line = lines[at];
        let mut changed: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        match dice.roll(8) {
            0 => {
                changed.remove(at);
            }
            1 => {
                let times = [1, 2, 10, 300][dice.roll(4)];
                (0..times).for_each(|_| changed.insert(at, line.as_bytes().to_vec()));
            }
            // A word of the line.
            2..=4 => {
                let cuts: Vec<usize> =
                    line.char_indices().filter(|(_, c)| " ;:,=<>@\"/".contains(*c)).map(|(index, _)| index).collect();
                if !cuts.is_empty() {
                    let from = cuts[dice.roll(cuts.len())] + 1;
                    let to = cuts.iter().copied().find(|cut| *cut > from).unwrap_or(line.len()).max(from);
                    changed[at] = [&line.as_bytes()[..from], &anomaly(dice)[..], &line.as_bytes()[to..]].concat();
                }
            }
            // The whole value.
            5 => {
                let from = line.find(": ").map_or(0, |colon| colon + 2);
                changed[at] = [&line.as_bytes()[..from], &anomaly(dice)[..]].concat();
            }
            // The name.
            6 => {
                let from = line.find(": ").unwrap_or(0);
                changed[at] = [&anomaly(dice)[..], &line.as_bytes()[from..]].concat();
            }
            _ => changed.insert(at, [&b"X-Odd: "[..], &anomaly(dice)[..]].concat()),
        }
        bytes = changed.join(&b"\r\n"[..]);
    }
    bytes
}

#[test]
fn ten_thousand_broken_messages_do_no_harm() {
    const CASES: usize = 10_000;
    let mut dice = Dice(0x5151_2026);
    let sdp = "Content-Type: application/sdp\r\n";
    let rich = "Call-Info: <sip:x>;answer-after=0\r\nExpires: 30\r\nRequire: 100rel\r\nSupported: timer, 100rel\r\n\
                Session-Expires: 1800;refresher=uas\r\nMin-SE: 90\r\nAllow: INVITE, UPDATE\r\n";
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256, stale=true\r\n\
                     Proxy-Authenticate: Digest realm=\"p\", nonce=\"m\", opaque=\"o\"\r\n";
    let parts = "--x\r\nContent-Type: application/sdp\r\nContent-Disposition: session;handling=required\r\n\r\nv=0\r\n--x--\r\n";
    for case in 0..CASES {
        let talking = dice.roll(2) == 0;
        let mut bench = if talking { Bench::talking() } else { Bench::registered() };
        let (kind, good) = match dice.roll(if talking { 12 } else { 5 }) {
            0 => ("INVITE", invite("c2", rich)),
            1 => ("multipart", invite_with("c2", "Content-Type: multipart/mixed; boundary=\"x\"\r\n", parts)),
            2 => ("OPTIONS", invite("c2", "").replace("INVITE", "OPTIONS")),
            number @ (3 | 4) => {
                bench.wait(Duration::from_secs(597));
                let via = line(bench.last("REGISTER"), "Via").to_owned();
                let (status, headers) = if number == 3 {
                    ("401 Unauthorized", challenge.to_owned())
                } else {
                    let contact = line(bench.last("REGISTER"), "Contact").to_owned();
                    let more = "Expires: 600\r\nFlow-Timer: 30\r\nAuthentication-Info: nextnonce=\"x\"\r\nService-Route: <sip:p;lr>\r\n";
                    ("200 OK", format!("Contact: <sip:other@1.2.3.4>;expires=5, {contact}\r\n{more}"))
                };
                ("response", format!("SIP/2.0 {status}\r\nVia: {via}\r\nCSeq: 1 REGISTER\r\n{headers}\r\n"))
            }
            5 => ("re-INVITE", bench.in_dialog("INVITE", 11, &format!("Contact: <sip:a@b>\r\n{rich}{sdp}"), OFFER)),
            6 => ("UPDATE", bench.in_dialog("UPDATE", 11, &format!("Contact: <sip:a@b>\r\n{rich}{sdp}"), OFFER)),
            7 => ("PRACK", bench.in_dialog("PRACK", 11, "RAck: 1 10 INVITE\r\n", "")),
            8 => ("BYE", bench.in_dialog("BYE", 11, "Reason: Q.850;cause=16;text=\"x\"\r\n", "")),
            9 => ("INFO", bench.in_dialog("INFO", 11, "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\n")),
            number => {
                bench.reoffer();
                bench.done(Ok(Some("v=0\r\n".into())));
                let request = bench.last("INVITE").to_owned();
                let echo: String = ["Via", "To", "From", "Call-ID", "CSeq"]
                    .iter()
                    .map(|name| format!("{name}: {}\r\n", line(&request, name)))
                    .collect();
                let status = if number == 10 { "200 OK" } else { "407 Auth" };
                (
                    "answer",
                    format!(
                        "SIP/2.0 {status}\r\n{echo}Contact: <sip:a@b>\r\nSession-Expires: 90\r\n{challenge}{sdp}\r\nv=0\r\n"
                    ),
                )
            }
        };
        let bytes = broken(&good, &mut dice);
        bench.agent.frame(&bytes, bench.now);
        bench.collect();
        // Nothing of it becomes a header of its own in what we say.
        for text in &bench.sent {
            let head = text.split("\r\n\r\n").next().unwrap();
            assert!(
                !head.chars().any(|c| c.is_control() && c != '\r' && c != '\n' && c != '\t'),
                "case {case}: {head:?}"
            );
            assert!(head.lines().all(|line| !line.contains('\r')), "case {case}: {head:?}");
        }
        still_serves(&mut bench, &format!("case {case}, {kind}: {:?}", String::from_utf8_lossy(&bytes)));
    }
}
