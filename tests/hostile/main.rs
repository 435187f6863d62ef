//! Hostile text: the corpus and mutations of it through the gate, every real widget, every line of the command line, and
//! the bytes that the real program writes to a terminal; and hostile repositories through real git and real steps.
//!
//! 2,000,000 mutations go through both policies of the gate. Some 93,000 others fill the slots of 240 real models, which
//! are drawn at three sizes on each of their screens, and every cell is looked at. More, and another beginning:
//! `TRUNKLINE_MUTATIONS=100000000 TRUNKLINE_SEED=7 cargo test --test hostile mutations`.

mod cli;
mod commands;
mod console;
mod corpus;
mod desk;
mod dialog;
mod gate;
mod mutations;
mod oracle;
mod screens;
mod shop;
mod slots;
mod wire;
