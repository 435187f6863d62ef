//! The changes of a promote that may break older code. Their number is limited: similar changes of a file are merged, and
//! the rest is counted.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::domain::ids::BuildNumber;
use crate::domain::schema::SchemaChange;
use crate::migrations::{Class, JudgedMigration};

/// The most changes that one promote records.
const MOST_CHANGES: usize = 500;

/// What a promote to the target changes.
pub struct ChangeList {
    target: BuildNumber,
    listed: Vec<SchemaChange>,
    /// The position of each file's statement in the list.
    places: HashMap<(String, usize), usize>,
    /// The changes whose build is unknown.
    unattributed: Vec<usize>,
    rest: Option<Rest>,
}

/// The changes above the limit: the first one, their number and their worst class.
struct Rest {
    first: SchemaChange,
    worst: Class,
    count: usize,
}

impl ChangeList {
    pub fn new(target: BuildNumber) -> Self {
        Self {
            target,
            listed: Vec::new(),
            places: HashMap::new(),
            unattributed: Vec::new(),
            rest: None,
        }
    }

    /// Adds the changes of a file. `build` is the one that added the file, if known.
    pub fn add(&mut self, file: &JudgedMigration, build: Option<BuildNumber>) {
        if file.class() == Class::Additive {
            return;
        }
        let mut alike: HashMap<Class, (Option<usize>, usize)> = HashMap::new();
        for (at, statement) in file.statements.iter().enumerate() {
            let class = statement.class;
            if class == Class::Additive {
                continue;
            }
            // One change of these classes stands for all.
            let is_folded = matches!(class, Class::Data | Class::Unknown);
            if is_folded && let Some((_, more)) = alike.get_mut(&class) {
                *more += 1;
                continue;
            }
            let place = self.push(self.change(file, at, build));
            self.unattributed.extend(place.filter(|_| build.is_none()));
            self.places.extend(place.map(|place| ((file.path.clone(), at), place)));
            if is_folded {
                alike.insert(class, (place, 0));
            }
        }
        for (place, more) in alike.into_values().filter(|(_, more)| *more > 0) {
            match place {
                Some(place) => {
                    let text = &mut self.listed[place].statement;
                    write!(text, " (and {more} more like it in this file)")
                        .expect("writing to a string cannot fail");
                }
                None => self.rest.iter_mut().for_each(|rest| rest.count += more),
            }
        }
    }

    fn push(&mut self, change: SchemaChange) -> Option<usize> {
        if self.listed.len() + 1 < MOST_CHANGES {
            self.listed.push(change);
            return Some(self.listed.len() - 1);
        }
        match &mut self.rest {
            Some(rest) => {
                rest.count += 1;
                rest.worst = rest.worst.max(change.class);
            }
            None => self.rest = Some(Rest { worst: change.class, first: change, count: 1 }),
        }
        None
    }

    /// A change before the search for its floor.
    fn change(
        &self,
        file: &JudgedMigration,
        at: usize,
        build: Option<BuildNumber>,
    ) -> SchemaChange {
        let statement = &file.statements[at];
        let build = build.unwrap_or(self.target);
        SchemaChange {
            path: file.path.clone(),
            line: statement.line,
            statement: statement.text.clone(),
            class: statement.class,
            build,
            floor: build,
            why: "no older build is known to work with it".into(),
        }
    }

    /// The change of a file's statement, if it is listed separately.
    pub fn of(&mut self, path: &str, at: usize) -> Option<&mut SchemaChange> {
        let place = *self.places.get(&(path.to_owned(), at))?;
        self.listed.get_mut(place)
    }

    pub fn all(self) -> Vec<SchemaChange> {
        let Self { target, mut listed, unattributed, rest, .. } = self;
        for at in unattributed {
            write!(listed[at].why, "; it is unknown which build brought it, {target} has it")
                .expect("writing to a string cannot fail");
        }
        listed.extend(rest.map(|Rest { first, worst, count }| SchemaChange {
            statement: format!("and {count} more statements from here on"),
            class: worst,
            build: target,
            floor: target,
            why: "too many to search the code for each".into(),
            ..first
        }));
        listed
    }
}
