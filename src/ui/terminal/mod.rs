//! The terminal: [`device`] is its file, [`guard`] takes it over and gives it back, [`writer`] brings pictures to it
//! ([`paint`] says in which bytes), [`reader`] turns what is typed into events ([`decode`], [`sequence`], [`made`]), [`fit`] says
//! beforehand whether it will do.

pub mod decode;
pub mod device;
pub mod fit;
pub mod guard;
mod made;
pub mod paint;
pub mod reader;
mod sequence;
pub mod writer;
