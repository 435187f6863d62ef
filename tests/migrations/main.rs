//! Migrations judged: the rule table over a corpus of statements, layouts, declarations, hostile files, the command.

mod corpus;
mod files;
mod hostile;
mod names;
mod way_back;
