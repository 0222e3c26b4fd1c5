//! Two agents, a supervisor and a customer on the real switch: who hears whom in every phase, told apart by the tone each
//! of them says, as the phones themselves hear it.

use reqwest::Method;

use super::*;
use crate::sim::switch::tests::phone::Phone;

/// What each of them says.
const CUSTOMER: f32 = 440.0;
const FIRST: f32 = 700.0;
const SECOND: f32 = 1100.0;
const CHIEF: f32 = 1700.0;
const TONES: [f32; 4] = [CUSTOMER, FIRST, SECOND, CHIEF];

struct Floor {
    stage: Stage,
    first: Phone,
    second: Phone,
    chief: Phone,
}

async fn phone(stage: &Stage, ag_no: &str, phone: &str, hz: f32) -> Phone {
    let info = stage.command(ag_no, "/agent/rtcInfo", json!({"phoNum": phone})).await;
    let password = info["data"]["phopass"].as_str().unwrap();
    let url: url::Url = stage.ready.sip_ws_server.parse().unwrap();
    let address = SocketAddr::new(url.host_str().unwrap().parse().unwrap(), url.port().unwrap());
    Phone::start(address, &format!("ss77ss{phone}"), password, hz).await
}

impl Floor {
    async fn ok(&self, ag_no: &str, path: &str, fields: Value) {
        let reply = self.stage.command(ag_no, path, fields).await;
        assert_eq!(reply["code"], 0, "{path}: {reply}");
    }

    async fn call(&self) -> Value {
        self.stage.admin(Method::GET, "/calls", json!({})).await[0].clone()
    }

    async fn phase(&self, phase: &str) {
        until(phase, async || (self.call().await["phase"] == phase).then_some(())).await;
    }

    /// Waits until this phone hears exactly these tones.
    async fn hears(&self, when: &str, who: &str, tones: &[f32]) {
        let phone = match who {
            "first" => &self.first,
            "second" => &self.second,
            _ => &self.chief,
        };
        let mut last = None;
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            last = phone.levels(&TONES).await.or(last);
            let right = |(level, tone): (&f32, &f32)| {
                if tones.contains(tone) { (-15.0..-9.0).contains(level) } else { *level < -45.0 }
            };
            if last.as_ref().is_some_and(|levels| levels.iter().zip(&TONES).all(right)) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{when}: {who} does not hear {tones:?} but {last:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the customer hears one of these tones best, at this level in all (each tone has -12 dBFS).
    async fn customer_hears(&self, when: &str, tones: &[f32], dbfs: f32) {
        until(when, async || {
            let call = self.call().await;
            let leg = call["legs"].as_array()?.iter().find(|l| l["who"] == "customer:13800138000")?.clone();
            let hz = leg["heard_hz"].as_f64()? as f32;
            let level = leg["heard_dbfs"].as_f64()? as f32;
            (tones.iter().any(|tone| (hz - tone).abs() < 5.0) && (level - dbfs).abs() < 1.2).then_some(())
        })
        .await;
    }

    /// Waits until the customer hears the hold music: one of its notes, well below a voice.
    async fn customer_hears_music(&self, when: &str) {
        const NOTES: [f32; 6] = [392.0, 523.3, 587.3, 659.3, 784.0, 880.0];
        until(when, async || {
            let call = self.call().await;
            let leg = call["legs"].as_array()?.iter().find(|l| l["who"] == "customer:13800138000")?.clone();
            let (hz, level) = (leg["heard_hz"].as_f64()? as f32, leg["heard_dbfs"].as_f64()?);
            (NOTES.iter().any(|note| (hz - note).abs() < 5.0) && (-32.0..-20.0).contains(&level)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_hears_whom_they_should() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("s.toml");
    std::fs::write(&scenario, "wrap_up_s = 0\nsip_domain = \"switch.test\"").unwrap();
    let options = Options { scenario: Some(scenario), ..Options::default() };
    let platform = Platform::start(options).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (events, _) = mpsc::unbounded_channel();
    let stage = Stage { ready: platform.ready(), platform, switch: FakeSwitch::new(events), http };
    let first = phone(&stage, "8001", "9001", FIRST).await;
    let second = phone(&stage, "8002", "9002", SECOND).await;
    let chief = phone(&stage, "8003", "9003", CHIEF).await;
    let mut link = stage.signed_in("8001").await;
    let _links = (stage.signed_in("8002").await, stage.signed_in("8003").await);
    let f = Floor { stage, first, second, chief };

    let body = json!({"to_agent": "8001", "from": "13800138000", "audio": "tone:440"});
    f.stage.admin(Method::POST, "/calls", body).await;
    f.phase("talking").await;
    f.hears("talking", "first", &[CUSTOMER]).await;
    f.customer_hears("talking", &[FIRST], -12.0).await;

    f.ok("8001", "/agent/hold", json!({})).await;
    f.hears("held", "first", &[]).await;
    f.customer_hears_music("held").await;
    f.ok("8001", "/agent/unhold", json!({})).await;
    f.customer_hears("resumed", &[FIRST], -12.0).await;

    f.ok("8001", "/agent/consultAg", json!({"consultAgNo": "8002"})).await;
    f.phase("consulting").await;
    f.hears("consulting", "first", &[SECOND]).await;
    f.hears("consulting", "second", &[FIRST]).await;
    f.customer_hears_music("consulting").await;

    f.ok("8001", "/agent/consultThreeway", json!({})).await;
    f.hears("three", "first", &[CUSTOMER, SECOND]).await;
    f.hears("three", "second", &[CUSTOMER, FIRST]).await;
    f.customer_hears("three", &[FIRST, SECOND], -9.0).await;

    f.ok("8001", "/agent/consultThreewayReturn", json!({})).await;
    f.hears("returned", "first", &[CUSTOMER]).await;
    f.customer_hears("returned", &[FIRST], -12.0).await;

    f.ok("8003", "/manager/spy", json!({"monitoredAgNo": "8001"})).await;
    f.hears("listening", "chief", &[CUSTOMER, FIRST]).await;
    f.hears("listened to", "first", &[CUSTOMER]).await;
    f.customer_hears("listened to", &[FIRST], -12.0).await;

    f.ok("8003", "/manager/whisper", json!({"monitoredAgNo": "8001"})).await;
    f.hears("whispered to", "first", &[CUSTOMER, CHIEF]).await;
    f.hears("whispering", "chief", &[CUSTOMER, FIRST]).await;
    f.customer_hears("whispered to", &[FIRST], -12.0).await;
    f.ok("8003", "/manager/whisperCancel", json!({})).await;
    f.hears("no more whispering", "first", &[CUSTOMER]).await;

    f.ok("8003", "/manager/barge", json!({"monitoredAgNo": "8001"})).await;
    f.hears("barged in on", "first", &[CUSTOMER, CHIEF]).await;
    f.hears("barging in", "chief", &[CUSTOMER, FIRST]).await;
    f.customer_hears("barged in on", &[FIRST, CHIEF], -9.0).await;

    f.ok("8003", "/manager/disconnect", json!({"monitoredAgNo": "8001"})).await;
    while link.next().await["PhoSta"] != 36 {}
    assert_eq!(link.phone().await["PhoSta"], 0);
    assert_eq!(f.stage.admin(Method::GET, "/calls", json!({})).await, json!([]));
    until("the phones are free", async || {
        (f.first.levels(&TONES).await.is_none() && f.chief.levels(&TONES).await.is_none()).then_some(())
    })
    .await;

    // Blind to the second agent, who then has the customer alone.
    let body = json!({"to_agent": "8001", "from": "13800138000", "audio": "tone:440"});
    f.stage.admin(Method::POST, "/calls", body).await;
    f.phase("talking").await;
    f.ok("8001", "/agent/transferAg", json!({"transferAgNo": "8002"})).await;
    f.hears("transferred", "second", &[CUSTOMER]).await;
    f.customer_hears("transferred", &[SECOND], -12.0).await;
    tokio::time::timeout(SOON, f.stage.platform.stop()).await.expect("it stops in the middle of a call");
}
