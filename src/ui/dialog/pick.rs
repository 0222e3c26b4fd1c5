//! Whom or what to: the dialog of consulting, transferring and listening. Pages of live lists; what is typed filters,
//! and is the number or agent number itself where no line has it.

use jiff::Timestamp;
use tui_input::Input;

use super::{choice::Choice, list::ListDialog};
use crate::{
    app::{Fetched, Snapshot},
    domain::AgentState,
    i18n::Message,
};

/// What is to be done with the one who is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickKind {
    /// Ask them while the other side waits.
    Consult,
    /// Give them the call.
    Transfer,
    /// Listen to their call.
    Spy,
}

impl PickKind {
    /// The pages, in their order.
    pub fn pages(self) -> &'static [Page] {
        match self {
            PickKind::Consult => &[Page::Agents, Page::Outside],
            PickKind::Transfer => &[Page::Agents, Page::Groups, Page::Outside, Page::Ivr],
            PickKind::Spy => &[Page::OnLine],
        }
    }

    /// Catalogue key of the title.
    pub fn title(self) -> &'static str {
        match self {
            PickKind::Consult => "ui.consult_title",
            PickKind::Transfer => "ui.transfer_title",
            PickKind::Spy => "ui.spy_title",
        }
    }
}

/// A page of the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Free agents.
    Agents,
    /// Skill groups.
    Groups,
    /// An outside number.
    Outside,
    /// A node of an IVR flow.
    Ivr,
    /// Agents in a call.
    OnLine,
}

impl Page {
    /// Catalogue key of its name.
    pub fn name(self) -> &'static str {
        match self {
            Page::Agents => "ui.page_agents",
            Page::Groups => "ui.page_groups",
            Page::Outside => "ui.page_outside",
            Page::Ivr => "ui.page_ivr",
            Page::OnLine => "ui.page_on_line",
        }
    }

    /// Catalogue key of what its empty field says.
    pub fn hint(self) -> &'static str {
        match self {
            Page::Agents | Page::OnLine => "ui.hint_agent",
            Page::Groups => "ui.filter_hint",
            Page::Outside => "ui.hint_outside",
            Page::Ivr => "ui.hint_ivr_code",
        }
    }

    /// How fresh its list is; none where there is no list.
    pub fn fetched(self, snapshot: &Snapshot) -> Option<&Fetched> {
        match self {
            Page::Agents | Page::Groups => Some(&snapshot.directory.fetched),
            Page::OnLine => Some(&snapshot.directory.on_line_fetched),
            Page::Outside | Page::Ivr => None,
        }
    }
}

/// A line of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PickRow {
    /// The agent's state, where there is one.
    pub state: Option<AgentState>,
    /// Who or what.
    pub label: String,
    /// More of it: groups, the other side of the call.
    pub detail: String,
    /// A word at the right.
    pub remark: String,
    /// Since when, for a clock at the right.
    pub since: Option<Timestamp>,
    /// What choosing it means.
    pub choice: Choice,
    /// What choosing it does, in a sentence.
    pub promise: Message,
}

/// The open dialog.
#[derive(Clone, Debug)]
pub struct Pick {
    /// What for.
    pub kind: PickKind,
    /// The open page.
    pub page: Page,
    /// What has been typed, and the selected line.
    pub list: ListDialog,
    /// The IVR's node.
    pub node: Input,
    /// The node has the keyboard, not the flow.
    pub in_node: bool,
}

impl Pick {
    /// The dialog on its first page, with nothing typed.
    pub fn new(kind: PickKind) -> Self {
        let page = match kind {
            PickKind::Consult | PickKind::Transfer => Page::Agents,
            PickKind::Spy => Page::OnLine,
        };
        Self { kind, page, list: ListDialog::default(), node: Input::default(), in_node: false }
    }

    /// The same on another page.
    pub fn on_page(self, page: Page) -> Self {
        Self { page, ..self }
    }

    /// The same with something typed already.
    pub fn typed(mut self, text: &str) -> Self {
        self.list.filter = text.into();
        self
    }

    /// The field that has the keyboard.
    pub fn field_mut(&mut self) -> &mut Input {
        if self.page == Page::Ivr && self.in_node { &mut self.node } else { &mut self.list.filter }
    }

    /// Opens a page by its place.
    pub fn open(&mut self, index: usize) {
        if let Some(page) = self.kind.pages().get(index) {
            self.page = *page;
            self.list.selected = 0;
            self.in_node = false;
        }
    }

    /// Opens the next page, or the one before, around.
    pub fn turn(&mut self, back: bool) {
        let pages = self.kind.pages();
        let at = pages.iter().position(|page| *page == self.page).unwrap_or(0);
        let step = if back { pages.len().saturating_sub(1) } else { 1 };
        self.open((at + step) % pages.len().max(1));
    }
}
