//! The request for a promoter as the console knows it: which one is open, whose it is, and how long it lasts.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::console::model::Model;
use crate::console::model::link::LinkState;
use crate::domain::ids::Seq;
use crate::domain::people::Actor;
use crate::domain::presence::PresentPerson;
use crate::domain::request::Request;
use crate::domain::time::between;

/// How many requests a list shows, the open one among them.
pub const LISTED: usize = 5;
/// The most requests that are remembered as announced.
const REMEMBERED: usize = 200;
const MINUTE: Duration = Duration::from_mins(1);

/// Which requests were announced, so that each is announced once.
#[derive(Debug, Clone, Default)]
pub struct RequestNotices {
    /// The one that was open when this was looked at last.
    pub open: Option<Request>,
    told: BTreeSet<Seq>,
}

impl RequestNotices {
    /// True the first time that it is called with this request.
    pub fn is_new(&mut self, request: Seq) -> bool {
        let new = self.told.insert(request);
        if self.told.len() > REMEMBERED {
            self.told.pop_first();
        }
        new
    }
}

impl Model {
    /// The request that is open now, by the console's own clock.
    #[must_use]
    pub fn open_request(&self) -> Option<&Request> {
        let now = self.now();
        self.service.as_ref()?.requests.iter().find(|request| request.is_open(now))
    }

    /// Whether an actor is who sits at this console.
    #[must_use]
    pub fn is_me(&self, actor: &Actor) -> bool {
        self.service.as_ref().is_some_and(|service| service.me.actor == *actor)
    }

    /// Who has the service open; nobody is known to while there is no connection.
    #[must_use]
    pub fn present(&self) -> &[PresentPerson] {
        let service = self.service.as_ref().filter(|_| self.link.state == LinkState::Up);
        service.map_or(&[], |service| &service.present)
    }

    /// Who has the service open besides the user.
    pub fn others_here(&self) -> impl Iterator<Item = &PresentPerson> {
        self.present().iter().filter(|person| !self.is_me(&person.actor))
    }

    /// How long a request still lasts, in minutes, rounded up.
    #[must_use]
    pub fn minutes_left(&self, request: &Request) -> u128 {
        between(self.now(), request.until).as_nanos().div_ceil(MINUTE.as_nanos())
    }
}

/// In how long a request with so much time left reads differently.
#[must_use]
pub fn minutes_change_in(left: Duration) -> Duration {
    let rest = Duration::new(left.as_secs() % MINUTE.as_secs(), left.subsec_nanos());
    if rest.is_zero() { MINUTE } else { rest }
}
