//! The command line on the real binary, and what the README says of it.

mod audit;
mod backup;
mod browser;
mod by_hand;
mod commands;
mod commit_location;
mod doctor;
mod full_disk;
mod help;
mod in_the_fire;
mod incidents;
mod init;
mod init_workflows;
mod leftovers;
mod lists;
mod oidc;
mod postmortem_issue;
mod readme;
mod remedies;
mod retry;
mod status_line;
mod team;
mod team_document;
mod timeline;
mod waiting;
mod what_runs;
