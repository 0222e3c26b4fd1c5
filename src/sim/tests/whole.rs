use super::*;

#[tokio::test]
async fn the_whole_platform_starts_and_stops_with_its_real_switch() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    for tls in [None, Some(dir.path().to_path_buf())] {
        let platform = Platform::start(Options { tls, ..Options::default() }).await.unwrap();
        let ready = platform.ready();
        let line: Value = serde_json::to_value(&ready).unwrap();
        for key in ["ready", "api_server", "ws_server", "jsonp_server", "sip_ws_server", "sip_uri", "admin", "ca_file"]
        {
            assert!(line.get(key).is_some(), "{key}");
        }
        assert_eq!(line["agents"][0]["ag_no"], "8001");
        assert_eq!(line["agents"][0]["agent_phone"], "9001");
        let sip: url::Url = ready.sip_ws_server.parse().unwrap();
        let (host, port) = (sip.host_str().unwrap().to_owned(), sip.port().unwrap());
        let _open = TcpStream::connect((host.as_str(), port)).await.unwrap();
        tokio::time::timeout(SOON, platform.stop()).await.expect("it stops");
        assert!(TcpStream::connect((host.as_str(), port)).await.is_err());
    }
}

#[tokio::test]
async fn it_stops_though_a_client_keeps_its_link() {
    let s = stage().await;
    let _link = s.signed_in("8001").await;
    tokio::time::timeout(SOON, s.platform.stop()).await.expect("it stops");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    for (options, what) in [
        (Options { listen: address, ..Options::default() }, "HTTP"),
        (Options { sip_listen: address, ..Options::default() }, "SIP"),
    ] {
        let error = Platform::start(options).await.err().unwrap().to_string();
        assert!(error.contains(what) && error.contains(&address.to_string()), "{error}");
    }
}
