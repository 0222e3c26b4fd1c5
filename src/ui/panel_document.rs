//! The document of the right-hand panel: what the integrator's command, address or script put there, else what is known
//! of the caller. It is parsed once and laid out once for each width.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use super::{
    labels,
    rich::{self, Block, Document, Piece, Row},
    theme::Scope,
};
use crate::{
    app::Snapshot,
    domain::{CallPhase, Direction, Party},
    i18n::{self, Locale},
    panel::PanelContent,
};

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

/// What is known of the customer, and of the agent at the other end where it is one: two people, never one card.
pub fn caller(snapshot: &Snapshot) -> Document {
    let call = &snapshot.call;
    let last = labels::wrapped_up(snapshot);
    let (peer, queue, direction) = match last {
        Some(last) => (&last.peer, last.queue.as_ref(), Some(last.direction)),
        None if call.phase == CallPhase::None => return Document::default(),
        None => (&call.peer, call.queue.as_ref(), call.direction),
    };
    // With an agent at the other end, what else is known is of the customer whom the call is about; but between two
    // agents there is none.
    let among_agents = peer.ag_no.is_some() && direction == Some(Direction::Inner);
    let customer = if among_agents { &Party::default() } else { peer };
    let mut card = Card { locale: snapshot.locale, blocks: Vec::new() };
    card.field("ui.field_number", customer.number.as_deref());
    if peer.ag_no.is_none() {
        card.field("ui.field_name", peer.name.as_deref());
    }
    card.field("ui.field_area", customer.area.as_deref());
    card.field("ui.field_group", queue.map(|q| q.name.as_str()));
    if let Some(direction) = direction {
        card.field("ui.field_direction", Some(&i18n::text(snapshot.locale, labels::direction_label(direction))));
    }
    card.field("ui.field_call_id", call.call_id.as_deref());
    if let Some(ag_no) = &peer.ag_no {
        card.heading(if direction == Some(Direction::Spy) { "ui.monitored_agent" } else { "ui.colleague" });
        card.field("ui.field_agent", Some(ag_no));
        card.field("ui.field_name", peer.name.as_deref());
    }
    Document::new(card.blocks)
}

/// Fields of people, in the order in which they are told.
struct Card {
    locale: Locale,
    blocks: Vec<Block>,
}

impl Card {
    /// A field, unless nothing is known of it.
    fn field(&mut self, label: &'static str, value: Option<&str>) {
        if let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) {
            self.blocks.push(rich::field(&i18n::text(self.locale, label), value));
        }
    }

    /// Whose fields follow, under a line left empty.
    fn heading(&mut self, label: &'static str) {
        let line = |text: String| {
            let pieces = vec![Piece { text, scope: Some(Scope::Strong), ..Piece::default() }];
            Block::Line { first: String::new(), pieces }
        };
        if !self.blocks.is_empty() {
            self.blocks.push(line(String::new()));
        }
        self.blocks.push(line(i18n::text(self.locale, label)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::fixtures;

    /// The card's lines.
    fn card(direction: Direction, peer: Party) -> Vec<String> {
        let mut snapshot = fixtures::talking(Locale::ZhCn);
        snapshot.call.direction = Some(direction);
        snapshot.call.peer = peer;
        snapshot.call.queue = None;
        let text = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.as_str()).collect::<String>();
        let rows = rich::lay_out(&caller(&snapshot), 40);
        let lines = rows.iter().map(|row| match row {
            Row::Text(pieces) => text(pieces).split_whitespace().collect::<Vec<_>>().join(" "),
            Row::Rule => "-".to_owned(),
        });
        lines.collect()
    }

    fn about_a_customer() -> Party {
        Party {
            number: Some("13800138000".into()),
            area: Some("北京".into()),
            ag_no: Some("8001".into()),
            name: Some("张三".into()),
        }
    }

    #[test]
    fn a_customer_is_one_person_and_the_colleague_another() {
        let customer = ["号码 13800138000", "归属地 北京", "方向 咨询", "通话标识 8f3a77c0", "", "同事"];
        let shown = card(Direction::Consult, about_a_customer());
        assert_eq!(shown[..6], customer);
        assert_eq!(shown[6..], ["工号 8001", "姓名 张三"]);
        let watched = card(Direction::Spy, about_a_customer());
        assert_eq!(watched[..2], customer[..2]);
        assert_eq!(watched[5..], ["被监听坐席", "工号 8001", "姓名 张三"]);
    }

    #[test]
    fn between_two_agents_there_is_no_customer() {
        let shown = card(Direction::Inner, about_a_customer());
        assert_eq!(shown, ["方向 内线", "通话标识 8f3a77c0", "", "同事", "工号 8001", "姓名 张三"]);
    }

    #[test]
    fn a_customer_with_a_name_keeps_it() {
        let named = Party { ag_no: None, ..about_a_customer() };
        let shown = card(Direction::In, named);
        assert_eq!(shown[..3], ["号码 13800138000", "姓名 张三", "归属地 北京"]);
        assert!(!shown.contains(&"同事".to_owned()));
    }
}
