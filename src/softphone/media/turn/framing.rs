//! STUN messages and ChannelData, as datagrams and on a stream (RFC 8656 12.4 and 12.5, RFC 8489 6.2.2). Both carry their
//! length; only ChannelData differs: on a stream it is padded to a multiple of four bytes, which its length leaves out.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// Header of a STUN message (RFC 8489 5).
const STUN_HEADER: usize = 20;

/// Header of ChannelData (RFC 8656 12.4).
const CHANNEL_HEADER: usize = 4;

/// Tells one request from another (RFC 8489 5).
pub type TransactionId = [u8; 12];

/// What a message that goes to the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request, which an answer is waited for.
    Request {
        /// The same in each copy of it.
        id: TransactionId,
        /// Allocate, the first of all.
        allocate: bool,
    },
    /// Sound and what belongs to it, ChannelData or an indication: too late is as good as never.
    Media,
}

/// What came over a stream is neither STUN nor ChannelData: where the next message begins is not known any more.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the server does not keep to TURN over a stream (a message begins with {0:#06x})")]
pub struct Unframed(u16);

/// The whole length of a message as it says itself, without padding; as long as its beginning is not there, none.
fn length(beginning: &[u8]) -> Result<Option<usize>, Unframed> {
    let [kind @ .., a, b] = beginning.first_chunk::<CHANNEL_HEADER>().map_or(&[][..], |header| header) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([*a, *b]));
    let kind = kind.first_chunk().copied().map(u16::from_be_bytes).unwrap_or_default();
    match kind {
        0x0000..=0x3fff if length.is_multiple_of(4) => Ok(Some(STUN_HEADER + length)),
        0x4000..=0x4fff => Ok(Some(CHANNEL_HEADER + length)),
        _ => Err(Unframed(kind)),
    }
}

/// What a datagram is, and how it goes over a stream; none if it is nothing for a TURN server.
pub fn framed(datagram: &[u8]) -> Option<(Kind, Bytes)> {
    let whole = datagram.get(..length(datagram).ok()??)?;
    let mut message = BytesMut::with_capacity(whole.len().next_multiple_of(4));
    message.extend_from_slice(whole);
    message.resize(whole.len().next_multiple_of(4), 0);
    Some((kind(whole), message.freeze()))
}

fn kind(message: &[u8]) -> Kind {
    let kind = message.first_chunk().copied().map(u16::from_be_bytes).unwrap_or_default();
    let id = message.get(8..STUN_HEADER).and_then(|id| id.first_chunk().copied());
    match id {
        // Neither ChannelData nor, by its class, an indication (RFC 8489 5).
        Some(id) if kind < 0x4000 && kind & 0x0110 == 0 => Kind::Request { id, allocate: kind == 0x0003 },
        Some(_) | None => Kind::Media,
    }
}

/// Takes the next message off what a stream has brought, as it would be as a datagram; none while it is not complete.
/// `stream` never has to hold more than one message and what came with its end, some 64 KiB.
///
/// # Errors
/// [`Unframed`]
pub fn take(stream: &mut BytesMut) -> Result<Option<Bytes>, Unframed> {
    let Some(length) = length(stream)? else { return Ok(None) };
    let padded = length.next_multiple_of(4);
    if stream.len() < padded {
        return Ok(None);
    }
    let message = stream.split_to(length).freeze();
    stream.advance(padded - length);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A STUN message with `length` bytes of attributes.
    fn stun(kind: u16, length: u16) -> Vec<u8> {
        let mut message = [kind.to_be_bytes(), length.to_be_bytes()].concat();
        message.extend_from_slice(b"\x21\x12\xa4\x42twelve bytes");
        message.extend((0..length).map(|n| n as u8));
        message
    }

    fn channel(length: u16) -> Vec<u8> {
        let mut message = [0x4001_u16.to_be_bytes(), length.to_be_bytes()].concat();
        message.extend((0..length).map(|n| n as u8));
        message
    }

    #[test]
    fn messages_come_out_as_they_went_in_however_the_stream_is_cut() {
        let messages = [channel(0), stun(0x0103, 8), channel(1), channel(2), channel(3), channel(160), stun(0x0017, 0)];
        let mut stream = Vec::new();
        for message in &messages {
            let (_, framed) = framed(message).unwrap();
            assert!(framed.len().is_multiple_of(4) && framed.starts_with(message), "{message:?}");
            stream.extend_from_slice(&framed);
        }
        for piece in 1..=stream.len() {
            let (mut buffer, mut taken) = (BytesMut::new(), Vec::new());
            for bytes in stream.chunks(piece) {
                buffer.extend_from_slice(bytes);
                while let Some(message) = take(&mut buffer).unwrap() {
                    taken.push(message.to_vec());
                }
            }
            assert_eq!(taken, messages, "in pieces of {piece}");
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn a_datagram_may_be_padded_already_and_must_be_whole() {
        let mut padded = channel(5);
        padded.extend_from_slice(&[7; 3]);
        let (kind, message) = framed(&padded).unwrap();
        assert_eq!((kind, message.len(), &message[9..]), (Kind::Media, 12, &[0; 3][..]));
        for useless in [&b""[..], b"\x00", b"\x40\x00\x00", &channel(5)[..8], &stun(1, 8)[..27], &[0x80; 40]] {
            assert_eq!(framed(useless), None, "{useless:?}");
        }
    }

    #[test]
    fn requests_are_told_from_media() {
        let id = *b"twelve bytes";
        assert_eq!(framed(&stun(0x0003, 0)).unwrap().0, Kind::Request { id, allocate: true });
        for request in [0x0004, 0x0008, 0x0009] {
            assert_eq!(framed(&stun(request, 4)).unwrap().0, Kind::Request { id, allocate: false }, "{request:#x}");
        }
        for media in [stun(0x0016, 4), channel(172)] {
            assert_eq!(framed(&media).unwrap().0, Kind::Media);
        }
    }

    #[test]
    fn what_is_no_turn_ends_the_stream_and_hostile_lengths_are_only_waited_for() {
        // RTP, another server's greeting, a reserved channel, a length that no STUN message has.
        for hostile in
            [&b"\x80\x08\x00\x00"[..], b"SSH-", b"\x50\x00\x00\x00", b"\xff\xff\xff\xff", b"\x01\x01\x00\x03"]
        {
            assert!(take(&mut BytesMut::from(hostile)).is_err(), "{hostile:?}");
        }
        for longest in [&b"\x01\x01\xff\xfc"[..], b"\x4f\xff\xff\xff"] {
            let mut stream = BytesMut::from(longest);
            assert_eq!(take(&mut stream), Ok(None));
            stream.resize(70_000, 0);
            assert!(take(&mut stream).unwrap().unwrap().len() <= 20 + 0xffff);
        }
    }
}
