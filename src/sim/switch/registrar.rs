//! Who is registered where: REGISTER answered with a digest challenge, one binding per account, bound to the
//! WebSocket it came over (RFC 3261 10, RFC 7118).

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::digest::{Challenger, Verdict};
use super::sip::{Message, param_of, random_token, uri_of, user_of};
use super::types::SocketId;

/// The longest lifetime granted unless set otherwise, in seconds; also what a client gets that asks for none.
pub(super) const DEFAULT_EXPIRES: u32 = 600;

/// Where an account can be reached.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    /// The Contact URI, to be called as it stands; its host means nothing.
    pub contact: String,
    /// The newest WebSocket of that client. It may be gone; the binding stays until it expires.
    pub socket: SocketId,
    expires: Instant,
}

/// What a REGISTER changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The account is reachable, until then at the latest. `new` when it was not, or over another socket.
    Bound { user: String, new: bool, expires: Instant },
    /// The client has signed its account off.
    Unbound { user: String },
}

/// Accounts and their bindings.
#[derive(Debug)]
pub(super) struct Registrar {
    realm: String,
    passwords: HashMap<String, String>,
    bindings: HashMap<String, Binding>,
    challenger: Challenger,
    /// The longest lifetime granted, in seconds.
    pub max_expires: u32,
}

impl Registrar {
    /// No accounts yet; `realm` is named in challenges.
    pub fn new(realm: &str) -> Registrar {
        Registrar {
            realm: realm.to_owned(),
            passwords: HashMap::new(),
            bindings: HashMap::new(),
            challenger: Challenger::default(),
            max_expires: DEFAULT_EXPIRES,
        }
    }

    /// Adds an account or changes its password. A binding made with the old password stays.
    pub fn set_account(&mut self, user: &str, password: &str) {
        self.passwords.insert(user.to_owned(), password.to_owned());
    }

    /// Whether there is such an account.
    pub fn knows(&self, user: &str) -> bool {
        self.passwords.contains_key(user)
    }

    /// The account's binding, if it has not expired.
    pub fn binding(&self, user: &str) -> Option<&Binding> {
        self.bindings.get(user).filter(|binding| binding.expires > Instant::now())
    }

    /// Forgets the account's binding if its time is over; true if it did.
    pub fn expire(&mut self, user: &str) -> bool {
        let over = self.bindings.get(user).is_some_and(|binding| binding.expires <= Instant::now());
        over && self.bindings.remove(user).is_some()
    }

    /// Answers a REGISTER that came over `socket`.
    pub fn register(&mut self, request: &Message, socket: SocketId) -> (Message, Option<Change>) {
        let user = user_of(uri_of(request.header("To").unwrap_or_default())).to_owned();
        let authorization = request.header("Authorization").unwrap_or_default();
        let verdict = match self.passwords.get(&user) {
            Some(password) => self.challenger.judge(authorization, "REGISTER", &user, password),
            // An unknown account is asked for a password like any other: names are not given away.
            None => Verdict::Wrong,
        };
        if verdict != Verdict::Right {
            let challenge = self.challenger.challenge(&self.realm, verdict == Verdict::Stale);
            let reply = Message::response(request, 401, "Unauthorized", &random_token());
            return (reply.with("WWW-Authenticate", &challenge), None);
        }
        let reply = Message::response(request, 200, "OK", &random_token());
        let Some(contact) = request.values("Contact").first().copied() else {
            // A question only: the binding is listed (RFC 3261 10.3 step 8).
            return (self.list(reply, &user), None);
        };
        let asked = param_of(contact, "expires").or(request.header("Expires")).and_then(|value| value.parse().ok());
        let granted = asked.unwrap_or(DEFAULT_EXPIRES).min(self.max_expires);
        let change =
            if granted == 0 { self.unbind(&user, contact) } else { Some(self.bind(&user, contact, granted, socket)) };
        (self.list(reply, &user), change)
    }

    fn bind(&mut self, user: &str, contact: &str, granted: u32, socket: SocketId) -> Change {
        let expires = Instant::now() + Duration::from_secs(granted.into());
        let binding = Binding { contact: uri_of(contact).to_owned(), socket, expires };
        let new = self.binding(user).is_none_or(|old| old.socket != socket);
        self.bindings.insert(user.to_owned(), binding);
        Change::Bound { user: user.to_owned(), new, expires }
    }

    /// An older client that leaves late must not take a newer one's binding with it.
    fn unbind(&mut self, user: &str, contact: &str) -> Option<Change> {
        let own = contact == "*" || self.bindings.get(user)?.contact == uri_of(contact);
        (own && self.bindings.remove(user).is_some()).then(|| Change::Unbound { user: user.to_owned() })
    }

    fn list(&self, reply: Message, user: &str) -> Message {
        match self.binding(user) {
            Some(binding) => {
                // Rounded up: a client that asked for 600 s is told 600, not 599.
                let left = (binding.expires - Instant::now()).as_secs_f64().ceil();
                reply.with("Contact", &format!("<{}>;expires={left}", binding.contact))
            }
            None => reply,
        }
    }
}
