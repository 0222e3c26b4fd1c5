//! What fills the right-hand panel: what it can hold, what is known of a call, and getting the one by the other from
//! a command or an address (`[panel]`). How it is drawn is the screen's business.
//!
//! `content` holds what is shown, `facts` what is known, `fetch` asks an address, [`Filler`] does one at a time.

mod content;
mod error;
mod facts;
mod fetch;
mod filler;

pub use content::{LONGEST, PanelContent, fields_of};
pub use error::PanelError;
pub use facts::CallFacts;
pub use fetch::Fetcher;
pub use filler::Filler;
