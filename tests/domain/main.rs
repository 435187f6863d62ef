//! The vocabulary, the plan and the decisions: pure functions over recorded events, and the files that configure them.

mod answered;
mod config;
mod decide;
mod doubts;
mod evidence;
mod incident_answers;
mod incidents;
mod late;
mod notices;
mod on_call;
mod plan;
mod postmortems;
mod quarantine;
mod rehearsals;
mod requests;
mod restored;
mod retry;
mod said;
mod simulation;
mod snapshots;
mod statements;
mod stats;
mod targets;
mod watch;
mod waves;
mod way_back;
