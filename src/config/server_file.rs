//! `server.toml`: how a server for a team listens, with which certificate, and who its people are.

mod oidc;
mod people;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::oidc::{BrowserSettings, OidcSettings, RoleRule};
pub use self::people::ServerPerson;
use super::engines::{self, EngineSettings};
use super::error::ConfigError;
use super::issues::{self, IssueSettings};
use super::notify::{self, DestinationSettings};
use super::profile::is_loopback;
use super::secret_sources::{self, absolute};
use super::{user_file, webhooks};
use crate::domain::caller::AccessRole;
use crate::domain::delivery::WebhookForge;
use crate::domain::notice::DestinationName;
use crate::domain::remote::EngineName;
use crate::settings::{Mistakes, Section, Setting, tree};

/// The keys at the top of the file.
const TOP: &[&str] = &["listen", "behind_proxy", "hosts", "public_url", "metrics"];
/// How often the head of the chain is written if the file does not say.
const EVERY: Duration = Duration::from_mins(15);

/// The name of the file, beside the user file.
pub const SERVER_FILE: &str = "server.toml";

/// The settings of a server file. Without one, there is only the socket of the engine's owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFile {
    /// `HOST:PORT`.
    pub listen: Option<String>,
    pub tls: Option<TlsSettings>,
    /// The addresses of the proxies in front of the server.
    pub behind_proxy: Vec<IpAddr>,
    /// Names of the server besides those in its certificate.
    pub hosts: Vec<String>,
    /// Where people reach the pages of the server, without a path: `https://deploys.example.org`.
    pub public_url: Option<String>,
    pub socket_group: Option<SocketGroup>,
    pub oidc: Option<OidcSettings>,
    /// By name.
    pub people: BTreeMap<String, ServerPerson>,
    /// The file with the secret of each forge that may tell of a push.
    pub webhooks: BTreeMap<WebhookForge, PathBuf>,
    /// Whether everybody may read the numbers.
    pub open_metrics: bool,
    pub chain_head: Option<HeadCopy>,
    /// The engines that steps may run at, besides those of the user file.
    pub engines: BTreeMap<EngineName, EngineSettings>,
    /// The places that are told what happens, besides those of the user file.
    pub destinations: BTreeMap<DestinationName, DestinationSettings>,
    /// Where issues are opened, if the user file does not say.
    pub issues: Option<IssueSettings>,
}

/// Where the head of the record's chain is written now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadCopy {
    pub to: HeadTarget,
    pub every: Duration,
}

/// A second place, which whoever changes the record should not be able to change too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadTarget {
    File(PathBuf),
    /// A program that reads it on its standard input, and its arguments.
    Command(Vec<String>),
}

/// A second socket, for the members of a Unix group on the same machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketGroup {
    pub path: PathBuf,
    /// The name of the group.
    pub group: String,
    /// What every member may do.
    pub role: AccessRole,
}

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl ServerFile {
    /// Reads the file; a missing file gives the defaults.
    ///
    /// # Errors
    /// If it cannot be read, or with every mistake in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&user_file::read(path)?, &path.display().to_string(), folder)
    }

    /// Reads the text of a server file; `file` is what errors call it, and paths in it begin at `folder`.
    ///
    /// # Errors
    /// With every mistake, at its line and column.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, ConfigError> {
        let tree = tree(text, file)?;
        let mut mistakes = Mistakes::new(file, text);
        let resolved = resolve(Section::of_file(&tree), folder, &mut mistakes);
        Ok(mistakes.finish(Some(resolved))?)
    }
}

/// The engines in the text of a server file, of which the user file has none. Other mistakes in it do not concern them.
///
/// # Errors
/// With every mistake about its engines.
pub(super) fn engines_of(
    path: &Path,
    text: &str,
    known: &BTreeMap<EngineName, EngineSettings>,
    user_file: &Path,
) -> Result<BTreeMap<EngineName, EngineSettings>, ConfigError> {
    let file = path.display().to_string();
    let tree = tree(text, &file)?;
    let (mut top, mut mistakes) = (Section::of_file(&tree), Mistakes::new(&file, text));
    let setting = top.take("engines");
    let all = setting.as_ref().and_then(|entry| entry.section(&mut mistakes));
    for entry in all.map(|section| section.all()).unwrap_or_default() {
        if known.keys().any(|name| name.as_str() == entry.name) {
            let sentence = format!("{} has an engine of this name; keep one", user_file.display());
            entry.reject(&mut mistakes, sentence);
        }
    }
    let engines = engines::read(setting.filter(|_| mistakes.count() == 0), &mut mistakes);
    Ok(mistakes.finish(Some(engines))?)
}

/// The destinations in the text of a server file, of which the user file has none. Other mistakes in it do not concern them.
///
/// # Errors
/// With every mistake about its destinations.
pub(super) fn destinations_of(
    path: &Path,
    text: &str,
    known: &BTreeMap<DestinationName, DestinationSettings>,
    user_file: &Path,
) -> Result<BTreeMap<DestinationName, DestinationSettings>, ConfigError> {
    let file = path.display().to_string();
    let tree = tree(text, &file)?;
    let (mut top, mut mistakes) = (Section::of_file(&tree), Mistakes::new(&file, text));
    let setting = top.take("notify");
    let all = setting.as_ref().and_then(|entry| entry.section(&mut mistakes));
    for entry in all.map(|section| section.all()).unwrap_or_default() {
        if known.keys().any(|name| name.as_str() == entry.name) {
            let user_file = user_file.display();
            let sentence = format!("{user_file} has a destination of this name; keep one");
            entry.reject(&mut mistakes, sentence);
        }
    }
    let found = notify::read(setting.filter(|_| mistakes.count() == 0), &mut mistakes);
    Ok(mistakes.finish(Some(found))?)
}

/// Where issues are opened, by the text of a server file. Other mistakes in it do not concern that.
///
/// # Errors
/// With every mistake about it; also if `is_known`: the user file says it too.
pub(super) fn issues_of(
    path: &Path,
    text: &str,
    is_known: bool,
) -> Result<Option<IssueSettings>, ConfigError> {
    let file = path.display().to_string();
    let tree = tree(text, &file)?;
    let (mut top, mut mistakes) = (Section::of_file(&tree), Mistakes::new(&file, text));
    let setting = top.take("incidents");
    if let Some(entry) = setting.as_ref().filter(|_| is_known) {
        entry.reject(&mut mistakes, "is in config.toml too; keep one");
    }
    let issues = issues::read(setting, &mut mistakes);
    Ok(mistakes.finish(Some(issues))?)
}

fn resolve(mut top: Section<'_>, folder: &Path, mistakes: &mut Mistakes<'_>) -> ServerFile {
    let listen = top.take("listen").and_then(|entry| address(&entry, mistakes));
    let proxies = top.take("behind_proxy").map(|entry| entry.items(mistakes));
    let proxies = proxies.unwrap_or_default();
    let behind_proxy = proxies.iter().filter_map(|entry| ip(entry, mistakes)).collect();
    let hosts = top.take("hosts").map(|entry| entry.items(mistakes)).unwrap_or_default();
    let hosts = hosts.iter().filter_map(|entry| host(entry, mistakes)).collect();
    let public_url = top.take("public_url").and_then(|entry| public_url(&entry, mistakes));
    let tls = top.take("tls").and_then(|entry| entry.section(mistakes));
    let tls = tls.and_then(|section| tls_settings(section, folder, mistakes));
    let socket_group = top.take("socket_group").and_then(|entry| entry.section(mistakes));
    let socket_group = socket_group.and_then(|section| group(section, mistakes));
    let webhooks = webhooks::read(top.take("webhooks"), folder, mistakes);
    let open_metrics = top.take("metrics").is_some_and(|entry| is_open(&entry, mistakes));
    let chain_head = top.take("chain_head").and_then(|entry| entry.section(mistakes));
    let chain_head = chain_head.and_then(|section| head_copy(section, folder, mistakes));
    let oidc = top.take("oidc").and_then(|entry| entry.section(mistakes));
    let oidc = oidc.and_then(|section| oidc::read(section, TOP, folder, mistakes));
    let people = people::read(top.take("people"), TOP, mistakes);
    let engines = engines::read(top.take("engines"), mistakes);
    let destinations = notify::read(top.take("notify"), mistakes);
    let issues = issues::read(top.take("incidents"), mistakes);
    top.finish(mistakes);
    ServerFile {
        listen,
        tls,
        behind_proxy,
        hosts,
        public_url,
        socket_group,
        oidc,
        people,
        webhooks,
        open_metrics,
        chain_head,
        engines,
        destinations,
        issues,
    }
}

fn head_copy(
    mut section: Section<'_>,
    folder: &Path,
    mistakes: &mut Mistakes<'_>,
) -> Option<HeadCopy> {
    let (at, path) = (section.at, section.path.clone());
    let file = section.take("file");
    let command = secret_sources::command(&mut section, "command", mistakes);
    let every = section.take("every").map(|entry| entry.positive_duration(mistakes));
    section.finish_below(TOP, mistakes);
    let to = match (file, command) {
        (Some(file), None) => HeadTarget::File(folder.join(file.text(mistakes)?)),
        (None, Some(command)) => HeadTarget::Command(command),
        _ => {
            let sentence = "needs file = \"/PATH\" or command = [\"PROGRAM\"], one of both";
            mistakes.add(at, &path, sentence);
            return None;
        }
    };
    Some(HeadCopy { to, every: every.unwrap_or(Some(EVERY))? })
}

/// Who may read the numbers: whoever has a token, or everybody.
fn is_open(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> bool {
    match entry.text(mistakes) {
        Some("token") | None => false,
        Some("open") => true,
        Some(other) => {
            entry.reject(mistakes, format!("{other:?} is not known; write \"token\" or \"open\""));
            false
        }
    }
}

fn tls_settings(
    mut section: Section<'_>,
    folder: &Path,
    mistakes: &mut Mistakes<'_>,
) -> Option<TlsSettings> {
    let (at, path) = (section.at, section.path.clone());
    let mut file = |key, mistakes: &mut Mistakes<'_>| {
        let text = if let Some(entry) = section.take(key) {
            entry.text(mistakes)
        } else {
            mistakes.add(at, &path, format!("TLS needs {key} = \"/PATH\""));
            None
        };
        text.map(|text| folder.join(text))
    };
    let (certificate, key) = (file("certificate", mistakes), file("key", mistakes));
    section.finish_below(TOP, mistakes);
    Some(TlsSettings { certificate: certificate?, key: key? })
}

fn group(mut section: Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<SocketGroup> {
    let (at, place) = (section.at, section.path.clone());
    let (path, group) = (section.take("path"), section.take("group"));
    for (key, is_missing) in [("path", path.is_none()), ("group", group.is_none())] {
        if is_missing {
            mistakes.add(at, &place, format!("the socket of a group needs {key}"));
        }
    }
    let path = path.and_then(|entry| absolute(&entry, mistakes));
    let group = group.and_then(|entry| entry.text(mistakes)).map(str::to_owned);
    let role = section.take("role").map(|entry| self::role(&entry, mistakes));
    section.finish_below(TOP, mistakes);
    let role = role.unwrap_or(Some(AccessRole::Deployer));
    Some(SocketGroup { path: path?, group: group?, role: role? })
}

fn role(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<AccessRole> {
    let roles = [AccessRole::Viewer, AccessRole::Deployer, AccessRole::Admin];
    entry.choice(&roles.map(|role| (role.as_str(), role)), mistakes)
}

fn address(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    if is_address(text) {
        return Some(text.to_owned());
    }
    entry.reject(mistakes, format!("{text:?} is no address; write HOST:PORT such as 0.0.0.0:8443"));
    None
}

/// Whether a text is `HOST:PORT`.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        let is_bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        is_bare && is_name(host) && port.parse::<u16>().is_ok()
    })
}

fn is_name(host: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    !host.is_empty() && host.chars().all(allowed)
}

fn ip(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<IpAddr> {
    let text = entry.text(mistakes)?;
    let parsed = text.parse::<IpAddr>();
    if parsed.is_err() {
        entry.reject(mistakes, format!("{text:?} is no IP address; write one such as 10.0.0.7"));
    }
    parsed.ok().map(|address| address.to_canonical())
}

fn host(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    if is_name(text) {
        return Some(text.to_owned());
    }
    let advice = "write NAME or NAME:PORT, without https:// and without a path";
    entry.reject(mistakes, format!("{text:?} is no host; {advice}"));
    None
}

fn public_url(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let url = text.strip_suffix('/').unwrap_or(text);
    let host = host_of(url).filter(|host| is_name(host));
    if host.is_some_and(|host| url.starts_with("https://") || is_loopback(host)) {
        return Some(url.to_owned());
    }
    if host.is_some() {
        let why = "would send what signs a browser in over the network in the clear";
        entry.reject(mistakes, format!("{text:?} {why}; write https://"));
        return None;
    }
    let advice = "write https://NAME or https://NAME:PORT, without a path";
    entry.reject(mistakes, format!("{text:?} is no address of a server; {advice}"));
    None
}

/// The host and the port of a public address.
#[must_use]
pub fn host_of(url: &str) -> Option<&str> {
    ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ServerFile, ConfigError> {
        ServerFile::parse(text, SERVER_FILE, Path::new("/etc/trunkline"))
    }

    #[test]
    fn every_setting_is_read_and_paths_begin_at_the_file() {
        let file = parse(
            "listen = \"[::]:8443\"\npublic_url = \"https://deploys.example.org/\"\nhosts = [\"deploys.example.org\", \"10.0.0.5:8443\"]\n\
             behind_proxy = [\"10.0.0.7\"]\nmetrics = \"open\"\n[tls]\ncertificate = \"cert.pem\"\nkey = \"/k/key.pem\"\n\
             [socket_group]\npath = \"/run/trunkline/engine.sock\"\ngroup = \"deployers\"\nrole = \"viewer\"\n\
             [webhooks.github]\nsecret_file = \"hook\"\n\
             [chain_head]\nfile = \"head.json\"\nevery = \"1h\"\n",
        );
        let tls =
            TlsSettings { certificate: "/etc/trunkline/cert.pem".into(), key: "/k/key.pem".into() };
        assert_eq!(
            file.unwrap(),
            ServerFile {
                listen: Some("[::]:8443".into()),
                tls: Some(tls),
                behind_proxy: vec!["10.0.0.7".parse().unwrap()],
                hosts: vec!["deploys.example.org".into(), "10.0.0.5:8443".into()],
                public_url: Some("https://deploys.example.org".into()),
                socket_group: Some(SocketGroup {
                    path: "/run/trunkline/engine.sock".into(),
                    group: "deployers".into(),
                    role: AccessRole::Viewer,
                }),
                webhooks: [(WebhookForge::Github, "/etc/trunkline/hook".into())].into(),
                open_metrics: true,
                chain_head: Some(HeadCopy {
                    to: HeadTarget::File("/etc/trunkline/head.json".into()),
                    every: Duration::from_hours(1),
                }),
                ..ServerFile::default()
            }
        );
        assert_eq!(parse("").unwrap(), ServerFile::default());
    }

    #[test]
    fn the_provider_and_the_people_are_read() {
        let file = parse(
            "[oidc]\nissuer = \"https://login.example.org/\"\nclient_id = \"trunkline\"\nsession = \"8h\"\n\
             scopes = [\"groups\"]\n\
             [oidc.browser]\nclient_id = \"trunkline-browser\"\nsecret_file = \"oidc.secret\"\n\
             [[oidc.roles]]\nvalue = \"sre\"\nrole = \"admin\"\n\
             [[oidc.roles]]\nclaim = \"/realm/roles\"\nvalue = \"dev\"\nrole = \"deployer\"\nservices = [\"checkout\"]\n\
             [people.\"Raj Patel\"]\nemails = [\"raj@example.org\"]\nforge_logins = [\"rajp\"]\nsubjects = [\"7\"]\n",
        );
        let file = file.unwrap();
        let oidc = file.oidc.unwrap();
        assert_eq!(
            (oidc.issuer.as_str(), oidc.audience.as_str()),
            ("https://login.example.org/", "trunkline")
        );
        assert_eq!(oidc.session, std::time::Duration::from_hours(8));
        assert_eq!(oidc.browser.client_id.as_deref(), Some("trunkline-browser"));
        assert!(oidc.browser.secret_file.unwrap().ends_with("oidc.secret"));
        let claims: Vec<_> = oidc.roles.iter().map(|rule| rule.claim.as_str()).collect();
        assert_eq!(claims, ["groups", "/realm/roles"]);
        assert_eq!(oidc.roles[1].services, Some(["checkout".parse().unwrap()].into()));
        let raj = &file.people["Raj Patel"];
        assert_eq!(raj.person.emails, ["raj@example.org"]);
        assert_eq!(
            (&raj.person.forge_logins[..], &raj.subjects[..]),
            (&["rajp".to_owned()][..], &["7".to_owned()][..])
        );
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let mistakes = [
            ("listen = 8443", "1:10"),
            ("listen = \"8443\"", "HOST:PORT"),
            ("listen = \"::1:8443\"", "HOST:PORT"),
            ("\nhosts = [\"https://x\"]", "2:10"),
            ("behind_proxy = [\"proxy\"]", "IP address"),
            ("behind_proxy = \"10.0.0.7\"", "expected a list"),
            ("[tls]\ncertificate = \"a\"", "key = "),
            ("[tls]\ncertificate = \"a\"\nkey = \"b\"\nlisten = \"a:1\"", "top of the file"),
            ("[socket_group]\npath = \"/x\"", "needs group"),
            ("[socket_group]\npath = \"x\"\ngroup = \"g\"", "absolute path"),
            ("[socket_group]\npath = \"/x\"\ngroup = \"g\"\nrole = \"root\"", "viewer"),
            ("[webhooks.github]\nsecret = \"x\"", "secret_file"),
            ("[webhooks.svn]\nsecret_file = \"x\"", "github"),
            ("metrics = \"all\"", "write \"token\" or \"open\""),
            ("metrics = true", "1:11"),
            ("[chain_head]\nevery = \"5m\"", "one of both"),
            ("[chain_head]\nfile = \"/x\"\ncommand = [\"cat\"]", "one of both"),
            ("[chain_head]\ncommand = \"cat\"", "is not a list"),
            ("[chain_head]\nfile = \"/x\"\nevery = \"0s\"", "longer than 0"),
            ("lisen = \"a:1\"", "listen"),
            ("[engines.hub]\nkind = \"github\"", "needs may = [\"OWNER/NAME\"]"),
            ("[oidc]\nclient_id = \"a\"", "needs issuer"),
            ("[oidc]\nissuer = \"https://a\"", "needs client_id"),
            (
                "[oidc]\nissuer = \"http://a\"\nclient_id = \"a\"",
                "2:10: oidc.issuer: \"http://a\" is no issuer",
            ),
            ("[oidc]\nissuer = \"https://a?b\"\nclient_id = \"a\"", "no issuer"),
            ("[oidc]\nissuer = \"https://a\"\nclient_id = \"a\"", "nobody would be let in"),
            ("[oidc]\nscopes = [\"a b\"]", "2:11: oidc.scopes: \"a b\" is no scope"),
            ("[oidc]\nsession = \"0s\"", "longer than 0"),
            ("[oidc]\nlisten = \"a:1\"", "top of the file"),
            ("[oidc]\nclient = \"a\"", "client_id"),
            ("[oidc.browser]\nsecret = \"a\"", "secret_file"),
            ("[[oidc.roles]]\nvalue = \"a\"", "a role needs role"),
            ("[[oidc.roles]]\nrole = \"admin\"", "a role needs value"),
            ("[[oidc.roles]]\nrole = \"root\"\nvalue = \"a\"", "2:8"),
            ("[[oidc.roles]]\nrole = \"admin\"\nservices = [\"a\"]", "take the role deployer"),
            ("[[oidc.roles]]\nrole = \"viewer\"\nservices = []", "names no service"),
            ("[[oidc.roles]]\nrole = \"viewer\"\nservices = [\"A B\"]", "3:13"),
            ("[people.raj]\nemails = [\"raj\"]", "not an address"),
            ("[people.raj]\nchat = [\"U1\"]", "unknown key"),
            (
                "[people.Trunkline]\nemails = []",
                "1:9: people.Trunkline: \"Trunkline\" would look like somebody else",
            ),
            (
                "[people.a]\nemails = [\"a@x\"]\n[people.b]\nemails = [\"A@x\"]",
                "belongs to \"a\" already",
            ),
            (
                "[people.a]\nsubjects = [\"1\"]\n[people.b]\nsubjects = [\"1\"]",
                "4:13: people.b.subjects: \"1\" belongs to",
            ),
            (
                "[people.a]\nforge_logins = [\"1\"]\n[people.b]\nforge_logins = [\"1\"]",
                "belongs to \"a\"",
            ),
            ("\npublic_url = \"deploys.example.org\"", "2:14"),
            ("public_url = \"https://x/trunkline\"", "without a path"),
            ("public_url = \"ftp://x\"", "without a path"),
            ("public_url = \"http://deploys.example.org\"", "in the clear; write https://"),
            ("public_url = \"http://127.0.0.1.evil.example\"", "in the clear"),
        ];
        for (text, wanted) in mistakes {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.contains(wanted), "{text:?}: {told}");
        }
    }
}
