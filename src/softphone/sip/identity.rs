//! Who we are on the wire, for one run of the program (protocol `softphone.md` 1.3, 2.2).

use uuid::Uuid;

/// What REGISTER, its Contact and Allow carry; the original's own list.
pub(super) const ALLOW_REGISTER: &str = "ACK,CANCEL,INVITE,MESSAGE,BYE,OPTIONS,INFO,NOTIFY,REFER";
/// What we really serve.
pub(super) const ALLOW: &str = "ACK,CANCEL,INVITE,MESSAGE,BYE,OPTIONS,INFO,UPDATE,PRACK";
pub(super) const USER_AGENT: &str = concat!("wincall-tui/", env!("CARGO_PKG_VERSION"));
/// Extensions we know of in messages other than REGISTER.
pub(super) const SUPPORTED: &str = "outbound,timer,100rel";

/// Addresses and names that stay the same while the program runs, across reconnects, so that the registrar sees one
/// phone (RFC 5626) and not many.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// SIP domain.
    pub(super) domain: String,
    /// Random user part of our Contact.
    pub(super) contact_user: String,
    /// A host nobody can reach (RFC 5737): the registrar has to come back over the same WebSocket.
    host: String,
    instance: Uuid,
    /// `WSS` or `WS`.
    transport: &'static str,
}

impl Identity {
    /// A new phone for this domain; `secure` if the server is reached over `wss`.
    pub(super) fn new(domain: &str, secure: bool) -> Self {
        Self {
            domain: domain.to_owned(),
            contact_user: token(8),
            host: format!("192.0.2.{}", rand::random_range(1..=254)),
            instance: Uuid::new_v4(),
            transport: if secure { "WSS" } else { "WS" },
        }
    }

    /// Our Contact in a dialog.
    pub(super) fn contact(&self) -> String {
        format!("<sip:{}@{};transport=ws>", self.contact_user, self.host)
    }

    /// Our Contact in REGISTER; `expires` in seconds.
    pub(super) fn register_contact(&self, expires: u32) -> String {
        format!("{};reg-id=1;+sip.instance=\"<urn:uuid:{}>\";expires={expires}", self.contact(), self.instance)
    }

    /// Whether a `+sip.instance` is this phone's; registrars write it with and without brackets, in any case.
    pub(super) fn is_instance(&self, urn: &str) -> bool {
        urn.trim().trim_matches(['<', '>']).eq_ignore_ascii_case(&format!("urn:uuid:{}", self.instance))
    }

    /// Whether a URI names our host.
    pub(super) fn is_host(&self, uri: &str) -> bool {
        let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        let host = rest.split_once('@').map_or(rest, |(_, host)| host);
        host.split([':', ';', '?']).next() == Some(&self.host)
    }

    /// The Via of a new request.
    pub(super) fn via(&self, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch}", self.transport, self.host)
    }
}

/// Random characters, base 32.
pub(super) fn token(length: usize) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    (0..length).filter_map(|_| DIGITS.get(rand::random_range(0..DIGITS.len()))).map(|b| char::from(*b)).collect()
}

/// A new transaction's branch (RFC 3261 8.1.1.7).
pub(super) fn branch() -> String {
    format!("z9hG4bK{}", token(16))
}
