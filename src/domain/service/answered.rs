//! What the targets of an environment themselves say that they run.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Live, ServiceState};
use crate::domain::deployment::Deployment;
use crate::domain::effect::DeploymentEffect;
use crate::domain::event::{Event, LiveSaid, SaidCommit, TargetAnswer, TargetSaid, TargetsSaid};
use crate::domain::ids::Environment;
use crate::domain::live_source::AskedOf;
use crate::domain::target::{TargetName, TargetStanding, differ};

impl ServiceState {
    /// Whether the targets of an environment were heard since the last deployment there ended.
    #[must_use]
    pub fn is_heard(&self, environment: Environment) -> bool {
        let heard = self.heard_after.get(&environment);
        heard.is_some_and(|after| *after == self.last_ended.get(&environment).copied())
    }

    /// The last deployment of production to end, if its targets are asked what they run and were not heard since.
    #[must_use]
    pub fn unheard(&self) -> Option<&Deployment> {
        let production = Environment::Production;
        let is_asked = self.asked_of_production == Some(AskedOf::Targets);
        let last = self.last_ended(production).filter(|last| !last.is_said());
        last.filter(|_| is_asked && !self.is_heard(production))
    }

    /// Why nobody says what an environment runs, where the last question about it hung until it was given up.
    #[must_use]
    pub fn hangs(&self, environment: Environment) -> Option<&str> {
        let why = self.unread.get(&environment).filter(|_| self.hanging.contains(&environment));
        why.map(String::as_str)
    }

    /// How many targets say that they run what is live, and that is all of them: the evidence of "3 of 3". `None` if one says
    /// something else, was not heard since the last deployment, could not be read at the last question, or is not asked any more.
    #[must_use]
    pub fn all_say_live(&self, environment: Environment) -> Option<usize> {
        let live = self.live(environment)?.build;
        let targets = self.targets(environment);
        let says_so = |target: &TargetStanding| {
            target.said_since.is_some() && target.doubt.is_none() && target.build == Some(live)
        };
        let asked_of = match environment {
            Environment::Staging => self.asked_of_staging,
            Environment::Production => self.asked_of_production,
        };
        let is_read = asked_of == Some(AskedOf::Targets)
            && self.is_heard(environment)
            && !self.unread.contains_key(&environment);
        let is_whole = is_read && !targets.is_empty() && targets.iter().all(says_so);
        (is_whole && self.unsettled(environment).is_none()).then_some(targets.len())
    }

    /// The targets that are expected to answer: those heard since the last deployment, or else before it.
    #[must_use]
    pub fn expected_to_answer(&self, environment: Environment) -> BTreeSet<TargetName> {
        if !self.is_heard(environment) {
            return self.answering.get(&environment).cloned().unwrap_or_default();
        }
        let standing = self.targets(environment).iter();
        let heard = standing.filter(|known| known.said_since.is_some() || known.why.is_some());
        heard.map(|known| known.target.clone()).collect()
    }

    /// Whether these answers are known already.
    #[must_use]
    pub fn is_told(&self, said: &TargetsSaid) -> bool {
        let standing = self.targets(said.environment);
        let is_known = |said: &TargetSaid| {
            let known = standing.iter().find(|known| known.target == said.target);
            known.is_some_and(|known| says_the_same(known, &said.answer))
        };
        let is_asked = |known: &TargetStanding| {
            known.said_since.is_none() && known.why.is_none()
                || said.targets.iter().any(|said| said.target == known.target)
        };
        self.is_heard(said.environment)
            && said.targets.iter().all(is_known)
            && standing.iter().all(is_asked)
    }

    /// The targets answered. If all say the same, that is the answer of the service too.
    pub(super) fn targets_answered(&mut self, event: &Event, said: &TargetsSaid) {
        let environment = said.environment;
        for answered in &said.targets {
            if let Some(SaidCommit::Build { build, sha, older: Some(older) }) = answered.says() {
                self.became_a_build(event, (*build, sha), older);
            }
        }
        let hearing = Hearing {
            at: event.at,
            live: self.live(environment).cloned(),
            is_first: !self.is_heard(environment),
        };
        if self.waves_answered(said) {
            self.answered_beside_waves(said, &hearing);
            return;
        }
        let before = self.targets.remove(&environment).unwrap_or_default();
        let find = |said: &TargetSaid| before.iter().find(|known| known.target == said.target);
        let mut standing: Vec<_> =
            said.targets.iter().map(|said| hearing.standing(find(said), said)).collect();
        // Those of steps that nobody can ask keep what their runs brought.
        let is_left = |known: &&TargetStanding| {
            known.said_since.is_none()
                && known.why.is_none()
                && !said.targets.iter().any(|said| said.target == known.target)
        };
        standing.extend(before.iter().filter(is_left).cloned());
        self.doubted_by_answer.retain(|(of, target)| {
            *of != environment || !said.targets.iter().any(|said| said.target == *target)
        });
        // All may say the same that is no build.
        if said.whole().is_none() && differ(&standing) {
            self.apart.insert(environment);
        } else {
            self.apart.remove(&environment);
        }
        self.targets.insert(environment, standing);
        self.heard_after.insert(environment, self.last_ended.get(&environment).copied());
        let answering = self.answering.entry(environment).or_default();
        if hearing.is_first {
            answering.clear();
        }
        let answered = said.targets.iter().filter(|said| said.says().is_some());
        answering.extend(answered.map(|said| said.target.clone()));
        self.note_effect(said, hearing.is_first);
        if let Some(says) = said.whole() {
            let (host, says) = (said.source.clone(), says.clone());
            self.live_said(event, &LiveSaid { environment, host, says });
            // An answer that counts as a deployment of its own was heard with it.
            self.heard_after.insert(environment, self.last_ended.get(&environment).copied());
        }
    }

    /// Whether targets that no wave so far is for say something else than is known of them.
    #[must_use]
    pub fn is_news_beside_waves(&self, said: &TargetsSaid) -> bool {
        let standing = self.targets(said.environment);
        let is_new = |said: &&TargetSaid| {
            let known = standing.iter().find(|known| known.target == said.target);
            known.is_some_and(|known| !says_the_same(known, &said.answer))
        };
        self.said_beside_waves(said).iter().any(is_new)
    }

    /// What somebody changes where no wave came yet is known also while the next one waits. It is no word of a deployment.
    fn answered_beside_waves(&mut self, said: &TargetsSaid, hearing: &Hearing) {
        let beside = self.said_beside_waves(said);
        let Some(standing) = self.targets.get_mut(&said.environment) else { return };
        for answered in beside {
            let known = standing.iter_mut().find(|known| known.target == answered.target);
            if let Some(known) = known {
                *known = hearing.standing(Some(known), answered);
            }
        }
    }

    /// What the last deployment brought about. What could not be read is filled in later; what somebody changes is not.
    fn note_effect(&mut self, said: &TargetsSaid, is_first: bool) {
        let Some(id) = self.last_ended.get(&said.environment).copied() else { return };
        self.change(id, |deployment| {
            if deployment.is_said() || deployment.is_stated() || deployment.is_of_restore() {
                return;
            }
            match &mut deployment.effect {
                Some(effect) if !is_first => effect.fill(&said.targets),
                None if is_first => {
                    deployment.effect =
                        Some(Box::new(DeploymentEffect { targets: said.targets.clone() }));
                }
                _ => {}
            }
        });
    }
}

/// When answers were heard, and what the record says.
struct Hearing {
    at: DateTime<Utc>,
    live: Option<Live>,
    /// Whether they are the first since the last deployment.
    is_first: bool,
}

impl Hearing {
    fn standing(&self, known: Option<&TargetStanding>, said: &TargetSaid) -> TargetStanding {
        let known_by_word = known.filter(|known| known.said_since.is_some());
        match &said.answer {
            // Silence takes back nothing that a target said since the last deployment, or that its own run brought.
            TargetAnswer::Unread(why) => {
                let stays = known.filter(|known| {
                    known.build.is_some() && (!self.is_first || known.said_since.is_none())
                });
                stays.cloned().unwrap_or_else(|| TargetStanding {
                    why: Some(why.clone()),
                    ..TargetStanding::named(said.target.clone())
                })
            }
            answer
                if let Some(known) = known_by_word
                    && !self.is_first
                    && says_the_same(known, answer) =>
            {
                known.clone()
            }
            TargetAnswer::Says(says) => self.heard(known, said, says),
        }
    }

    fn heard(
        &self,
        known: Option<&TargetStanding>,
        said: &TargetSaid,
        says: &SaidCommit,
    ) -> TargetStanding {
        let build = says.build();
        let live = self.live.as_ref();
        let is_live = build.is_some() && build == live.map(|live| live.build);
        let was_known =
            known.is_some_and(|known| known.build.is_some() || known.said_since.is_some());
        let changed_at = (!self.is_first && was_known && !is_live).then_some(self.at);
        let kept = known.filter(|known| known.build == build).and_then(|known| known.deployment);
        let why = match says {
            SaidCommit::Build { .. } => None,
            SaidCommit::Unknown(commit) => Some(format!("it says {commit}")),
        };
        TargetStanding {
            build,
            deployment: if is_live { live.map(|live| live.deployment) } else { kept },
            why,
            said_since: Some(self.at),
            changed_at,
            ..TargetStanding::named(said.target.clone())
        }
    }
}

/// Whether an answer says nothing new of a target. One that cannot be read never does.
fn says_the_same(known: &TargetStanding, answer: &TargetAnswer) -> bool {
    match answer {
        TargetAnswer::Unread(_) => true,
        TargetAnswer::Says(_) if known.said_since.is_none() || known.doubt.is_some() => false,
        TargetAnswer::Says(SaidCommit::Build { build, .. }) => known.build == Some(*build),
        TargetAnswer::Says(SaidCommit::Unknown(commit)) => {
            known.build.is_none() && known.why.as_deref() == Some(&format!("it says {commit}"))
        }
    }
}
