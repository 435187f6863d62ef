//! What became of each request for a promoter.

use chrono::{DateTime, Utc};
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Event};
use trunkline::domain::ids::{BuildNumber, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::request::RequestState;
use trunkline::domain::service::ServiceState;

#[derive(Debug)]
struct Request {
    id: Seq,
    by: Actor,
    build: BuildNumber,
    until: DateTime<Utc>,
    /// Open until something happens to it, or anything happens after its time.
    state: RequestState,
}

#[derive(Debug, Default)]
pub struct Requests(Vec<Request>);

impl Request {
    fn is_open(&self, at: DateTime<Utc>) -> bool {
        self.state == RequestState::Open && at < self.until
    }
}

impl Requests {
    pub fn asked(&mut self, event: &Event, build: BuildNumber, until: DateTime<Utc>) {
        let Event { seq: id, at, actor: by, .. } = event.clone();
        assert!(!self.is_open_for(build, at), "{build} is asked for twice");
        self.close(at, |_| RequestState::Superseded);
        self.0.push(Request { id, by, build, until, state: RequestState::Open });
    }

    /// Something was recorded, whatever it was: what is over by then stays over.
    pub fn passed(&mut self, at: DateTime<Utc>) {
        let open = self.0.iter_mut().filter(|request| request.state == RequestState::Open);
        let over = open.filter(|request| request.until <= at);
        over.for_each(|request| request.state = RequestState::Expired);
    }

    /// A deployment to production was asked for.
    pub fn deployed(&mut self, event: &Event, asked: &DeploymentRequest) {
        let promote = asked.kind == DeploymentKind::Promote;
        self.close(event.at, |request| {
            let taken = promote && request.build == asked.build && request.by != event.actor;
            if taken { RequestState::Taken } else { RequestState::Superseded }
        });
    }

    pub fn rewritten(&mut self, at: DateTime<Utc>, off_trunk: &[BuildNumber]) {
        self.close(at, |request| {
            let gone = off_trunk.contains(&request.build);
            if gone { RequestState::Superseded } else { RequestState::Open }
        });
    }

    pub fn withdrawn(&mut self, at: DateTime<Utc>, id: Seq) {
        assert!(self.is_open(id, at), "{id} is withdrawn and was not open");
        let same = self.0.iter_mut().filter(|request| request.id == id);
        same.for_each(|request| request.state = RequestState::Withdrawn);
    }

    fn close(&mut self, at: DateTime<Utc>, how: impl Fn(&Request) -> RequestState) {
        for request in self.0.iter_mut().filter(|request| request.state == RequestState::Open) {
            let became = how(request);
            let too_late = became != RequestState::Open && at >= request.until;
            request.state = if too_late { RequestState::Expired } else { became };
        }
    }

    pub fn is_open(&self, id: Seq, at: DateTime<Utc>) -> bool {
        self.0.iter().any(|request| request.id == id && request.is_open(at))
    }

    pub fn is_open_for(&self, build: BuildNumber, at: DateTime<Utc>) -> bool {
        self.0.iter().any(|request| request.build == build && request.is_open(at))
    }

    /// The folded state says the same, and at most one stands.
    pub fn agree_with(&self, state: &ServiceState, now: DateTime<Utc>) {
        let said = |request: &Request| match request.state {
            RequestState::Open if now >= request.until => RequestState::Expired,
            state => state,
        };
        let own: Vec<_> = self.0.iter().map(|r| (r.id, r.build, said(r))).collect();
        let folded: Vec<_> = state.requests.iter().map(|r| (r.id, r.build, r.state(now))).collect();
        assert_eq!(folded, own);
        let open: Vec<_> = self.0.iter().filter(|r| r.is_open(now)).map(|r| r.id).collect();
        assert!(open.len() <= 1, "{open:?} are open at once");
        assert_eq!(state.open_request(now).map(|r| r.id), open.first().copied());
    }
}
