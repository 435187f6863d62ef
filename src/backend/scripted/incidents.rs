//! The incidents of a scripted world. Its steps have no logs here.

use super::world::ScriptedWorld;
use crate::domain::command::Refusal;
use crate::domain::ids::{IncidentId, ServiceName};
use crate::domain::incident::{IncidentCut, IncidentInput, IncidentReport, IncidentStanding};

impl ScriptedWorld {
    pub(super) fn incidents(
        &self,
        name: &ServiceName,
        before: Option<IncidentId>,
        limit: usize,
    ) -> Result<Vec<IncidentStanding>, Refusal> {
        let service = self.service(name)?;
        let all = service.state.incidents.iter().rev();
        let older = all.filter(|incident| before.is_none_or(|before| incident.id < before));
        let standing = |incident: &crate::domain::incident::Incident| {
            incident.standing(&service.policy.incidents, &service.state)
        };
        Ok(older.take(limit).map(standing).collect())
    }

    pub(super) fn incident(
        &self,
        name: &ServiceName,
        id: IncidentId,
    ) -> Result<IncidentReport, Refusal> {
        let service = self.service(name)?;
        let incident = service.state.incidents.get(id);
        let incident =
            incident.ok_or_else(|| Refusal::not_found(format!("there is no incident {id}")))?;
        let from = incident.window(&service.state).from;
        let events: Vec<_> = self.events.iter().filter(|event| event.at >= from).cloned().collect();
        let input = IncidentInput {
            service: name,
            state: &service.state,
            people: &service.people,
            policy: &service.policy.incidents,
            incident,
            events: &events,
        };
        Ok(IncidentReport::of(input, self.now, IncidentCut::default()))
    }
}
