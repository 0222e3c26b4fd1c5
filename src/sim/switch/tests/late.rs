//! Requests that leave late (fault `delay_sip_ms`).

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::sim::delays::Delays;

const LATE: Duration = Duration::from_millis(200);

fn late(switch: &Switch, order: &serde_json::Value) {
    switch.set_faults(SwitchFaults { late: Delays::from_value(order).unwrap(), ..SwitchFaults::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_bye_leaves_the_phone_listened_to_until_it_knows() {
    let (mut stage, mut client) = Stage::with_client().await;
    late(&stage.switch, &json!({"bye": 1500}));
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    talk.both_heard(&stage.switch).await;
    assert_eq!(stage.switch.legs(), [LegNow { leg: talk.leg, user: USER.to_owned(), over: None }]);
    let begun = Instant::now();
    stage.switch.hang_up(talk.leg, None);
    // For the platform the call is over at once.
    stage.expect(SwitchEvent::Ended { leg: talk.leg }).await;
    until("the phone is still heard", || {
        let said = stage.switch.legs().into_iter().next()?.over?;
        (said.hz.is_some_and(|hz| (hz - 1000.0).abs() < 2.0) && said.packets_in > 0).then_some(())
    })
    .await;
    until("and hears nothing", || talk.sound.hears().is_none().then_some(())).await;
    let bye = client.expect("BYE").await;
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    client.line.send(client.reply(&bye, 200, "OK"));
    until("the phone knows", || stage.switch.legs().is_empty().then_some(())).await;
    assert_eq!(stage.switch.heard(stage.switch.party_of(talk.leg)), Heard::default());
    assert!(stage.events.try_recv().is_err(), "the end is told once");
}

#[tokio::test]
async fn a_phone_that_hangs_up_itself_gets_no_late_bye() {
    let (mut stage, mut client) = Stage::with_client().await;
    late(&stage.switch, &json!({"bye": 200}));
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    stage.switch.hang_up(talk.leg, None);
    stage.expect(SwitchEvent::Ended { leg: talk.leg }).await;
    client.line.send(client.in_dialog(&talk.invite, "BYE", 1));
    assert_eq!(client.line.next().await.code(), Some(200));
    until("the leg is gone", || stage.switch.legs().is_empty().then_some(())).await;
    assert!(client.line.is_quiet(2 * LATE).await);
    assert!(stage.events.try_recv().is_err(), "the end is told once");
}

#[tokio::test]
async fn an_invite_may_overtake_the_bye_of_the_call_before() {
    let (mut stage, mut client) = Stage::with_client().await;
    late(&stage.switch, &json!({"bye": 200}));
    let talk = stage.talking(&mut client, Codec::Pcmu).await;
    stage.switch.hang_up(talk.leg, None);
    stage.expect(SwitchEvent::Ended { leg: talk.leg }).await;
    let next = stage.switch.call(USER, "2", false);
    let invite = client.ring().await;
    stage.expect(SwitchEvent::Ringing { leg: next }).await;
    let bye = client.expect("BYE").await;
    assert_eq!(bye.call_id(), talk.invite.call_id());
    assert_ne!(bye.call_id(), invite.call_id());
}

#[tokio::test]
async fn a_late_invite_is_cancelled_after_it_and_as_late_as_that_is() {
    let (mut stage, mut client) = Stage::with_client().await;
    late(&stage.switch, &json!({"invite": 200, "bye": 200}));
    let begun = Instant::now();
    let leg = stage.switch.call(USER, "1", false);
    stage.switch.hang_up(leg, None);
    stage.expect(SwitchEvent::Failed { leg, status: 487 }).await;
    let invite = client.ring().await;
    assert!(begun.elapsed() >= LATE);
    let rung = Instant::now();
    let cancel = client.expect("CANCEL").await;
    assert!(rung.elapsed() >= LATE - Duration::from_millis(20));
    client.line.send(client.reply(&cancel, 200, "OK"));
    client.line.send(client.reply(&invite, 487, "Request Terminated"));
    client.expect("ACK").await;
}

#[tokio::test]
async fn a_phone_that_answers_before_a_late_cancel_is_hung_up() {
    let (mut stage, mut client) = Stage::with_client().await;
    late(&stage.switch, &json!({"bye": 200}));
    let (leg, invite) = stage.ringing(&mut client).await;
    stage.switch.hang_up(leg, None);
    stage.expect(SwitchEvent::Failed { leg, status: 487 }).await;
    client.line.send(client.reply(&invite, 200, "OK"));
    client.expect("ACK").await;
    client.expect("BYE").await;
}
