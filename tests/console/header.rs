//! The header: what is said in one line or two, and what is given up first.

use std::time::Duration;

use proptest::prelude::*;
use trunkline::backend::scripted::{Fault, Scripted, ScriptedWorld};
use trunkline::console::Options;
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;
use trunkline_testing::console::{Console, checkout, options, ready, turns_red};

fn kim() -> Actor {
    Actor::Person("kim".into())
}

fn freeze(world: &mut ScriptedWorld) {
    let from = world.now();
    let until = Some(from + chrono::TimeDelta::hours(63));
    let fact = Fact::FreezePlaced { from, until, reason: "Thanksgiving and the day after".into() };
    world.record(&checkout(), kim(), fact);
}

fn hold(world: &mut ScriptedWorld) {
    let fact = Fact::HoldPlaced {
        environment: Environment::Production,
        reason: "the audit".into(),
        rollback: None,
        all: false,
    };
    world.record(&checkout(), kim(), fact);
}

/// A promote of #3 that runs, or failed at its second step.
fn promote(world: &mut ScriptedWorld, fails: bool) {
    let (to, kind) = (Environment::Production, DeploymentKind::Promote);
    world.request(&checkout(), BuildNumber(3), to, kind, kim());
    world.advance(&checkout());
    if fails {
        world.advance(&checkout());
        world.advance_with(&checkout(), StepOutcome::Exited(1));
        world.finish(&checkout());
    }
}

/// The lines of the header.
fn header(console: &Console) -> Vec<String> {
    let text = console.text();
    let is_header = |line: &&str| line.starts_with(" PROD ") || line.starts_with(" STG ");
    text.lines().take_while(is_header).map(str::to_owned).collect()
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is there or not, whatever else is")]
struct State {
    red: bool,
    frozen: bool,
    held: bool,
    promote: Option<bool>,
    demo: bool,
    read_only: bool,
    profile: bool,
    lost: bool,
}

impl State {
    fn any() -> impl Strategy<Value = Self> {
        let flags = prop::collection::vec(any::<bool>(), 7);
        (flags, prop::option::of(any::<bool>())).prop_map(|(flags, promote)| Self {
            red: flags[0],
            frozen: flags[1],
            held: flags[2],
            promote,
            demo: flags[3],
            read_only: flags[4],
            profile: flags[5],
            lost: flags[6],
        })
    }

    fn world(self) -> Scripted {
        let backend = ready();
        backend.change(|world| {
            if self.red {
                turns_red(world, "raj");
            }
            if self.frozen {
                freeze(world);
            }
            if self.held {
                hold(world);
            }
            if let Some(fails) = self.promote {
                promote(world, fails);
            }
        });
        backend
    }

    fn options(self) -> Options {
        let profile = self.profile.then(|| "production-of-the-shop".to_owned());
        Options { demo: self.demo, read_only: self.read_only, profile, ..options() }
    }

    async fn holds(self, sizes: &[(u16, u16)]) {
        let backend = self.world();
        let console = Console::with(&backend, (120, 40), self.options(), |_| {});
        console.until(" PROD ").await.until("#2").await.settled().await;
        if self.lost {
            backend.fault(Fault::Unreachable);
            console.until("STALE").await;
        }
        for (width, height) in sizes {
            console.resize(*width, *height);
            console.settled().await;
            let lines = header(&console);
            let told = lines.join("\n");
            let has = |what: &str| {
                assert!(told.contains(what), "{what:?} at {width}x{height}, {self:?}:\n{told}");
            };
            assert!(lines[0].starts_with(" PROD "), "{told}");
            assert!(lines[0].contains(" #2 "), "{width}x{height}, {self:?}:\n{told}");
            assert!(*height < 20 || lines.len() == 2, "{width}x{height}, {self:?}:\n{told}");
            has(if self.held {
                "ON HOLD"
            } else if self.frozen {
                "FROZEN"
            } else {
                "OPEN"
            });
            has("schema SAFE");
            has(" sam ");
            has(if !self.read_only {
                " RW"
            } else if told.contains("READ-ONLY") {
                " READ-ONLY"
            } else {
                " RO"
            });
            if self.demo {
                has("DEMO");
            }
            if self.profile {
                has("produ");
            }
            if self.lost {
                has("STALE");
            }
            match self.promote {
                Some(true) => has("#3 failed"),
                Some(false) => has(" → #3"),
                None => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn production_its_build_and_who_you_are_are_in_the_header_at_every_size(
        state in State::any(),
        sizes in prop::collection::vec((60u16..300, 12u16..80), 4),
        narrow in prop::collection::vec((60u16..84, 12u16..30), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            state.holds(&sizes).await;
            state.holds(&narrow).await;
        });
    }
}

#[tokio::test(start_paused = true)]
async fn staging_has_a_line_of_its_own_on_a_high_screen() {
    let backend = ready();
    backend.change(|world| {
        turns_red(world, "raj");
        world.pass(Duration::from_mins(2));
    });
    let console = Console::open(&backend);
    console.until("STG #4 FAILED release 3m (raj)   last good #3   +1 ahead").await;
    console.resize(80, 19);
    console.settled().await.until("STG #4 FAILED").await;
    assert_eq!(header(&console).len(), 1, "{}", console.text());
    backend.change(|world| {
        let build = world.verified_build(&checkout(), "ada");
        assert_eq!(build, BuildNumber(5));
    });
    console.resize(80, 24);
    console.until("STG #5 live").await;
    assert!(!console.text().contains("last good"), "it is the newest:\n{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_narrower_header_gives_up_what_matters_least_first() {
    let backend = ready();
    backend.change(|world| {
        freeze(world);
        turns_red(world, "raj");
    });
    let parts = ["Thanksgiving", ", not watched", "14h", "to Thu 0", "→ #1", "STG #4 FAILED"];
    let console = Console::sized(&backend, (260, 16));
    console.until("Thanksgiving").await;
    let mut narrowest = parts.map(|_| 0);
    for width in (60..=260).rev().step_by(2) {
        console.resize(width, 16);
        console.settled().await;
        let line = header(&console).concat();
        for (part, at) in parts.iter().zip(&mut narrowest) {
            if line.contains(part) {
                assert!(*at == 0 || *at == width + 2, "{part:?} came back at {width}: {line}");
                *at = width;
            }
        }
    }
    assert!(narrowest.is_sorted_by(|a, b| a >= b), "{parts:?} {narrowest:?}");
}
