//! What a console would show of a snapshot and of a plan, read off its screen.

use std::time::Duration;

use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use tokio::time::Instant;
use trunkline::console::effect::Effect;
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::{Options, update, view};
use trunkline::domain::command::Action;
use trunkline::domain::ids::Environment;
use trunkline::domain::plan::Plan;
use trunkline::domain::schema::Outlook;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::{FleetSnapshot, ServiceSnapshot};
use trunkline::terminal::input::Crowd;
use trunkline_testing::console::{key, options};

pub struct Screen {
    model: Model,
    size: (u16, u16),
}

impl Screen {
    fn new(options: Options, (width, height): (u16, u16)) -> Self {
        let at = Instant::now();
        let model = Model::new(options, uuid::Uuid::nil(), Size { width, height }, at);
        Self { model, size: (width, height) }
    }

    pub fn of_service(snapshot: &ServiceSnapshot, size: (u16, u16)) -> Self {
        let name = snapshot.service.clone();
        let options = Options { service: Some(name.clone()), ..options() };
        let mut screen = Self::new(options, size);
        screen.take(Message::Service(name, Ok(Some(Box::new(snapshot.clone())))));
        screen
    }

    pub fn of_fleet(fleet: FleetSnapshot, size: (u16, u16)) -> Self {
        let mut screen = Self::new(Options { several: true, ..options() }, size);
        screen.take(Message::Fleet(Ok(Some(Box::new(fleet)))));
        screen
    }

    fn take(&mut self, message: Message) -> Vec<Effect> {
        // Later than any key before it, so that no two look typed at once.
        let at = self.model.at + Duration::from_secs(1);
        update(&mut self.model, TimedMessage { at, message })
    }

    fn press(&mut self, name: &str) -> Vec<Effect> {
        let (event, keys_out) = (Event::Key(key(name)), self.model.at);
        self.take(Message::Input { event, crowd: Crowd::Alone, keys_out })
    }

    /// The plan that a key asks for. Its answer is shown.
    pub fn asks(&mut self, name: &str, answer: impl FnOnce(Action) -> Plan) -> Option<Plan> {
        let effects = self.press(name);
        let asked = effects.into_iter().find_map(|effect| match effect {
            Effect::Plan { action, ticket, .. } => Some((action, ticket)),
            _ => None,
        });
        let (action, ticket) = asked?;
        let plan = answer(action);
        self.take(Message::Planned { ticket, answer: Ok(Box::new(plan.clone())) });
        Some(plan)
    }

    /// The lines at the top say everything that an alarm says, and the offer of a rollback as it is.
    pub fn header_tells(&self, snapshot: &ServiceSnapshot) {
        let text = self.text();
        let is_header = |line: &&str| line.starts_with(" PROD ") || line.starts_with(" STG ");
        let header = text.lines().take_while(is_header).collect::<Vec<_>>().join(" \n");
        let has =
            |what: &str| assert!(header.contains(what), "no {what:?} in {header:?}: {snapshot:#?}");
        let is_busy = snapshot.deployments.iter().any(|row| {
            row.deployment.request.environment == Environment::Production
                && row.deployment.is_open()
        });
        match snapshot.live.get(&Environment::Production) {
            Some(live) => has(&format!(" {} ", live.build)),
            None => has(" nothing"),
        }
        for alarm in &snapshot.alarms {
            match alarm {
                Alarm::WatchBad { .. } | Alarm::WaveBad { .. } => {
                    panic!("nothing is watched in the story")
                }
                // Then it says what happens now.
                _ if is_busy && alarm.environment() == Environment::Production => {}
                Alarm::InDoubt { environment: Environment::Production, build, state, .. } => {
                    has(&format!("{build} {}", state.as_str()));
                }
                Alarm::LateRun { .. } => panic!("all steps of the story run here"),
                Alarm::Drift { .. } => panic!("no service of the story says what it runs"),
                Alarm::BadLive { .. } => has(" BAD"),
                Alarm::InDoubt { build, state, .. } => {
                    has(&format!("STG {build} {}", state.as_str().to_uppercase()));
                }
                Alarm::NotInStaging { build, .. } => {
                    let told = [format!("STG {build} "), format!(" lacks {build}")];
                    let words = [&told[..], &[" +1".into()]].concat();
                    let told = words.iter().any(|word| header.contains(word));
                    assert!(told, "none of {words:?} in {header:?}");
                }
            }
        }
        match &snapshot.rollback {
            None => {
                let none = [" no earlier build ", " none "];
                let told = match snapshot.skipped.as_slice() {
                    [] => none.iter().any(|words| header.contains(words)),
                    _ => header.contains(" no good"),
                };
                assert!(told, "{header:?}");
            }
            Some(offer) => {
                let word = match (offer.under_way, &offer.blocked, offer.verdict.outlook) {
                    (Some(_), ..) => "UNDER WAY",
                    (None, Some(_), _) => "BLOCKED",
                    (None, None, Outlook::Safe) if offer.unchecked => "UNCHECKED",
                    (None, None, Outlook::Safe) => "schema SAFE",
                    (None, None, Outlook::Risk) => "RISK",
                    (None, None, Outlook::PointOfNoReturn) => "NO RETURN",
                };
                has(&format!(" {} ", offer.to));
                has(word);
            }
        }
    }

    /// The dialog names the target and the outlook of its plan, and no other one.
    pub fn dialog_tells(&self, plan: &Plan) {
        let text = self.text();
        let (_, below) = text.split_once('\n').expect("it has lines");
        // The other way after a rollback that failed has an outlook of its own.
        let of_plan = below.lines().filter(|line| !line.contains("the good build before"));
        let below = of_plan.collect::<Vec<_>>().join(" \n");
        let outlook = plan.verdict.as_ref().expect("a rollback has a verdict").outlook;
        for (word, of) in [
            ("schema SAFE", Outlook::Safe),
            ("RISK", Outlook::Risk),
            ("POINT OF NO RETURN", Outlook::PointOfNoReturn),
        ] {
            assert_eq!(below.contains(word), of == outlook, "{word} in {text}");
        }
        assert!(below.contains(&format!("to {}", plan.target.build)), "{text}");
    }

    pub fn text(&self) -> String {
        let (width, height) = self.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it cannot fail");
        terminal.draw(|frame| view(&self.model, frame)).expect("it cannot fail");
        let cells = terminal.backend().buffer().content.chunks(usize::from(width));
        let lines = cells.map(|line| line.iter().map(ratatui::buffer::Cell::symbol).collect());
        lines.collect::<Vec<String>>().join("\n")
    }
}
