//! `[engines.NAME]` of the user file: the engines that steps may run at, with their addresses and tokens. A commit can only
//! name one.

mod people;
pub(super) mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use self::people::EnginePerson;
pub use self::token::{AppKey, TokenSource};
use super::user_file::TOP_KEYS;
use super::{profile, secret_sources};
use crate::domain::lane::fits;
use crate::domain::remote::{EngineName, RemoteCall};
use crate::settings::{Mistakes, Section, Setting};

/// An engine, and what may be asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    pub kind: EngineKind,
    /// Without a slash at its end.
    pub url: String,
    /// The certificates to trust, in PEM, instead of those of the system.
    pub ca: Option<PathBuf>,
    pub token: Option<TokenSource>,
    /// How an engine of kind http is spoken to, if not in trunkline's own protocol.
    pub preset: Option<Preset>,
    /// The names of the jobs that services may start, or of the repositories whose workflows; a `*` stands for any text.
    pub may: Vec<String>,
    /// Those who act there in their own names, as the operator calls them.
    pub people: BTreeMap<String, EnginePerson>,
}

/// What an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// A server of HTTP jobs.
    Http,
    /// GitHub, whose Actions run the steps.
    GitHub,
}

impl EngineKind {
    /// The kind of engine that takes such a call.
    #[must_use]
    pub fn of(call: &RemoteCall) -> Self {
        match call {
            RemoteCall::Http { .. } => Self::Http,
            RemoteCall::GitHub { .. } | RemoteCall::GitHubBy { .. } => Self::GitHub,
        }
    }

    /// As the file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::GitHub => "github",
        }
    }
}

/// An engine that speaks HTTP of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preset {
    Known(KnownPreset),
    /// A file that the operator wrote.
    File(PathBuf),
}

/// A preset of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownPreset {
    Jenkins,
    Buildkite,
    CircleCi,
    Buildbot,
}

impl EngineSettings {
    /// Whoever connects with this identity, by name.
    #[must_use]
    pub fn person(&self, presser: &str) -> Option<(&str, &EnginePerson)> {
        people::of(&self.people, presser)
    }

    /// Whether services may start this job.
    #[must_use]
    pub fn allows(&self, job: &str) -> bool {
        self.may.iter().any(|pattern| fits(pattern, job))
    }

    /// The owners of the repositories that are named, where the token is that of an App: it has one for each.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<String> {
        let is_app = matches!(self.token, Some(TokenSource::App(_)));
        let named = self.may.iter().filter(|_| is_app).filter_map(|name| name.split_once('/'));
        named.map(|(owner, _)| owner.to_owned()).filter(|owner| !owner.contains('*')).collect()
    }

    /// The names of an owner's repositories that may be asked for; none if they may be all that there are.
    #[must_use]
    pub fn repositories_of(&self, owner: &str) -> Vec<String> {
        let fitting = |pattern: &&String| {
            let of = pattern.split_once('/').map_or(pattern.as_str(), |(of, _)| of);
            fits(of, owner)
        };
        let all: Vec<_> = self.may.iter().filter(fitting).collect();
        if all.iter().any(|pattern| pattern.contains('*')) {
            return Vec::new();
        }
        let name = |name: &&String| Some(name.split_once('/')?.1.to_owned());
        all.iter().filter_map(name).collect()
    }
}

/// The address of GitHub for everybody.
pub const GITHUB: &str = "https://api.github.com";

/// The host at which people and git find the repositories of a GitHub whose API is at this address.
#[must_use]
pub fn web_host(api: &str) -> String {
    if api == GITHUB {
        return "github.com".to_owned();
    }
    let rest = api.split_once("://").map_or(api, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Reads the setting `engines`.
pub(super) fn read(
    setting: Option<Setting<'_>>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<EngineName, EngineSettings> {
    let section = setting.and_then(|entry| entry.section(mistakes));
    let entries = section.map(|section| section.all()).unwrap_or_default();
    let mut engines = BTreeMap::new();
    for entry in entries {
        let Ok(name) = entry.name.parse() else {
            entry.reject(mistakes, "is not a name for an engine; use a-z, 0-9, \"-\" and \"_\"");
            continue;
        };
        let before = mistakes.count();
        let engine = entry.section(mistakes).and_then(|section| engine(section, mistakes));
        // One with a mistake may mean another server, or allow more.
        if let Some(engine) = engine.filter(|_| mistakes.count() == before) {
            engines.insert(name, engine);
        }
    }
    engines
}

fn engine(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<EngineSettings> {
    let kinds = [("http", EngineKind::Http), ("github", EngineKind::GitHub)];
    let kind = if let Some(entry) = section.take("kind") {
        entry.choice(&kinds, mistakes)
    } else {
        let sentence = "an engine needs kind = \"http\" or kind = \"github\"";
        mistakes.add(section.at, &section.path, sentence);
        None
    };
    let url = match section.take("url") {
        Some(entry) => url(&entry, mistakes),
        None if kind == Some(EngineKind::GitHub) => Some(GITHUB.to_owned()),
        None => {
            mistakes.add(section.at, &section.path, "an engine needs url = \"https://HOST\"");
            None
        }
    };
    let preset = section.take("preset").and_then(|entry| preset(&entry, kind, mistakes));
    let ca = section.take("ca").and_then(|entry| secret_sources::absolute(&entry, mistakes));
    let token = section.take("token").and_then(|entry| token::read(&entry, kind, mistakes));
    let people = people::read(section.take("people"), kind, mistakes);
    let may = match section.take("may") {
        Some(entry) => {
            entry.texts(mistakes).into_iter().map(|name| name.value.to_owned()).collect()
        }
        None => Vec::new(),
    };
    if may.is_empty() {
        let sentence = match kind {
            Some(EngineKind::GitHub) => {
                "an engine needs may = [\"OWNER/NAME\"]: the repositories whose workflows services may start"
            }
            _ => "an engine needs may = [\"JOB\"]: the jobs that services may start there",
        };
        mistakes.add(section.at, &section.path, sentence);
    }
    section.finish_below(&TOP_KEYS, mistakes);
    Some(EngineSettings { kind: kind?, url: url?, ca, token, preset, may, people })
}

/// The address of an engine, perhaps with a path, to which no token goes in the clear.
fn url(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let (server, path) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let at = rest.find('/').unwrap_or(rest.len());
            (format!("{scheme}://{}", &rest[..at]), rest[at..].trim_end_matches('/'))
        }
        None => (text.to_owned(), ""),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !path.chars().all(is_plain) || path.split('/').any(|part| part == "..") {
        entry.reject(mistakes, format!("{path:?} is no path of a server; write https://HOST/PATH"));
        return None;
    }
    match profile::check_url(&server) {
        Ok(server) => Some(server + path),
        Err(why) => {
            entry.reject(mistakes, why);
            None
        }
    }
}

/// A preset of the program, or the absolute path of a file.
fn preset(
    entry: &Setting<'_>,
    kind: Option<EngineKind>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Preset> {
    if kind == Some(EngineKind::GitHub) {
        entry.reject(mistakes, "is for kind = \"http\"");
        return None;
    }
    if entry.text(mistakes)?.contains('/') {
        return secret_sources::absolute(entry, mistakes).map(Preset::File);
    }
    let known = [
        ("jenkins", KnownPreset::Jenkins),
        ("buildkite", KnownPreset::Buildkite),
        ("circleci", KnownPreset::CircleCi),
        ("buildbot", KnownPreset::Buildbot),
    ];
    entry.choice(&known, mistakes).map(Preset::Known)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::user_file::UserFile;

    fn parsed(text: &str) -> Result<EngineSettings, String> {
        let file = UserFile::parse(text, "config.toml").map_err(|error| error.to_string())?;
        Ok(file.engines[&"deployer".parse().unwrap()].clone())
    }

    #[test]
    fn an_engine_has_an_address_a_token_and_a_list_of_jobs() {
        let good = "[engines.deployer]\nkind = \"http\"\nurl = \"https://deploy.example.org/api/\"\nmay = [\"shop\"]\n";
        let engine = parsed(good).unwrap();
        assert_eq!(engine.url, "https://deploy.example.org/api");
        assert_eq!(engine.token, None);
        let with = parsed(&format!("{good}token = {{ env = \"TOKEN\" }}\n")).unwrap();
        assert_eq!(with.token, Some(TokenSource::Env("TOKEN".into())));
        for (text, preset) in [
            ("buildbot", Preset::Known(KnownPreset::Buildbot)),
            ("/etc/own.toml", Preset::File("/etc/own.toml".into())),
        ] {
            let with = parsed(&format!("{good}preset = \"{text}\"\n")).unwrap();
            assert_eq!(with.preset, Some(preset));
        }
        for (change, said) in [
            (("may", "preset = \"jenkin\"\nmay"), "did you mean \"jenkins\""),
            (("may", "preset = \"own/preset.toml\"\nmay"), "absolute"),
            (("https://deploy", "http://deploy"), "in the clear"),
            (("/api/", "/../api"), "no path of a server"),
            (("\"http\"", "\"jenkins\""), "kind"),
            (("may = [\"shop\"]", ""), "needs may"),
            (("may", "token = { env = \"A\", every = \"1h\" }\nmay"), "is for command"),
            (("may", "token = { command = [\"a\"], every = \"0s\" }\nmay"), "longer than 0"),
            (("may", "token = { app = 7, key = \"/k\" }\nmay"), "is for kind = \"github\""),
            (("may", "mya"), "unknown key; did you mean"),
            (("may", "token = {}\nmay"), "one of env, file, command and app"),
            (
                ("may", "token = { env = \"A\", file = \"/b\" }\nmay"),
                "one of env, file, command and app",
            ),
            (("may", "token = { file = \"b\" }\nmay"), "absolute"),
        ] {
            let why = parsed(&good.replace(change.0, change.1)).unwrap_err();
            assert!(why.contains(said) && why.contains("config.toml:"), "{change:?}: {why}");
        }
    }

    #[test]
    fn github_has_an_address_of_its_own_and_lists_repositories() {
        let good = "[engines.deployer]\nkind = \"github\"\nmay = [\"acme/shop\"]\n";
        let engine = parsed(good).unwrap();
        assert_eq!((engine.kind, engine.url.as_str()), (EngineKind::GitHub, GITHUB));
        assert!(engine.allows("acme/shop") && !engine.allows("acme/shop2"));
        let own = parsed(&format!("{good}url = \"https://ghe.example.org/api/v3/\"\n")).unwrap();
        assert_eq!(own.url, "https://ghe.example.org/api/v3");
        let why = parsed(&good.replace("may = [\"acme/shop\"]", "")).unwrap_err();
        assert!(why.contains("OWNER/NAME"), "{why}");
    }

    #[test]
    fn a_token_is_that_of_an_app_or_comes_from_a_command_now_and_then() {
        let token = |token: &str| {
            let github = "[engines.deployer]\nkind = \"github\"\nmay = [\"acme/shop\"]\n";
            parsed(&format!("{github}token = {{ {token} }}\n")).map(|engine| engine.token.unwrap())
        };
        let command = vec!["gh".to_owned(), "auth".to_owned(), "token".to_owned()];
        let said = "command = [\"gh\", \"auth\", \"token\"]";
        let every = Some(Duration::from_mins(50));
        assert_eq!(
            token(&format!("{said}, every = \"50m\"")).unwrap(),
            TokenSource::Command { command: command.clone(), every }
        );
        assert_eq!(token(said).unwrap(), TokenSource::Command { command, every: None });
        let app = |installation| {
            TokenSource::App(AppKey {
                app: 12_345,
                key: "/k.pem".into(),
                installation,
                writes: false,
            })
        };
        assert_eq!(token("app = 12345, key = \"/k.pem\"").unwrap(), app(None));
        assert_eq!(
            token("app = 12345, key = \"/k.pem\", installation = 678").unwrap(),
            app(Some(678))
        );
        for (text, said) in [
            ("app = 12345", "needs key = \"/PATH\""),
            ("app = 0, key = \"/k\"", "not a number from 1"),
            ("app = 1, key = \"k\"", "absolute"),
            ("key = \"/k\", env = \"A\"", "is for app"),
            ("installation = 5, env = \"A\"", "is for app"),
            ("contents = \"write\", env = \"A\"", "is for app"),
            ("app = 1, key = \"/k\", contents = \"all\"", "known: \"read\" and \"write\""),
            ("app = 1, key = \"/k\", env = \"A\"", "one of env, file, command and app"),
        ] {
            let why = token(text).unwrap_err();
            assert!(why.contains(said) && why.contains("config.toml:"), "{text}: {why}");
        }
    }

    #[test]
    fn people_act_there_with_tokens_of_their_own_and_no_app_is_one_of_them() {
        let github = "[engines.deployer]\nkind = \"github\"\nmay = [\"acme/shop\"]\n";
        let with = |more: &str| parsed(&format!("{github}{more}"));
        let engine = with("[engines.deployer.people.bob]\ntoken = { env = \"BOB\" }\n").unwrap();
        let token = Some(TokenSource::Env("BOB".into()));
        assert_eq!(engine.person("bob").unwrap().1.token, token);
        assert_eq!(engine.person("ann"), None);
        let bob = "[engines.deployer.people.bob]\n";
        for (more, said) in [
            (bob.to_owned(), "needs token"),
            (format!("{bob}token = {{ app = 1, key = \"/k\" }}\n"), "no person is"),
            (format!("{bob}tokn = {{ env = \"A\" }}\n"), "unknown key"),
            (
                format!(
                    "{bob}login = \"bob-gh\"\n[engines.deployer.people.ann]\nlogin = \"ann\"\nlogins = [\"bob\"]\n"
                ),
                "belongs to",
            ),
        ] {
            let why = with(&more).unwrap_err();
            assert!(why.contains(said) && why.contains("config.toml:"), "{more}: {why}");
        }
        let jobs =
            "[engines.deployer]\nkind = \"http\"\nurl = \"https://a.example\"\nmay = [\"a\"]\n";
        let why = parsed(&format!("{jobs}{bob}login = \"b\"\n")).unwrap_err();
        assert!(why.contains("is for kind"), "{why}");
    }

    #[test]
    fn only_the_listed_jobs_may_be_started() {
        let engine = EngineSettings {
            kind: EngineKind::Http,
            url: String::new(),
            ca: None,
            token: None,
            preset: None,
            may: ["shop", "shop-*", "*-eu-*"].map(str::to_owned).to_vec(),
            people: BTreeMap::new(),
        };
        for job in ["shop", "shop-", "shop-us", "a-eu-b"] {
            assert!(engine.allows(job), "{job}");
        }
        for job in ["", "sho", "shopp", "eshop", "a-eu", "Shop"] {
            assert!(!engine.allows(job), "{job}");
        }
    }
}
