//! What can be clicked.

use super::input::UiAction;

/// What can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An action.
    Act(UiAction),
    /// A line of the open list.
    Row(usize),
    /// A line of the open dialog.
    Item(usize),
    /// A page of the open dialog.
    Page(usize),
    /// The answer to the open question with this letter.
    Answer(char),
    /// A field of the open form.
    Field(usize),
    /// An answer to the reminder on the screen.
    Reminder(ReminderAnswer),
    /// A keypad key.
    Digit(char),
    /// The open window where it does nothing.
    Window,
    /// What lies around the open window.
    Around,
    /// The panel.
    Panel,
    /// One of the panel's numbers.
    PanelNumber(usize),
}

/// An answer to the reminder on the screen, for the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReminderAnswer(pub usize);
