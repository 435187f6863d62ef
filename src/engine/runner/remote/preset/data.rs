//! A preset: how an engine that speaks its own HTTP is asked, as data. `docs/presets.md` describes the file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::config::engines::{KnownPreset, Preset};
use crate::domain::remote::{PLACEHOLDERS, filled};

/// The placeholders of a preset beside those of a service file.
const OWN: [&str; 7] = ["job", "id", "item", "part", "from", "url", "limit"];
/// The name of the member that stands for all inputs.
pub(super) const INPUTS: &str = "{inputs}";
const JENKINS: &str = include_str!("../../../../../assets/presets/jenkins.toml");
const BUILDKITE: &str = include_str!("../../../../../assets/presets/buildkite.toml");
const CIRCLECI: &str = include_str!("../../../../../assets/presets/circleci.toml");
const BUILDBOT: &str = include_str!("../../../../../assets/presets/buildbot.toml");
/// The longest file.
const LONGEST: u64 = 64 * 1024;

/// The words of a preset file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PresetData {
    /// How the token is told.
    #[serde(default)]
    pub token: TokenForm,
    /// What stands between the parts of a job's name in an address.
    #[serde(default = "slash")]
    pub job_between: String,
    /// The pause between two looks.
    #[serde(deserialize_with = "duration")]
    pub pace: Duration,
    /// How long a run that was sent may be missing before it counts as never started.
    #[serde(deserialize_with = "duration")]
    pub settling: Duration,
    /// Inputs that the preset takes for itself, with their values where a step has none.
    #[serde(default)]
    pub takes: BTreeMap<String, String>,
    /// What a person looks at.
    pub page: String,
    /// A read that does no harm.
    pub check: ReadData,
    pub start: StartData,
    pub find: Vec<FindData>,
    pub queue: Option<QueueData>,
    pub look: LookData,
    pub cancel: RequestData,
    pub log: Option<LogData>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum TokenForm {
    #[default]
    Bearer,
    /// It is `NAME:PASSWORD`.
    Basic,
    Header(String),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadData {
    pub get: String,
}

/// A request that changes something.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestData {
    pub method: WriteMethod,
    pub path: String,
    /// What is told behind the path.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    pub json: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum WriteMethod {
    Post,
    Put,
    Delete,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartData {
    pub request: RequestData,
    /// Where the id stands in the answer; without it, it is the last part of its `Location`.
    pub id: Option<String>,
}

/// A list in which a run can be found by its key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindData {
    pub get: String,
    pub each: String,
    pub id: String,
    /// The key is below this place.
    pub key: String,
    /// What is read for each of the list, where that has the key.
    pub then: Option<String>,
    /// Whether what it lists waits for its begin, so that its ids are those of the queue.
    #[serde(default)]
    pub queue: bool,
}

/// Where a run is before it has an id of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueData {
    pub get: String,
    pub page: String,
    /// The id of the run, once it has begun.
    pub id: String,
    /// It never will begin.
    pub cancelled: Condition,
    pub says: Option<String>,
    pub cancel: RequestData,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookData {
    pub get: String,
    /// Where the run is in the answer, or the list of its parts.
    #[serde(default)]
    pub at: String,
    /// Which of the list count; without it, the answer has no list.
    pub each: Option<Condition>,
    /// The id of a part, for the request that cancels it.
    pub item: Option<String>,
    pub word: String,
    /// The states that the words stand for. Any other text says how a run ended that is no success.
    pub words: BTreeMap<String, String>,
    /// What is true of a run that is over.
    pub over: Condition,
    /// What is true of a run that waits for its begin.
    pub queued: Option<Condition>,
    pub says: Option<String>,
    /// When it began: RFC 3339, or seconds or milliseconds since 1970.
    pub started: Option<String>,
}

/// What stands at a place: this, or anything but null.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub at: String,
    pub is: Option<Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogData {
    pub by: LogOffset,
    /// The parts of which a log consists, found level by level.
    #[serde(default)]
    pub walk: Vec<WalkData>,
    pub get: String,
    /// Where the text is in the answer; without it, the answer is the text.
    pub text: Option<String>,
    /// The first letters of lines that count, which are removed. Without it, all lines count as they are.
    pub marks: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LogOffset {
    /// `X-Text-Size` is where the text goes on, and `X-More-Data` tells that more comes.
    Bytes,
    Lines,
    /// The text of a part is read when that has ended.
    Whole,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WalkData {
    pub get: String,
    pub each: String,
    pub id: String,
    pub name: Option<String>,
    /// Which of them count.
    #[serde(rename = "where")]
    pub of: Option<Condition>,
    /// What is true of one to which nothing comes any more.
    pub done: Condition,
}

impl PresetData {
    /// Reads the preset.
    ///
    /// # Errors
    /// With what is wrong with its file.
    pub fn load(preset: &Preset) -> Result<Self, String> {
        let known = match preset {
            Preset::Known(known) => known,
            Preset::File(path) => {
                let parsed = read(path).and_then(|text| Self::parse(&text));
                return parsed.map_err(|why| format!("the preset {}: {why}", path.display()));
            }
        };
        Self::parse(match known {
            KnownPreset::Jenkins => JENKINS,
            KnownPreset::Buildkite => BUILDKITE,
            KnownPreset::CircleCi => CIRCLECI,
            KnownPreset::Buildbot => BUILDBOT,
        })
    }

    /// # Errors
    /// With the line of the mistake, in one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let one_line = |why: toml::de::Error| {
            let line = why.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{line}{}", why.message().replace('\n', " "))
        };
        let data: Self = toml::from_str(text).map_err(one_line)?;
        match data.unknown_placeholder(text) {
            Some(name) => Err(format!("{{{name}}} is no placeholder of a preset")),
            None => Ok(data),
        }
    }

    /// The first placeholder in the whole text that has no value.
    fn unknown_placeholder(&self, text: &str) -> Option<String> {
        let known = |name: &str| {
            name.is_empty()
                || PLACEHOLDERS.contains(&name)
                || OWN.contains(&name)
                || self.takes.contains_key(name)
                || INPUTS == format!("{{{name}}}")
        };
        let unknown = RefCell::new(None);
        let look = |name: &str| {
            if !known(name) {
                unknown.borrow_mut().get_or_insert_with(|| name.to_owned());
            }
            String::new()
        };
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let _filled = filled(line, look);
        }
        unknown.into_inner()
    }
}

fn read(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|why| why.to_string())?.len();
    if size > LONGEST {
        return Err("it is too long for one".into());
    }
    std::fs::read_to_string(path).map_err(|why| why.to_string())
}

fn slash() -> String {
    "/".to_owned()
}

fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(value)?;
    humantime::parse_duration(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_of_the_program_can_be_read() {
        for (name, text) in [
            ("Jenkins", JENKINS),
            ("Buildkite", BUILDKITE),
            ("CircleCI", CIRCLECI),
            ("Buildbot", BUILDBOT),
        ] {
            let data = PresetData::parse(text).unwrap_or_else(|why| panic!("{name}: {why}"));
            let good = data.look.words.values().filter(|word| *word == "succeeded").count();
            assert!(!data.find.is_empty() && good > 0, "{name}");
        }
    }

    #[test]
    fn a_mistake_in_a_file_is_named() {
        for (from, to, said) in [
            ("pace =", "pase =", "pase"),
            ("\"3s\"", "\"soon\"", "line "),
            ("{run}", "{key}", "{key} is no placeholder of a preset"),
            ("\"POST\"", "\"GET\"", "GET"),
        ] {
            let why = PresetData::parse(&JENKINS.replacen(from, to, 1)).unwrap_err();
            assert!(why.contains(said), "{from}: {why}");
        }
    }
}
