//! A bad TCP path: what goes through it is late, trickles, vanishes, or is cut.

#![allow(dead_code)]

use std::{
    collections::VecDeque,
    fs, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    runtime::Runtime,
    sync::{broadcast, watch},
    time,
};

use super::Platform;

/// What happens to the bytes of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// They are this late, in order.
    Delay(Duration),
    /// They come one by one, with this between them.
    Trickle(Duration),
    /// They vanish, and the connection stands: the other end has lost its power, or a firewall has forgotten.
    Vanish,
    /// They are not taken any more, and the connection stands: the other end hangs.
    Stall,
}

/// Which way.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    ToServer,
    ToClient,
    Both,
}

/// How connections end.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// With FIN.
    Cut,
    /// With RST.
    Reset,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Faults {
    to_server: Fault,
    to_client: Fault,
    /// New connections are ended with RST at once.
    refuse: bool,
}

/// A port of its own before a server's.
pub struct Proxy {
    pub address: SocketAddr,
    faults: watch::Sender<Faults>,
    ends: broadcast::Sender<End>,
    pushes: broadcast::Sender<Vec<u8>>,
    taken: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Proxy {
    pub fn before(server: SocketAddr) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (faults, faults_now) = watch::channel(Faults::default());
        let (ends, _) = broadcast::channel(16);
        let (pushes, _) = broadcast::channel(1 << 17);
        let (taken, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("its address");
        let (for_new, pushes_for_new) = (ends.clone(), pushes.clone());
        let (count, now_open) = (Arc::clone(&taken), Arc::clone(&open));
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let faults = faults_now.clone();
                if faults.borrow().refuse {
                    client.set_zero_linger().ok();
                    continue;
                }
                let (ends, pushes, open) = (for_new.subscribe(), pushes_for_new.subscribe(), Arc::clone(&now_open));
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    open.fetch_add(1, Ordering::Relaxed);
                    serve(client, server, faults, ends, pushes).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, faults, ends, pushes, taken, open, _runtime: runtime }
    }

    /// Puts itself before the server that `key` of the client config names.
    pub fn in_config(platform: &Platform, key: &str) -> Self {
        let text = fs::read_to_string(&platform.config).expect("the client config");
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = "))).expect("the key").to_owned();
        let url: url::Url =
            line.split_once(" = ").map(|(_, url)| url.trim_matches('"')).expect("a value").parse().expect("a URL");
        let port = url.port().expect("a port");
        let proxy = Self::before(SocketAddr::from(([127, 0, 0, 1], port)));
        let through = line.replace(&format!(":{port}"), &format!(":{}", proxy.address.port()));
        fs::write(&platform.config, text.replace(&line, &through)).expect("the client config");
        proxy
    }

    /// From now on.
    pub fn set(&self, way: Way, fault: Fault) {
        self.faults.send_modify(|faults| {
            if matches!(way, Way::ToServer | Way::Both) {
                faults.to_server = fault;
            }
            if matches!(way, Way::ToClient | Way::Both) {
                faults.to_client = fault;
            }
        });
    }

    /// Says a WebSocket text message to the client as if the server had; only between two of the server's own.
    pub fn push(&self, text: &str) {
        let mut frame = vec![0x81];
        match u8::try_from(text.len()) {
            Ok(length) if length < 126 => frame.push(length),
            _ => {
                frame.push(126);
                frame.extend(u16::try_from(text.len()).expect("a message of usual length").to_be_bytes());
            }
        }
        frame.extend(text.as_bytes());
        self.pushes.send(frame).ok();
    }

    /// Whether new connections are refused.
    pub fn refuse(&self, refuse: bool) {
        self.faults.send_modify(|faults| faults.refuse = refuse);
    }

    /// Ends every connection that is open now.
    pub fn end(&self, how: End) {
        self.ends.send(how).ok();
    }

    /// Connections taken so far, refused ones too.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

async fn serve(
    mut client: TcpStream,
    mut server: TcpStream,
    faults: watch::Receiver<Faults>,
    mut ends: broadcast::Receiver<End>,
    pushes: broadcast::Receiver<Vec<u8>>,
) {
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let end = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            end = ends.recv() => end.unwrap_or(End::Cut),
            _ = pump(from_client, to_server, faults.clone(), None, |faults| faults.to_server) => End::Cut,
            _ = pump(from_server, to_client, faults, Some(pushes), |faults| faults.to_client) => End::Cut,
        }
    };
    if matches!(end, End::Reset) {
        client.set_zero_linger().ok();
        server.set_zero_linger().ok();
    }
}

/// Carries one way until its source ends. Bytes that vanish are read and thrown away, so that nobody notices.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut faults: watch::Receiver<Faults>,
    mut pushes: Option<broadcast::Receiver<Vec<u8>>>,
    way: impl Fn(&Faults) -> Fault,
) -> io::Result<()> {
    let mut waiting: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut buffer = vec![0; 16_384];
    loop {
        let fault = way(&faults.borrow_and_update());
        let due = waiting.front().map(|(due, _)| *due);
        tokio::select! {
            read = from.read(&mut buffer), if fault != Fault::Stall && waiting.len() < 1024 => {
                let bytes = &buffer[..read?];
                if bytes.is_empty() {
                    for (due, bytes) in waiting {
                        time::sleep_until(due.into()).await;
                        to.write_all(&bytes).await?;
                    }
                    return Ok(());
                }
                let now = Instant::now();
                match fault {
                    Fault::None => waiting.push_back((now, bytes.to_vec())),
                    Fault::Delay(by) => waiting.push_back((now + by, bytes.to_vec())),
                    Fault::Trickle(between) => {
                        let mut due = waiting.back().map_or(now, |(last, _)| now.max(*last));
                        for byte in bytes {
                            due += between;
                            waiting.push_back((due, vec![*byte]));
                        }
                    }
                    Fault::Vanish | Fault::Stall => {}
                }
            }
            () = time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                if let Some((_, bytes)) = waiting.pop_front() {
                    to.write_all(&bytes).await?;
                }
            }
            Some(frame) = next_of(&mut pushes) => waiting.push_back((Instant::now(), frame)),
            changed = faults.changed() => if changed.is_err() {
                return Ok(());
            },
        }
    }
}

/// The next message to be pushed; never, where there is none to come.
async fn next_of(pushes: &mut Option<broadcast::Receiver<Vec<u8>>>) -> Option<Vec<u8>> {
    match pushes {
        Some(pushes) => pushes.recv().await.ok(),
        None => std::future::pending().await,
    }
}
