//! The last lines of an output of which nothing is written any more.

use std::collections::VecDeque;

use super::lines::Block;

/// About how many bytes are kept.
const KEPT: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Tail {
    blocks: VecDeque<Block>,
    bytes: usize,
    left_out: u64,
}

impl Tail {
    /// Keeps a block and forgets those before it that are not needed any more.
    pub fn push(&mut self, block: Block) {
        if block.left_out > 0 {
            // Lines are missing between what is there and this.
            self.forget_all();
        }
        self.left_out += block.left_out;
        self.bytes += block.bytes.len();
        self.blocks.push_back(block);
        while let Some(first) = self.blocks.front()
            && self.bytes - first.bytes.len() >= KEPT
        {
            self.forget_first();
        }
    }

    /// How many lines there were before those that are kept.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub fn into_blocks(self) -> impl Iterator<Item = Block> {
        self.blocks.into_iter()
    }

    fn forget_all(&mut self) {
        while !self.blocks.is_empty() {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.blocks.pop_front() {
            self.bytes -= first.bytes.len();
            self.left_out += first.lines;
        }
    }
}
