//! One shop for many consoles: there is something to promote, something to roll back and something that runs.

use trunkline_testing::home::until;
use trunkline_testing::pty::Pty;
use trunkline_testing::shop::Shop;

pub const SIZE: (u16, u16) = (120, 40);

pub struct Stage {
    pub shop: Shop,
    /// The commands in the record, once it is set.
    commands: usize,
}

impl Stage {
    /// #1 was live, #2 is, #3 is verified, and #4 is on its way to staging until the gate opens.
    pub fn set() -> Self {
        let shop = Shop::open();
        let mut stage = Self { shop, commands: 0 };
        for build in 1..=3_u64 {
            if build > 1 {
                stage.shop.merge(&format!("change {build}"));
            }
            stage.awaits(build, "in_staging");
            stage.shop.home.said(&["verify", &build.to_string(), "--note", "seen"]);
        }
        stage.shop.home.said(&["promote", "1", "--yes", "--wait"]);
        stage.shop.home.said(&["promote", "2", "--yes", "--wait"]);
        stage.shop.close_gate();
        stage.shop.merge("change 4");
        stage.awaits(4, "deploying");
        stage.commands = stage.commands_now();
        stage
    }

    pub fn awaits(&self, build: u64, state: &str) {
        until(&format!("{build} is {state}"), || {
            let builds = self.shop.home.listed(&["builds", "--json"]);
            let mut builds = builds.as_array().unwrap().iter();
            builds.any(|row| row["number"] == build && row["state"] == state)
        });
    }

    pub fn console(&self, more: &[(&str, &str)]) -> Pty {
        self.shop.home.on_terminal_with(&["console"], SIZE, more)
    }

    /// Everything that a person ever asked this engine for and got.
    fn commands_now(&self) -> usize {
        let events = self.shop.home.said(&["events", "--json"]);
        let person = |line: &str| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["actor"].to_string().contains("person")
        };
        events.lines().filter(|line| person(line)).count()
    }

    /// Nobody asked for anything since the stage was set.
    pub fn is_untouched(&self) {
        let now = self.commands_now();
        assert!(self.commands > 0, "no command is recognised as one");
        let events = self.shop.home.said(&["events"]);
        assert_eq!(now, self.commands, "a command was sent:\n{events}");
    }
}
