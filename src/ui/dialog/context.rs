//! What a dialog reads besides its own state.

use crate::{
    app::Snapshot,
    ui::{panel_document::PanelReader, settings::Settings},
};

/// The surroundings of an open dialog.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The newest snapshot.
    pub snapshot: &'a Snapshot,
    /// Settings of the screen.
    pub settings: &'a Settings,
    /// The panel's content.
    pub panel_reader: &'a PanelReader,
    /// The extension that can be sent now, digits.
    pub extension: Option<&'a str>,
}
