//! The text of a service file, put together from what a test needs of it.

use std::fmt::Write as _;

/// A program that does nothing.
const IDLE: &str = "[\"true\"]";

/// The service `checkout` on `main` without a soak, whose builds are verified by the step `smoke` of staging.
pub fn service_file() -> ServiceFile {
    ServiceFile { people: String::new(), steps: String::new() }
}

/// A service file in the making.
#[derive(Debug)]
pub struct ServiceFile {
    people: String,
    steps: String,
}

impl ServiceFile {
    /// A person of this name, with an address at `example.com`.
    #[must_use]
    pub fn person(mut self, name: &str) -> Self {
        let _memory = write!(self.people, "[people.{name}]\nemails = [\"{name}@example.com\"]\n");
        self
    }

    /// Raj, who runs the test.
    #[must_use]
    pub fn raj(mut self) -> Self {
        self = self.person("raj");
        let _memory = writeln!(self.people, "logins = [{:?}]", crate::login());
        self
    }

    /// One more step: `run` is a line of shell, or a list of words in brackets.
    #[must_use]
    pub fn step(mut self, pipeline: &str, name: &str, run: &str) -> Self {
        let run = if run.starts_with('[') { run.to_owned() } else { format!("{run:?}") };
        let _memory = write!(self.steps, "[[{pipeline}.steps]]\nname = {name:?}\nrun = {run}\n");
        self
    }

    /// A step in each pipeline.
    #[must_use]
    pub fn everywhere(self, name: &str, run: &str) -> Self {
        let pipelines = ["staging", "production", "rollback"];
        pipelines.iter().fold(self, |file, pipeline| file.step(pipeline, name, run))
    }

    /// The smoke step, a release and a rollback, none of which does anything.
    #[must_use]
    pub fn idle(self) -> Self {
        let file = self.step("staging", "smoke", IDLE).step("production", "release", IDLE);
        file.step("rollback", "release", IDLE)
    }

    pub fn text(&self) -> String {
        let policy = "[policy]\nsoak = \"0s\"\nverify = \"step:smoke\"\n";
        format!("service = \"checkout\"\ntrunk = \"main\"\n{policy}{}{}", self.people, self.steps)
    }
}
