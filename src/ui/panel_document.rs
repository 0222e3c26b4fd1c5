//! The document of the right-hand panel: what the integrator's command, address or script put there, else what is known
//! of the caller. It is parsed once and laid out once for each width.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use super::{
    labels,
    rich::{self, Block, Document, Row},
};
use crate::{app::Snapshot, domain::CallPhase, i18n, panel::PanelContent};

/// Least and most width of the panel, percent of the screen.
pub const NARROWEST: u16 = 15;
pub const WIDEST: u16 = 60;

/// Fewest cells of the panel, and of what stands left of it.
const LEAST: u16 = 22;
const LEAST_MAIN: u16 = 50;

/// What the panel shows, read once and laid out once for a width: a frame costs no more than its own rows, however
/// long the content is. The same content and width give the same rows, so drawing stays pure.
#[derive(Clone, Debug, Default)]
pub struct PanelReader {
    read: RefCell<Option<Read>>,
    /// Rows below the end of the panel as it was drawn last.
    below: Cell<u16>,
    /// Width of the screen and of the panel as they were drawn last, cells.
    drawn: Cell<Option<(u16, u16)>>,
    /// The content that was scrolled in last.
    known: Option<Arc<PanelContent>>,
}

#[derive(Clone, Debug)]
struct Read {
    content: Arc<PanelContent>,
    document: Arc<Document>,
    laid_out: Option<(u16, Arc<Vec<Row>>)>,
}

impl PanelReader {
    /// The content, read.
    pub fn document(&self, content: &Arc<PanelContent>) -> Arc<Document> {
        let mut read = self.read.borrow_mut();
        match read.as_ref().filter(|read| Arc::ptr_eq(&read.content, content)) {
            Some(read) => read.document.clone(),
            None => {
                let document = Arc::new(Document::read(content));
                *read = Some(Read { content: content.clone(), document: document.clone(), laid_out: None });
                document
            }
        }
    }

    /// The content's rows at a width.
    pub fn rows(&self, content: &Arc<PanelContent>, cells: u16) -> Arc<Vec<Row>> {
        let document = self.document(content);
        let mut read = self.read.borrow_mut();
        let laid_out = read.as_ref().and_then(|read| read.laid_out.as_ref()).filter(|(width, _)| *width == cells);
        if let Some((_, rows)) = laid_out {
            return rows.clone();
        }
        let rows = Arc::new(rich::lay_out(&document, cells));
        if let Some(read) = read.as_mut() {
            read.laid_out = Some((cells, rows.clone()));
        }
        rows
    }

    /// Notes how the panel was drawn: width of the screen, its own, and the rows that did not fit below.
    pub fn was_drawn(&self, screen: u16, cells: u16, below: u16) {
        self.drawn.set(Some((screen, cells)));
        self.below.set(below);
    }

    /// Widths of the screen and of the panel as they were drawn last, cells.
    pub fn drawn(&self) -> Option<(u16, u16)> {
        self.drawn.get()
    }

    /// How far of `rows` the panel can be scrolled down; the next call counts what this one has taken.
    pub fn take_below(&self, rows: u16) -> u16 {
        let step = self.below.get().min(rows);
        self.below.set(self.below.get() - step);
        step
    }

    /// Whether this is other content than at the last time; then one begins at its top.
    pub fn is_new(&mut self, content: Option<&Arc<PanelContent>>) -> bool {
        let same = match (&self.known, content) {
            (Some(known), Some(content)) => Arc::ptr_eq(known, content),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.known = content.cloned();
        !same
    }
}

/// Width of the panel in cells, of a screen so wide.
pub fn cells(screen: u16, percent: u16) -> u16 {
    let share = u32::from(screen) * u32::from(percent) / 100;
    u16::try_from(share).unwrap_or(u16::MAX).clamp(LEAST, screen.saturating_sub(LEAST_MAIN).max(LEAST))
}

/// What the panel shows.
pub fn document(reader: &PanelReader, snapshot: &Snapshot) -> Arc<Document> {
    match &snapshot.panel.content {
        Some(content) => reader.document(content),
        None => Arc::new(caller(snapshot)),
    }
}

/// What is known of the caller.
pub fn caller(snapshot: &Snapshot) -> Document {
    let call = &snapshot.call;
    let last = labels::wrapped_up(snapshot);
    let (peer, queue, direction) = match last {
        Some(last) => (&last.peer, last.queue.as_ref(), Some(last.direction)),
        None if call.phase == CallPhase::None => return Document::default(),
        None => (&call.peer, call.queue.as_ref(), call.direction),
    };
    let mut blocks: Vec<Block> = Vec::new();
    let mut field = |label: &'static str, value: Option<&str>| {
        if let Some(value) = value.map(str::trim).filter(|v| !v.is_empty()) {
            blocks.push(rich::field(&i18n::text(snapshot.locale, label), value));
        }
    };
    field("ui.field_number", peer.number.as_deref());
    field("ui.field_agent", peer.ag_no.as_deref());
    field("ui.field_name", peer.name.as_deref());
    field("ui.field_area", peer.area.as_deref());
    field("ui.field_group", queue.map(|q| q.name.as_str()));
    if let Some(direction) = direction {
        field("ui.field_direction", Some(&i18n::text(snapshot.locale, labels::direction_label(direction))));
    }
    field("ui.field_call_id", call.call_id.as_deref());
    Document::new(blocks)
}
