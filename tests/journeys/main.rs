//! Whole journeys of the real program on real terminals: from a merge to production and back, through crashes and floods.

mod away;
mod crash;
mod demo;
mod floods;
mod github;
mod incident;
mod newcomer;
mod picture;
mod practice;
mod promote_and_back;
mod proven;
mod stop_all;
mod stories;
mod terminal;
mod watch;
mod waves;
mod way_back;
mod ways;
