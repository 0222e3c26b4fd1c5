//! Text from outside as the panel shows it: plain with ANSI colours, a subset of Markdown, or fields; wrapped by cells,
//! numbers found in it.
//!
//! Nothing here can do more than be read: `ansi` and `markdown` make [`Document`]s of clean pieces, `numbers` finds what
//! can be dialled, `layout` breaks lines. Colours are asked for, and given as far as the terminal has them.

mod ansi;
mod block;
mod layout;
mod markdown;
mod numbers;

pub use block::{Block, Piece, field};
pub use layout::{Row, lay_out};
pub use numbers::Number;

use crate::panel::PanelContent;

/// What can be laid out at any width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// From top to bottom.
    pub blocks: Vec<Block>,
    /// What can be dialled, in the order of its first place, each once.
    pub numbers: Vec<Number>,
}

impl Document {
    /// Reads what fills the panel.
    pub fn read(content: &PanelContent) -> Self {
        let blocks = match content {
            PanelContent::Text(text) => ansi::blocks(text),
            PanelContent::Markdown(text) => markdown::blocks(text),
            PanelContent::Fields(fields) => fields.iter().map(|(label, value)| field(label, value)).collect(),
        };
        Self::new(blocks)
    }

    /// Finds the numbers in blocks.
    pub fn new(mut blocks: Vec<Block>) -> Self {
        let numbers = numbers::mark(&mut blocks);
        Self { blocks, numbers }
    }
}

#[cfg(test)]
mod tests;
