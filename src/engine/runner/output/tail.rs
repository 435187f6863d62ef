//! The last lines of an output after its log is full.

use std::collections::VecDeque;

use super::lines::Block;

/// About how many bytes are kept.
const KEPT_BYTES: usize = 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Tail {
    blocks: VecDeque<Block>,
    bytes: usize,
    left_out: u64,
}

impl Tail {
    /// Keeps a block and drops the oldest blocks above the limit.
    pub fn push(&mut self, block: Block) {
        if block.left_out > 0 {
            // Lines are missing before this block, so the kept lines are useless.
            self.drop_all();
        }
        self.left_out += block.left_out;
        self.bytes += block.bytes.len();
        self.blocks.push_back(block);
        while let Some(first) = self.blocks.front()
            && self.bytes - first.bytes.len() >= KEPT_BYTES
        {
            self.drop_first();
        }
    }

    /// How many lines before the kept ones were dropped.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    pub fn into_blocks(self) -> impl Iterator<Item = Block> {
        self.blocks.into_iter()
    }

    fn drop_all(&mut self) {
        while !self.blocks.is_empty() {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some(first) = self.blocks.pop_front() {
            self.bytes -= first.bytes.len();
            self.left_out += first.lines;
        }
    }
}
