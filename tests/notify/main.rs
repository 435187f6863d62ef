//! What is told to people elsewhere, over real HTTP.

mod destinations;
mod slack;
