//! Sound on this side of the network: devices, files, tones, codecs, jitter buffer, meters.
//!
//! Knows RTP payloads, sequence numbers and timestamps; knows nothing of sockets, SDP or SIP.
