//! Migrations judged: the rule table over a corpus of statements, layouts, declarations, hostile files, the command.

mod corpus;
mod differential;
mod files;
mod hostile;
mod layouts;
mod names;
mod servers;
mod way_back;
