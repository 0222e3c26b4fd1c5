use super::*;

#[tokio::test]
async fn over_tls_only_the_written_authority_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let s = stage_with("", Options { tls: Some(dir.path().into()), ..Options::default() }).await;
    assert!(s.ready.api_server.starts_with("https://127.0.0.1:") && s.ready.ws_server.starts_with("wss://"));
    assert!(s.ready.sip_ws_server.starts_with("wss://"));
    let url = format!("{}/agents", s.ready.admin);
    assert!(s.http.get(&url).send().await.is_err());

    let pem = std::fs::read(s.ready.ca_file.as_ref().unwrap()).unwrap();
    assert!(!String::from_utf8_lossy(&pem).contains("PRIVATE"));
    let ca = reqwest::Certificate::from_pem(&pem).unwrap();
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
    assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
    let by_name = url.replace("127.0.0.1", "localhost");
    assert_eq!(http.get(&by_name).send().await.unwrap().status(), 200);

    let config = s.platform.client_config();
    assert!(config.contains("tls_ca_file"));
    let s = Stage { http, ..s };
    let reply = s.command("8001", "/agent/login", json!({"bindTel": "9001", "loginType": 1, "state": 0})).await;
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let token = s.token("8001").replace(' ', "%20");
    let reg_id = reply["data"]["regId"].as_str().unwrap();
    let url = format!("{}?token={token}&RegID={reg_id}", s.ready.ws_server);
    let connector = Some(tokio_tungstenite::Connector::Rustls(Arc::new(tls)));
    let (socket, _) = tokio_tungstenite::connect_async_tls_with_config(url, None, true, connector).await.unwrap();
    let mut link = LinkClient(socket);
    link.send("Hello Server!").await;
    assert_eq!(link.next().await, json!({"MT": 0}));
    s.platform.stop().await;
}
