//! Where a service itself tells which commit an environment runs.

use std::time::Duration;

use super::event::Run;
use super::ids::Environment;
use super::target::TargetName;

/// How the name of a command begins that tells what runs, in place of a host.
pub const THE_COMMAND: &str = "the command ";

/// How long an old commit may be answered after a deployment, if the service file does not say it.
pub const DEFAULT_SETTLE: Duration = Duration::from_mins(2);

/// How long an old commit may be answered after a deployment where each target is asked, if the service file does not say it.
pub const DEFAULT_TARGETS_SETTLE: Duration = Duration::from_secs(10);

/// How long an address may take to answer.
pub const ADDRESS_TIMEOUT: Duration = Duration::from_millis(2_500);

/// How long a command may take that tells what runs, if the service file does not say it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is asked what an environment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedOf {
    Nobody,
    /// The service as a whole.
    Service,
    /// Each of its targets, or a command that tells of each.
    Targets,
}

/// What a service file says of where to ask, by environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveSources {
    pub staging: Option<LiveSource>,
    pub production: Option<LiveSource>,
}

impl LiveSources {
    #[must_use]
    pub fn of(&self, environment: Environment) -> Option<&LiveSource> {
        match environment {
            Environment::Staging => self.staging.as_ref(),
            Environment::Production => self.production.as_ref(),
        }
    }

    /// Every one with its environment.
    pub fn all(&self) -> impl Iterator<Item = (Environment, &LiveSource)> {
        let all = [Environment::Staging, Environment::Production];
        all.into_iter().filter_map(|environment| Some((environment, self.of(environment)?)))
    }
}

/// How it is asked what an environment runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSource {
    pub question: LiveQuestion,
    /// How long after a deployment the answer may still be the old one.
    pub settle: Duration,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveQuestion {
    /// The service as a whole, at one address.
    One(LiveAddress),
    /// Each target at its own address.
    Each(Vec<(TargetName, LiveAddress)>),
    /// A command of the service's repository, as it is at the trunk's tip.
    Command(LiveCommand),
}

/// A command that prints `TARGET COMMIT` lines, or one commit alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCommand {
    pub run: Run,
    pub timeout: Duration,
}

/// An address that answers with JSON, and where in it the commit stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiveAddress {
    pub url: LiveUrl,
    /// A JSON pointer.
    pub pointer: String,
}

/// The longest name of a command.
const LONGEST_NAME: usize = 40;

impl LiveSource {
    /// Who is asked, for people: a host, `h1.example and 2 more`, `the command ./which.sh`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.question {
            LiveQuestion::One(address) => address.url.host().to_owned(),
            LiveQuestion::Each(all) => {
                let first = all.first().map_or("nobody", |(_, address)| address.url.host());
                match all.len().saturating_sub(1) {
                    0 => first.to_owned(),
                    more => format!("{first} and {more} more"),
                }
            }
            LiveQuestion::Command(command) => {
                let text = match &command.run {
                    Run::Shell(line) | Run::Bash(line) => line.clone(),
                    Run::Argv(words) => words.join(" "),
                    Run::Remote(_) => String::new(),
                };
                let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
                let name: String = words.chars().filter(plain).take(LONGEST_NAME).collect();
                format!("{THE_COMMAND}{name}")
            }
        }
    }

    /// How long a question may take until it is given up.
    #[must_use]
    pub fn longest(&self) -> Duration {
        match &self.question {
            LiveQuestion::One(_) | LiveQuestion::Each(_) => ADDRESS_TIMEOUT,
            LiveQuestion::Command(command) => command.timeout,
        }
    }

    #[must_use]
    pub fn asked_of(&self) -> AskedOf {
        match self.question {
            LiveQuestion::One(_) => AskedOf::Service,
            LiveQuestion::Each(_) | LiveQuestion::Command(_) => AskedOf::Targets,
        }
    }
}

/// An address of a service, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiveUrl {
    /// `https://shop.example`, with a port only where it is not the usual one.
    pub origin: String,
    /// The path and the query, from the slash on.
    pub path: String,
}

impl LiveUrl {
    /// # Errors
    /// With what is wrong.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let scheme = text.find("://").map_or(0, |at| at + 3);
        let at = text[scheme..].find(['/', '?']).map_or(text.len(), |at| scheme + at);
        let origin = origin(&text[..at]).ok_or("is no address; write https://HOST/PATH")?;
        if origin.contains('*') {
            return Err("is of no single host; write https://HOST/PATH");
        }
        let path = &text[at..];
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./?=&~%+:,".contains(c);
        if !path.chars().all(is_plain) {
            return Err("has a character that no address has; write https://HOST/PATH");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { origin, path: format!("{slash}{path}") })
    }

    /// The host with its port, for people.
    #[must_use]
    pub fn host(&self) -> &str {
        self.origin.split_once("://").map_or(&self.origin, |(_, host)| host)
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// Whether one of these origins is its own. `https://*.example` stands for all hosts below `example`.
    #[must_use]
    pub fn is_at(&self, origins: &[String]) -> bool {
        origins.iter().any(|origin| match origin.split_once("://*.") {
            None => *origin == self.origin,
            Some((scheme, below)) => {
                let rest = self.origin.strip_prefix(scheme).and_then(|o| o.strip_prefix("://"));
                let name = rest.and_then(|host| host.strip_suffix(below)?.strip_suffix('.'));
                name.is_some_and(|name| !name.is_empty())
            }
        })
    }
}

/// `https://HOST[:PORT]` of what an operator or a service file writes; without a scheme it is https. The host may begin with
/// `*.`. `None` if it is no such thing.
#[must_use]
pub fn origin(text: &str) -> Option<String> {
    let (scheme, host) = text.split_once("://").unwrap_or(("https", text));
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port.parse::<u16>().ok()?)),
        _ => (host, None),
    };
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let bare = name.strip_prefix("*.").unwrap_or(name);
    let is_v6 = bare.starts_with('[') && bare.ends_with(']') && bare.len() > 2;
    let good = |c: char| {
        is_v6 && (c.is_ascii_hexdigit() || "[:]".contains(c))
            || !is_v6 && (c.is_ascii_alphanumeric() || "-.".contains(c))
    };
    let is_host = !bare.is_empty() && bare.len() <= 253 && bare.chars().all(good);
    let is_whole = !bare.starts_with(['.', '-']) && !bare.contains("..");
    let port = port.filter(|port| *port != usual).map(|port| format!(":{port}"));
    let name = name.to_ascii_lowercase();
    (is_host && is_whole).then(|| format!("{scheme}://{name}{}", port.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_one_host_and_only_what_is_listed_may_be_asked() {
        let url = LiveUrl::parse("https://Shop.example:443/version?full=1").unwrap();
        assert_eq!(url.origin, "https://shop.example");
        assert_eq!(url.whole(), "https://shop.example/version?full=1");
        assert_eq!(LiveUrl::parse("http://[::1]:81").unwrap().whole(), "http://[::1]:81/");
        for wrong in [
            "shop example/x",
            "ftp://shop.example/",
            "https://",
            "https://me:word@shop.example/",
            "https://*.example/",
            "https://shop.example/a b",
            "https://shop.example/#x",
            "https://shop.example:99999/",
            "https://-x/",
        ] {
            assert!(LiveUrl::parse(wrong).is_err(), "{wrong}");
        }
        let hosts = |all: &[&str]| all.iter().map(|host| origin(host).unwrap()).collect::<Vec<_>>();
        for (url, listed, is) in [
            ("https://shop.example/v", "shop.example", true),
            ("https://shop.example:8443/v", "shop.example", false),
            ("https://shop.example:8443/v", "shop.example:8443", true),
            ("http://shop.example/v", "shop.example", false),
            ("http://shop.example/v", "http://shop.example", true),
            ("https://eu.shop.example/v", "*.shop.example", true),
            ("https://shop.example/v", "*.shop.example", false),
            ("https://evilshop.example/v", "*.shop.example", false),
            ("https://shop.example.evil/v", "shop.example", false),
            ("https://shop.example.evil/v", "*.example", false),
        ] {
            assert_eq!(LiveUrl::parse(url).unwrap().is_at(&hosts(&[listed])), is, "{url} {listed}");
        }
        assert_eq!([origin("*"), origin("a b"), origin("a/b")], [None, None, None]);
    }
}
