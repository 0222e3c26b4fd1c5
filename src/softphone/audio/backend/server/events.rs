//! What a PulseAudio server says about its devices and about where it plays our streams: a connection that only listens
//! (PulseAudio native protocol, `SUBSCRIBE`).

use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd},
};

use pulseaudio::protocol::{
    Command, CommandReply, GetSinkInfo, GetSourceInfo, Prop, Props, ProtocolError, SinkInfo, SinkInputInfoList,
    SourceInfo, SourceOutputInfoList, SubscriptionEvent, SubscriptionEventFacility, SubscriptionEventType,
    SubscriptionMask, read_ack_message,
};

use super::{Connection, devices::name_for_people};
use crate::softphone::audio::backend::{direction::DeviceDirection, system::server_id};

/// A device that a stream of ours goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamDevice {
    /// Microphone or speaker.
    pub direction: DeviceDirection,
    /// As in [`DeviceInfo::id`](crate::softphone::audio::DeviceInfo::id).
    pub id: String,
    /// For people.
    pub name: String,
}

/// What has changed since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Devices, or which is the default.
    pub devices: bool,
    /// A device has come or gone.
    pub plugged: bool,
    /// Where streams go.
    pub streams: bool,
}

/// The connection.
pub struct ServerEvents {
    connection: Connection,
    unread: Changes,
}

impl ServerEvents {
    /// Connects and asks for news.
    ///
    /// # Errors
    /// When there is no server, or it refuses.
    pub fn connect() -> Result<Self, ProtocolError> {
        let mut connection = Connection::open()?;
        let news = SubscriptionMask::SINK
            | SubscriptionMask::SOURCE
            | SubscriptionMask::SERVER
            | SubscriptionMask::SINK_INPUT
            | SubscriptionMask::SOURCE_OUTPUT;
        connection.send(&Command::Subscribe(news))?;
        read_ack_message(&mut connection.socket)?;
        Ok(Self { connection, unread: Changes::default() })
    }

    /// Reads what has arrived. Call it when the socket is readable, or when [`buffered`](Self::buffered) says so.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn read(&mut self) -> Result<Changes, ProtocolError> {
        // What came between a question and its answer has been read already.
        if self.unread == Changes::default() || !self.connection.socket.buffer().is_empty() {
            loop {
                let message = self.connection.message()?;
                self.unread.note(&message, self.connection.version);
                if self.connection.socket.buffer().is_empty() {
                    break;
                }
            }
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Whether something waits that does not make the socket readable any more.
    pub fn buffered(&self) -> bool {
        !self.connection.socket.buffer().is_empty() || self.unread != Changes::default()
    }

    /// Where the streams of this process go now.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn streams(&mut self) -> Result<Vec<StreamDevice>, ProtocolError> {
        let pid = std::process::id().to_string();
        let ours = |props: &Props| {
            let of = props.get(Prop::ApplicationProcessId).unwrap_or_default();
            of.strip_suffix(b"\0").unwrap_or(of) == pid.as_bytes()
        };
        let inputs: SinkInputInfoList = self.ask(&Command::GetSinkInputInfoList)?;
        let outputs: SourceOutputInfoList = self.ask(&Command::GetSourceOutputInfoList)?;
        let mut streams = Vec::new();
        for input in inputs.iter().filter(|input| ours(&input.props)) {
            let index = Some(input.sink_index);
            let sink: Option<SinkInfo> = self.if_there(&Command::GetSinkInfo(GetSinkInfo { index, name: None }))?;
            streams.extend(sink.map(|sink| stream(DeviceDirection::Output, &sink.name, sink.description.as_deref())));
        }
        for output in outputs.iter().filter(|output| ours(&output.props)) {
            let index = Some(output.source_index);
            let source: Option<SourceInfo> =
                self.if_there(&Command::GetSourceInfo(GetSourceInfo { index, name: None }))?;
            streams.extend(source.map(|from| stream(DeviceDirection::Input, &from.name, from.description.as_deref())));
        }
        Ok(streams)
    }

    /// Nothing where the device has gone meanwhile.
    fn if_there<T: CommandReply>(&mut self, command: &Command) -> Result<Option<T>, ProtocolError> {
        match self.ask(command) {
            Ok(reply) => Ok(Some(reply)),
            Err(ProtocolError::ServerError(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn ask<T: CommandReply>(&mut self, command: &Command) -> Result<T, ProtocolError> {
        let (version, unread) = (self.connection.version, &mut self.unread);
        self.connection.ask(command, |message| unread.note(message, version))
    }
}

impl Changes {
    fn note(&mut self, message: &[u8], version: u16) {
        if let Ok((_, Command::SubscribeEvent(event))) = Command::read_tag_prefixed(&mut &*message, version) {
            *self = self.and(event);
        }
    }

    fn and(mut self, event: SubscriptionEvent) -> Self {
        use SubscriptionEventFacility as Of;
        match event.event_facility {
            Of::Sink | Of::Source => {
                self.devices = true;
                self.plugged |= event.event_type != SubscriptionEventType::Changed;
            }
            Of::Server => self.devices = true,
            Of::SinkInput | Of::SourceOutput => self.streams |= event.event_type == SubscriptionEventType::Changed,
            Of::Module | Of::Client | Of::SampleCache | Of::Autoload | Of::Card => {}
        }
        self
    }
}

impl AsFd for ServerEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.socket.get_ref().as_fd()
    }
}

fn stream(direction: DeviceDirection, name: &CStr, description: Option<&CStr>) -> StreamDevice {
    StreamDevice { direction, id: server_id(name), name: name_for_people(name, description) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(event_facility: SubscriptionEventFacility, event_type: SubscriptionEventType) -> Changes {
        Changes::default().and(SubscriptionEvent { event_facility, event_type, index: Some(1) })
    }

    #[test]
    fn only_what_concerns_devices_and_the_place_of_streams_counts() {
        use {SubscriptionEventFacility as Of, SubscriptionEventType as Is};
        assert_eq!(after(Of::Sink, Is::New), Changes { devices: true, plugged: true, streams: false });
        assert_eq!(after(Of::Source, Is::Removed), Changes { devices: true, plugged: true, streams: false });
        assert_eq!(after(Of::Sink, Is::Changed), Changes { devices: true, plugged: false, streams: false });
        assert_eq!(after(Of::Server, Is::Changed), Changes { devices: true, plugged: false, streams: false });
        assert_eq!(after(Of::SinkInput, Is::Changed), Changes { devices: false, plugged: false, streams: true });
        assert_eq!(after(Of::SinkInput, Is::New), Changes::default());
        assert_eq!(after(Of::Client, Is::New), Changes::default());
    }
}
