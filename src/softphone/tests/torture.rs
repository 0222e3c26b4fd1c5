//! The 49 messages of RFC 4475 (`tests/torture`), and the verdict each must get.

use super::*;

/// What is to become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is a call, and rings.
    Rings,
    /// It is answered with this status.
    Answered(u16),
    /// Nothing at all happens.
    Ignored,
}

/// The messages in the order of the table, and what the table says. Those that ring are there twice: as they are, for
/// somebody else, and addressed to this user.
pub(crate) fn messages(user: &str) -> Vec<(String, Vec<u8>, Verdict)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let table = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let name = cells[0].strip_prefix('`')?.strip_suffix('`')?;
        let verdict = match cells[3] {
            "rings" => Verdict::Rings,
            "ignored" => Verdict::Ignored,
            code => Verdict::Answered(code.parse().unwrap_or_else(|_| panic!("{name}: what is {code}?"))),
        };
        Some((name.to_owned(), std::fs::read(folder.join(name)).unwrap(), verdict))
    });
    let rows: Vec<_> = rows.collect();
    let files = std::fs::read_dir(&folder)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "dat"));
    assert_eq!((rows.len(), files.count()), (49, 49), "a verdict for each");
    let addressed = |(name, bytes, verdict): (String, Vec<u8>, Verdict)| match verdict {
        Verdict::Rings => {
            let ours = addressed_to(user, &bytes);
            vec![(format!("{name}, for another"), bytes, Verdict::Answered(404)), (name, ours, verdict)]
        }
        Verdict::Answered(_) | Verdict::Ignored => vec![(name, bytes, verdict)],
    };
    rows.into_iter().flat_map(addressed).collect()
}

/// The message with another user in its request URI, escaped in part; every other byte as it was.
fn addressed_to(user: &str, message: &[u8]) -> Vec<u8> {
    let at = |mark: &[u8]| message.windows(mark.len()).position(|window| window == mark).unwrap();
    let (first, rest) = user.split_at(1);
    let user = format!("%{:02x}{rest}", first.as_bytes()[0]);
    [&message[..at(b"sip:") + 4], user.as_bytes(), &message[at(b"@")..]].concat()
}

#[tokio::test]
async fn the_torture_messages_leave_a_phone_that_registers_and_takes_calls() {
    let mut phone = Phone::new().await;
    let (mut conn, register) = phone.registered().await;
    // The same request twice would get the same answer twice.
    let messages = messages("ss1ss8001").into_iter().filter(|(name, ..)| !name.ends_with("for another"));
    for (number, (name, bytes, verdict)) in messages.enumerate() {
        conn.0.send(Message::binary(bytes)).await.unwrap();
        // What comes before the answer to this is the answer to that.
        let probe = format!("probe{number}");
        conn.send(format!(
            "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/WS y;branch=z9hG4bK{probe}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\n\
             Call-ID: {probe}\r\nCSeq: 1 OPTIONS\r\n\r\n"
        ))
        .await;
        let mut answers = Vec::new();
        loop {
            let text = conn.read().await;
            if text.contains(&format!("Call-ID: {probe}\r\n")) {
                break;
            }
            answers.push(text);
        }
        let codes: Vec<u16> = answers.iter().filter_map(|text| text.get(8..11)?.parse().ok()).collect();
        match verdict {
            Verdict::Rings => {
                assert_eq!(codes, [100, 180], "{name}: {answers:?}");
                let Event::Incoming { call_id, .. } = phone.event().await else { panic!("{name}") };
                phone.softphone.send(Command::HangUp { call_id });
                conn.expect("SIP/2.0 480").await;
                assert!(matches!(phone.event().await, Event::Ended { .. }), "{name}");
            }
            Verdict::Answered(code) => assert_eq!(codes, [code], "{name}: {answers:?}"),
            Verdict::Ignored => assert!(answers.is_empty(), "{name}: {answers:?}"),
        }
    }
    phone.talking(&mut conn, &register).await;
    conn.cut();
    assert!(matches!(phone.event().await, Event::RegistrationFailed { .. }));
    assert_eq!(phone.event().await, Event::Registering);
    Conn::accept(&phone.listener).await.register(300).await;
    assert!(matches!(phone.event().await, Event::Registered { .. }));
}
