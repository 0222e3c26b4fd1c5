//! Reasons in the program's language: the system and the libraries give them in English.

use super::locale::{Locale, text};

/// Catalogue keys of the reasons that are known. Their English text is what is looked for.
const KNOWN: [&str; 108] = [
    "reason.refused",
    "reason.reset",
    "reason.closed_silently",
    "reason.no_answer_within",
    "reason.no_answer",
    "reason.no_route_host",
    "reason.no_route_network",
    "reason.name_unknown",
    "reason.name_not_now",
    "reason.name_without_address",
    "reason.no_address",
    "reason.no_tls",
    "reason.no_websocket",
    "reason.http_status",
    "reason.unknown_issuer",
    "reason.expired",
    "reason.not_valid_yet",
    "reason.other_name",
    "reason.self_signed",
    "reason.no_certificate",
    "reason.cut",
    "reason.server_ended",
    "reason.server_closed",
    "reason.no_keep_alive",
    "reason.server_not_reading",
    "reason.sip_lost",
    "reason.no_ack",
    "reason.ack_without_answer",
    "reason.offer_not_acceptable",
    "reason.media_failed",
    "reason.sound_not_ready",
    "reason.silence",
    "reason.far_end_gone",
    "reason.far_end_failed",
    "reason.no_path",
    "reason.no_encryption",
    "reason.no_such_file",
    "reason.no_permission_grant",
    "reason.no_permission",
    "reason.device_in_use",
    "reason.device_busy",
    "reason.device_gone",
    "reason.host_gone",
    "reason.device_config",
    "reason.device_stopped",
    "reason.system_has_none",
    "reason.sound_down",
    "reason.no_such_device",
    "reason.refused_by_system",
    "reason.default_device",
    "reason.message_too_long",
    "reason.bad_text",
    "reason.no_subprotocol",
    "reason.no_websocket_answer",
    "reason.websocket_protocol",
    "reason.no_prack",
    "reason.session_timer",
    "reason.call_unknown",
    "reason.no_lifetime",
    "reason.offer_no_audio",
    "reason.offer_audio_off",
    "reason.offer_not_rtp",
    "reason.offer_sdes",
    "reason.offer_no_ice",
    "reason.offer_no_fingerprint",
    "reason.offer_odd_fingerprint",
    "reason.offer_no_codec",
    "reason.not_permitted",
    "reason.io",
    "reason.no_such_address",
    "reason.not_program",
    "reason.again",
    "reason.no_memory",
    "reason.file_exists",
    "reason.not_directory",
    "reason.is_directory",
    "reason.invalid",
    "reason.files_all",
    "reason.files_own",
    "reason.text_busy",
    "reason.file_large",
    "reason.no_space",
    "reason.read_only",
    "reason.broken_pipe",
    "reason.name_long",
    "reason.links",
    "reason.address_in_use",
    "reason.address_not_here",
    "reason.network_down",
    "reason.network_unreachable",
    "reason.network_dropped",
    "reason.connection_aborted",
    "reason.reset_by_peer",
    "reason.not_connected",
    "reason.connection_timed_out",
    "reason.timed_out",
    "reason.no_route",
    "reason.quota",
    "reason.stale",
    "reason.not_utf8",
    "reason.path_long",
    "reason.os_error",
    "reason.proxy_certificate",
    "reason.proxy",
    "reason.proxy_login",
    "reason.proxy_no_way",
    "reason.exit_status",
    "reason.signal",
];

/// What a reason says in a language: what is known of it put into other words, the rest (numbers, names) as it is.
pub(super) fn in_words(reason: &str, locale: Locale) -> String {
    if locale == Locale::En || !reason.is_ascii() {
        return reason.to_owned();
    }
    let mut said = reason.to_owned();
    let mut known: Vec<(String, &'static str)> = KNOWN.map(|key| (text(Locale::En, key), key)).to_vec();
    known.retain(|(text, _)| reason.contains(text));
    // The longer ones first: one may hold another.
    known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    for (english, key) in known {
        said = said.replace(&english, &text(locale, key));
    }
    // The full stop is the sentence's, not the reason's.
    said.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    #[test]
    fn known_reasons_are_said_in_chinese_and_the_rest_stays() {
        let said = |reason: &str| Message::new("app.sip_failed").with("reason", reason).render(Locale::ZhCn);
        assert_eq!(said("connection refused"), "软电话未注册：连接被拒绝");
        assert_eq!(said("no answer within 10000 ms"), "软电话未注册：无应答，已等待 10000 ms");
        assert_eq!(said("the server closed it (code 1001)"), "软电话未注册：服务器关闭了连接 (code 1001)");
        assert_eq!(said("the other side no longer has this call (481)"), "软电话未注册：对方已没有这个通话 (481)");
        assert_eq!(said("it sent a message that is too long"), "软电话未注册：对方发来的消息过长");
        assert_eq!(said("Q-17 whatever"), "软电话未注册：Q-17 whatever");
        assert_eq!(said("密码错误 connection reset"), "软电话未注册：密码错误 connection reset");
        let english = Message::new("app.sip_failed").with("reason", "no answer").render(Locale::En);
        assert!(english.ends_with("no answer"), "{english}");
    }

    #[test]
    fn every_known_reason_is_found_whole() {
        for key in KNOWN {
            let known = text(Locale::En, key);
            assert_ne!(known, key, "the catalogue has it");
            assert_eq!(in_words(&known, Locale::ZhCn), super::text(Locale::ZhCn, key), "{key}");
        }
    }

    #[test]
    fn what_the_system_says_of_files_and_networks_is_said_in_chinese() {
        use rustix::io::Errno;
        for errno in [
            Errno::PERM,
            Errno::NOENT,
            Errno::IO,
            Errno::NXIO,
            Errno::NOEXEC,
            Errno::AGAIN,
            Errno::NOMEM,
            Errno::ACCESS,
            Errno::BUSY,
            Errno::EXIST,
            Errno::NODEV,
            Errno::NOTDIR,
            Errno::ISDIR,
            Errno::INVAL,
            Errno::NFILE,
            Errno::MFILE,
            Errno::TXTBSY,
            Errno::FBIG,
            Errno::NOSPC,
            Errno::ROFS,
            Errno::PIPE,
            Errno::NAMETOOLONG,
            Errno::LOOP,
            Errno::ADDRINUSE,
            Errno::ADDRNOTAVAIL,
            Errno::NETDOWN,
            Errno::NETUNREACH,
            Errno::NETRESET,
            Errno::CONNABORTED,
            Errno::CONNRESET,
            Errno::NOTCONN,
            Errno::TIMEDOUT,
            Errno::CONNREFUSED,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::DQUOT,
            Errno::STALE,
        ] {
            let error = std::io::Error::from(errno);
            let said = in_words(&error.to_string(), Locale::ZhCn);
            assert!(!said.contains(|c: char| c.is_ascii_alphabetic()), "{error}: {said}");
        }
        let timed_out = std::io::Error::from(std::io::ErrorKind::TimedOut).to_string();
        assert_eq!(in_words(&timed_out, Locale::ZhCn), "超时");
    }
}
