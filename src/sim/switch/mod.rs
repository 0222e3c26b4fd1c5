//! The platform's telephone switch: registrar and caller over SIP/WebSocket, encrypted audio legs, and a mixer that
//! decides who hears whom.
