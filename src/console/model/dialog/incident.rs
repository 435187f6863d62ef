//! The dialog about an incident: the answer to what a rollback asks, a new incident, or a line of one that is open.

use crate::console::model::dialog::field::{Field, FieldKind};
use crate::domain::command::{Command, NewIncident, NewIncidentUpdate};
use crate::domain::ids::IncidentId;
use crate::domain::incident::{IncidentStanding, SeverityLevel, UsersAffected, UsersQuestion};
use crate::domain::snapshot::ServiceSnapshot;

/// The most open incidents to choose from.
const MOST_OPEN: usize = 5;
/// What is picked beside the severities where users were not affected.
const NO_INCIDENT: &str = "no incident";

/// What is picked and typed in it.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentForm {
    /// What it can be about, the most likely first.
    subjects: Vec<IncidentSubject>,
    subject: usize,
    /// It ends the incident rather than adding to it.
    is_end: bool,
    users: Option<UsersAffected>,
    /// What a person picked; until then it follows from the answer.
    severity: Option<SeverityChoice>,
    levels: Vec<SeverityLevel>,
    /// Nobody pressed a key for it.
    pub by_itself: bool,
    pub text: Field,
}

/// What a dialog about an incident is about, as it was seen when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentSubject {
    /// Whether users were affected before a rollback.
    Question(Box<UsersQuestion>),
    Open {
        id: IncidentId,
        severity: String,
        users: UsersAffected,
    },
    New,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SeverityChoice {
    NoIncident,
    Level(String),
}

/// A line of the dialog with options of which one is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickRow {
    Subject,
    /// Whether it is an update or the end.
    Turn,
    Users,
    Severity,
}

impl PickRow {
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Subject => "about",
            Self::Turn => "do",
            Self::Users => "users affected?",
            Self::Severity => "severity",
        }
    }
}

impl IncidentForm {
    /// What can be said now: the answer that a rollback waits for, else a line of an open incident, else a new one.
    #[must_use]
    pub fn of(snapshot: &ServiceSnapshot) -> Self {
        let mut subjects: Vec<_> = snapshot
            .users_question
            .iter()
            .map(|asked| IncidentSubject::Question(asked.clone()))
            .collect();
        subjects.extend(open(snapshot).take(MOST_OPEN).map(seen));
        subjects.push(IncidentSubject::New);
        let mut form = Self {
            subjects,
            subject: 0,
            is_end: false,
            users: None,
            severity: None,
            levels: snapshot.policy.incidents.severities.clone(),
            by_itself: false,
            text: Field::empty(FieldKind::Title),
        };
        form.begin();
        form
    }

    #[must_use]
    pub fn subject(&self) -> &IncidentSubject {
        &self.subjects[self.subject]
    }

    /// What is picked begins anew for another subject; what was typed stays.
    fn begin(&mut self) {
        (self.is_end, self.severity, self.users) = (false, None, None);
        if let IncidentSubject::Open { users, .. } = self.subject() {
            self.users = Some(*users);
        }
        self.settle();
    }

    /// The text is of the kind that is asked for.
    fn settle(&mut self) {
        self.text.kind = match self.subject() {
            IncidentSubject::Open { .. } if self.is_end => FieldKind::Ending,
            IncidentSubject::Open { .. } => FieldKind::Update,
            _ if self.is_no_incident() => FieldKind::Note,
            _ => FieldKind::Title,
        };
    }
}

/// The rows of options.
impl IncidentForm {
    #[must_use]
    pub fn rows(&self) -> Vec<PickRow> {
        let several = (self.subjects.len() > 1).then_some(PickRow::Subject);
        let of = match self.subject() {
            IncidentSubject::Open { .. } if self.is_end => &[PickRow::Turn][..],
            IncidentSubject::Open { .. } => &[PickRow::Turn, PickRow::Users, PickRow::Severity],
            _ => &[PickRow::Users, PickRow::Severity],
        };
        several.into_iter().chain(of.iter().copied()).collect()
    }

    /// The first row of which nothing is picked.
    #[must_use]
    pub fn first_unpicked(&self) -> Option<usize> {
        self.rows().iter().position(|row| *row == PickRow::Users && self.users.is_none())
    }

    #[must_use]
    pub fn options(&self, row: PickRow) -> Vec<String> {
        match row {
            PickRow::Subject => self.subjects.iter().map(IncidentSubject::name).collect(),
            PickRow::Turn => ["update", "resolve"].map(str::to_owned).to_vec(),
            PickRow::Users => UsersAffected::ALL.map(in_answer).map(str::to_owned).to_vec(),
            PickRow::Severity => {
                let none = self.offers_no_incident().then(|| NO_INCIDENT.to_owned());
                none.into_iter().chain(self.levels.iter().map(|level| level.name.clone())).collect()
            }
        }
    }

    /// Which option of a row is picked.
    #[must_use]
    pub fn picked(&self, row: PickRow) -> Option<usize> {
        match row {
            PickRow::Subject => Some(self.subject),
            PickRow::Turn => Some(usize::from(self.is_end)),
            PickRow::Users => {
                let users = self.users?;
                UsersAffected::ALL.iter().position(|answer| *answer == users)
            }
            PickRow::Severity => {
                let wanted = match self.severity()? {
                    SeverityChoice::NoIncident => NO_INCIDENT.to_owned(),
                    SeverityChoice::Level(name) => name,
                };
                self.options(row).iter().position(|option| *option == wanted)
            }
        }
    }

    /// Picks the option after the one that is picked, or before it; at the end it stays.
    pub fn step(&mut self, row: usize, by: isize) {
        let Some(row) = self.rows().get(row).copied() else { return };
        let most = self.options(row).len().saturating_sub(1);
        let to = match self.picked(row) {
            Some(at) => at.saturating_add_signed(by).min(most),
            None if by > 0 => 0,
            None => most,
        };
        self.pick(row, to);
    }

    /// Picks the next option that a letter or digit stands for: the first letter of its name, or the last.
    pub fn pick_letter(&mut self, row: usize, letter: char) {
        let Some(row) = self.rows().get(row).copied() else { return };
        let options = self.options(row);
        let is_meant = |name: &String| {
            let ends = [name.chars().next(), name.chars().next_back().filter(char::is_ascii_digit)];
            ends.iter().flatten().any(|end| end.eq_ignore_ascii_case(&letter))
        };
        let after = self.picked(row).map_or(0, |at| at + 1);
        let order = (after..options.len()).chain(0..after.min(options.len()));
        let found = order.into_iter().find(|at| is_meant(&options[*at]));
        if let Some(at) = found {
            self.pick(row, at);
        }
    }

    fn pick(&mut self, row: PickRow, at: usize) {
        match row {
            PickRow::Subject if at != self.subject => {
                self.subject = at;
                self.begin();
            }
            PickRow::Subject => {}
            PickRow::Turn => self.is_end = at == 1,
            PickRow::Users => self.users = UsersAffected::ALL.get(at).copied(),
            PickRow::Severity => {
                let name = self.options(row).get(at).cloned();
                let is_none = at == 0 && self.offers_no_incident();
                self.severity = match name {
                    Some(_) if is_none => Some(SeverityChoice::NoIncident),
                    name => name.map(SeverityChoice::Level),
                };
            }
        }
        self.settle();
    }

    /// Whether the answer to a rollback can do without an incident.
    fn offers_no_incident(&self) -> bool {
        let is_asked = matches!(self.subject(), IncidentSubject::Question(_));
        is_asked && self.users == Some(UsersAffected::No)
    }

    fn is_no_incident(&self) -> bool {
        self.severity() == Some(SeverityChoice::NoIncident)
    }

    /// What a person picked, else what follows: that of the open incident, no incident where users were not affected, and
    /// else the second worst, which is rather too bad than too good.
    fn severity(&self) -> Option<SeverityChoice> {
        let picked = self.severity.clone();
        let picked = picked
            .filter(|choice| *choice != SeverityChoice::NoIncident || self.offers_no_incident());
        picked.or_else(|| match self.subject() {
            IncidentSubject::Open { severity, .. } => Some(SeverityChoice::Level(severity.clone())),
            _ if self.offers_no_incident() => Some(SeverityChoice::NoIncident),
            _ => {
                let level =
                    self.levels.get(1).or(self.levels.first()).filter(|_| self.users.is_some());
                level.map(|level| SeverityChoice::Level(level.name.clone()))
            }
        })
    }

    /// What the picked severity means.
    #[must_use]
    pub fn meaning(&self) -> String {
        let policy = |name: &str| self.levels.iter().find(|level| level.name == name);
        match self.severity() {
            Some(SeverityChoice::NoIncident) => "answers the rollback, opens nothing".to_owned(),
            Some(SeverityChoice::Level(name)) => {
                policy(&name).map_or_else(String::new, |level| level.about.clone())
            }
            None => String::new(),
        }
    }
}

/// What it does.
impl IncidentForm {
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self.subject() {
            IncidentSubject::Open { .. } if self.is_end => "Resolve",
            IncidentSubject::Open { .. } => "Update",
            _ if self.is_no_incident() => "Answer no",
            _ => "Open incident",
        }
    }

    #[must_use]
    pub fn is_question(&self) -> bool {
        matches!(self.subject(), IncidentSubject::Question(_))
    }

    /// Whether a rollback asked when it was opened.
    fn is_asked(&self) -> bool {
        self.subjects.iter().any(|subject| matches!(subject, IncidentSubject::Question(_)))
    }

    /// Whether everything is picked, apart from what its text says itself.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<(), String> {
        if self.users.is_none() {
            return Err("say whether users were affected".to_owned());
        }
        if self.severity().is_none() {
            return Err("pick a severity".to_owned());
        }
        let (severity, users) = self.changes();
        let says_nothing = self.text.text.as_str().trim().is_empty();
        let is_update = self.text.kind == FieldKind::Update;
        if is_update && says_nothing && severity.is_none() && users.is_none() {
            return Err("write what is new".to_owned());
        }
        Ok(())
    }

    /// What an update sets anew: severity and answer.
    fn changes(&self) -> (Option<String>, Option<UsersAffected>) {
        let IncidentSubject::Open { severity: before, users: known, .. } = self.subject() else {
            return (None, None);
        };
        let severity = match self.severity() {
            Some(SeverityChoice::Level(name)) => Some(name).filter(|name| name != before),
            _ => None,
        };
        (severity, self.users.filter(|users| users != known))
    }

    /// The command as it is now, if everything is picked.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        let text = self.text.text.as_str().trim().to_owned();
        let rollback = match self.subject() {
            IncidentSubject::Open { id, .. } if self.is_end => {
                return Some(Command::ResolveIncident { incident: *id, text, at: None });
            }
            IncidentSubject::Open { id, .. } => {
                let (severity, users_affected) = self.changes();
                return Some(Command::UpdateIncident(NewIncidentUpdate {
                    incident: *id,
                    text,
                    at: None,
                    mark: None,
                    severity,
                    users_affected,
                }));
            }
            IncidentSubject::Question(asked) => Some(asked.rollback()?),
            IncidentSubject::New => None,
        };
        let users_affected = self.users?;
        Some(match (self.severity()?, rollback) {
            (SeverityChoice::NoIncident, Some(rollback)) => {
                let with = match self.subject() {
                    IncidentSubject::Question(asked) => asked.earlier(),
                    _ => Vec::new(),
                };
                Command::UsersNotAffected { rollback, with, note: text }
            }
            (SeverityChoice::NoIncident, None) => return None,
            (SeverityChoice::Level(severity), rollback) => {
                // Who was offered the rollback and picked a new one means another thing.
                let alone = rollback.is_none() && self.is_asked();
                let title = text;
                Command::OpenIncident(NewIncident {
                    title,
                    severity,
                    users_affected,
                    rollback,
                    alone,
                })
            }
        })
    }

    /// Whether what it is about is as it was seen.
    ///
    /// # Errors
    /// What became of it.
    pub fn is_there(&self, snapshot: &ServiceSnapshot) -> Result<(), String> {
        let is_listed = |id: IncidentId| {
            let is_it = |seen: &IncidentSubject| matches!(seen, IncidentSubject::Open { id: of, .. } if *of == id);
            self.subjects.iter().any(is_it)
        };
        match self.subject() {
            IncidentSubject::Question(asked) if snapshot.users_question.as_ref() == Some(asked) => {
                Ok(())
            }
            IncidentSubject::Question(asked) => Err(answered(asked, snapshot)),
            IncidentSubject::Open { id, severity, users } => {
                let now = snapshot.incidents.iter().find(|of| of.incident.id == *id);
                let Some(now) = now else { return Err(format!("{id} is no longer listed")) };
                if let Some(end) = &now.incident.resolved {
                    return Err(format!("{id} was resolved by {} meanwhile: {}", end.by, end.text));
                }
                let is_same =
                    now.incident.severity == *severity && now.incident.users_affected == *users;
                let (severity, users) =
                    (&now.incident.severity, now.incident.users_affected.in_words());
                if is_same {
                    Ok(())
                } else {
                    Err(format!("{id} was changed meanwhile: {severity}, {users}"))
                }
            }
            IncidentSubject::New => {
                if let Some(asked) = snapshot.users_question.as_ref().filter(|_| !self.is_asked()) {
                    return Err(asked.sentence());
                }
                let other = open(snapshot).take(MOST_OPEN).find(|of| !is_listed(of.incident.id));
                let Some(other) = other else { return Ok(()) };
                let other = &other.incident;
                Err(format!("{} opened {} meanwhile: {}", other.by, other.id, other.title))
            }
        }
    }
}

impl IncidentSubject {
    /// What it is called among others.
    fn name(&self) -> String {
        match self {
            Self::Question(asked) => asked
                .rollback()
                .map_or_else(|| "the rollback".to_owned(), |id| format!("rollback {id}")),
            Self::Open { id, .. } => id.to_string(),
            Self::New => "a new one".to_owned(),
        }
    }
}

/// The answer as an option.
fn in_answer(users: UsersAffected) -> &'static str {
    match users {
        UsersAffected::Yes => "yes",
        UsersAffected::No => "no",
        UsersAffected::NotKnown => "not known yet",
    }
}

fn open(snapshot: &ServiceSnapshot) -> impl Iterator<Item = &IncidentStanding> {
    snapshot.incidents.iter().filter(|standing| standing.incident.is_open())
}

fn seen(standing: &IncidentStanding) -> IncidentSubject {
    let incident = &standing.incident;
    let (severity, users) = (incident.severity.clone(), incident.users_affected);
    IncidentSubject::Open { id: incident.id, severity, users }
}

/// What became of a question that is not asked any more, or not as it was.
fn answered(asked: &UsersQuestion, snapshot: &ServiceSnapshot) -> String {
    let is_about = |standing: &&IncidentStanding| {
        asked.rollbacks.iter().any(|of| standing.incident.is_about(of.rollback))
    };
    if let Some(standing) = snapshot.incidents.iter().find(is_about) {
        let incident = &standing.incident;
        return format!("{} opened {} meanwhile: {}", incident.by, incident.id, incident.title);
    }
    if snapshot.users_question.is_some() {
        return "production was rolled back again meanwhile".to_owned();
    }
    "this was answered meanwhile, or production is being rolled back again".to_owned()
}
