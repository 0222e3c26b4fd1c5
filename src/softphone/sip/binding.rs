//! Which of the bindings that a registrar lists is ours, how long it lasts, and under which names (RFC 3261 10.2.4 and 10.3, RFC 5626 6).
//!
//! A registrar lists the other phones of the user too, and bindings of ours from before that have not run out. It or an
//! SBC on the way may have rewritten the host (our address as it is seen), the user part, or both, and dropped the
//! parameters.

use std::collections::BTreeSet;

use super::{
    headers::{name_addr, param, user_of},
    identity::Identity,
    message::Response,
};

/// Most names remembered of one answer.
const NAMES: usize = 16;

/// A binding in the answer to REGISTER.
struct Binding<'a> {
    uri: &'a str,
    instance: Option<&'a str>,
    /// Its lifetime, s, if it says one.
    expires: Option<u32>,
}

impl<'a> Binding<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let (uri, params) = name_addr(value)?;
        let expires = param(params, "expires").and_then(|seconds| seconds.parse().ok());
        Some(Self { uri, instance: param(params, "+sip.instance"), expires })
    }
}

/// How surely a binding is ours; the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ours {
    /// Our very address.
    Address,
    /// Another address with our instance.
    Instance,
    /// Our host with another user part.
    Host,
    /// Our user part at another host.
    User,
    /// The only one there is, or one that says nothing against it.
    Perhaps,
}

/// The lifetime of our binding, s: that of the surest one whose lifetime is not 0. Where several are as sure the shortest
/// counts: who refreshes too early loses nothing. `expires=0` says that a binding is being removed, which may be an old
/// one of ours; so it counts only where all that are ours have it. A binding without a lifetime of its own has that of
/// the `Expires` header, and without that header `asked`.
pub(super) fn granted_lifetime(response: &Response, identity: &Identity, asked: u32) -> u32 {
    let without = response.headers.seconds("Expires").unwrap_or(asked);
    let listed = listed(response);
    let best = listed.iter().filter_map(|binding| {
        let (ours, seconds) = (ours(binding, identity, listed.len())?, binding.expires.unwrap_or(without));
        Some((ours == Ours::Perhaps, seconds == 0, ours, seconds))
    });
    best.min().map_or(without, |(.., seconds)| seconds)
}

/// The user parts under which calls may be addressed to us by what the registrar says: those of the bindings that are
/// ours or may be, the rewritten ones too, and of the names it has for our address of record (`P-Associated-URI`,
/// RFC 7315 4.1).
pub(super) fn names(response: &Response, identity: &Identity) -> BTreeSet<String> {
    let listed = listed(response);
    let bound =
        listed.iter().filter(|binding| ours(binding, identity, listed.len()).is_some()).map(|binding| binding.uri);
    let associated = response.headers.values("P-Associated-URI").filter_map(name_addr).map(|(uri, _)| uri);
    bound.chain(associated).map(user_of).filter(|user| !user.is_empty()).take(NAMES).collect()
}

fn listed(response: &Response) -> Vec<Binding<'_>> {
    response.headers.values("Contact").filter_map(Binding::read).collect()
}

/// How surely a binding is ours of so many; none if it is not.
fn ours(binding: &Binding<'_>, identity: &Identity, of: usize) -> Option<Ours> {
    let user = user_of(binding.uri) == identity.contact_user;
    match (binding.instance.map(|urn| identity.is_instance(urn)), identity.is_host(binding.uri), user) {
        (_, true, true) => Some(Ours::Address),
        (Some(true), _, _) => Some(Ours::Instance),
        (_, true, false) => Some(Ours::Host),
        (_, false, true) => Some(Ours::User),
        (None, false, false) => Some(Ours::Perhaps),
        (Some(false), false, false) => (of == 1).then_some(Ours::Perhaps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softphone::sip::message::{Incoming, parse};

    const OTHER: &str = "+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"";

    /// The lifetime taken from these Contacts, of which `USER`, `HOST` and `INSTANCE` are ours, with `Expires: 60`.
    fn lifetime(contacts: &[&str]) -> u32 {
        let identity = Identity::new("sip.example.test", true);
        granted_lifetime(&answer(&identity, contacts, ""), &identity, 600)
    }

    fn answer(identity: &Identity, contacts: &[&str], more: &str) -> Response {
        let own = identity.register_contact(600);
        let (user, rest) = own.trim_start_matches("<sip:").split_once('@').unwrap();
        let host = rest.split_once(';').unwrap().0;
        let instance = own.split(';').find(|part| part.starts_with("+sip.instance")).unwrap();
        let contacts: String = contacts.iter().map(|contact| format!("Contact: {contact}\r\n")).collect();
        let contacts = contacts.replace("USER", user).replace("HOST", host).replace("INSTANCE", instance);
        match parse(format!("SIP/2.0 200 OK\r\n{contacts}{more}Expires: 60\r\n\r\n").as_bytes()) {
            Ok(Incoming::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_names_are_those_of_our_bindings_and_of_our_address() {
        let identity = Identity::new("sip.example.test", true);
        let foreign = format!("<sip:a@1.2.3.4>;{OTHER};expires=5");
        let own = [
            "<sip:USER@HOST;transport=ws>;expires=300",
            "<sip:s-77%2a1@10.0.0.1>;INSTANCE;expires=6",
            "<sip:b7@HOST>",
            "sip:perhaps@10.0.0.3",
            "<sip:10.0.0.1>;INSTANCE",
            &foreign,
        ];
        let more = "P-Associated-URI: <sip:8001@sip.example.test>, <tel:+861012345678>\r\n";
        let found = names(&answer(&identity, &own, more), &identity);
        let user = identity.contact_user.as_str();
        for name in [user, "s-77*1", "b7", "perhaps", "8001", "+861012345678"] {
            assert!(found.contains(name), "{name}: {found:?}");
        }
        assert!(!found.contains("a"), "another phone's: {found:?}");
    }

    #[test]
    fn the_lifetime_is_that_of_the_binding_that_is_surely_ours() {
        let foreign = format!("<sip:a@1.2.3.4>;{OTHER};expires=5");
        for (contacts, seconds) in [
            (vec![], 60),
            (vec!["<sip:USER@HOST;transport=ws>;expires=300"], 300),
            (vec!["<sip:USER@HOST;transport=ws>"], 60),
            // An SBC rewrites the host, the user part, or both.
            (vec!["<sip:USER@10.0.0.1:4711>;expires=6"], 6),
            (vec!["<sip:s-77@HOST>;expires=6"], 6),
            (vec!["<sip:s-77@10.0.0.1>;expires=6"], 6),
            (vec!["<sip:s-77@10.0.0.1>;INSTANCE;expires=\"6\""], 6),
            (vec!["<sip:s-77@10.0.0.1>;reg-id=1;INSTANCE;expires=6", "<sip:USER@10.0.0.2>;expires=3600"], 6),
            // Other phones of the user.
            (vec!["<sip:a@1.2.3.4>;expires=5", "<sip:USER@10.0.0.1>;expires=300"], 300),
            (vec![&foreign, "<sip:s-77@10.0.0.1>;expires=300"], 300),
            (vec![&foreign, &foreign], 60),
            (vec![&foreign], 5),
            (vec!["<sip:a@1.2.3.4>;expires=594", "<sip:s-77@10.0.0.1>;expires=300"], 300),
            // An old one of ours.
            (vec!["<sip:USER@10.0.0.1:1>;expires=0", "<sip:USER@10.0.0.1:2>;expires=6"], 6),
            (vec!["<sip:USER@10.0.0.1:1>;expires=3600", "<sip:USER@10.0.0.1:2>;expires=6"], 6),
            (vec!["<sip:USER@10.0.0.1:1>;INSTANCE;expires=0", "<sip:USER@10.0.0.1:2>;INSTANCE;expires=6"], 6),
            (vec!["<sip:USER@HOST>;expires=0", "<sip:USER@10.0.0.1:2>;expires=6"], 6),
            (vec!["<sip:USER@HOST>;expires=3600", "<sip:USER@10.0.0.1:2>;expires=6"], 3600),
            // Removed, and no other is ours.
            (vec!["<sip:USER@10.0.0.1:1>;expires=0", "<sip:a@1.2.3.4>;expires=6"], 0),
            (vec!["<sip:USER@HOST>;expires=0"], 0),
            (vec!["*", "nonsense", "<sip:USER@HOST>;expires=soon"], 60),
        ] {
            assert_eq!(lifetime(&contacts), seconds, "{contacts:?}");
        }
    }
}
