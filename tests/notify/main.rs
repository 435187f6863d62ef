//! What is told to people elsewhere, over real HTTP.

mod slack;
