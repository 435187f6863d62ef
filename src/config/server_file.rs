//! `server.toml`: how a server for a team listens, and with which certificate.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::secret_sources::absolute;
use super::user_file;
use crate::domain::caller::AccessRole;
use crate::settings::{Mistakes, Section, Setting, tree};

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
    pub socket_group: Option<SocketGroup>,
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

fn resolve(mut top: Section<'_>, folder: &Path, mistakes: &mut Mistakes<'_>) -> ServerFile {
    let listen = top.take("listen").and_then(|entry| address(&entry, mistakes));
    let proxies = top.take("behind_proxy").map(|entry| entry.items(mistakes));
    let proxies = proxies.unwrap_or_default();
    let behind_proxy = proxies.iter().filter_map(|entry| ip(entry, mistakes)).collect();
    let hosts = top.take("hosts").map(|entry| entry.items(mistakes)).unwrap_or_default();
    let hosts = hosts.iter().filter_map(|entry| host(entry, mistakes)).collect();
    let tls = top.take("tls").and_then(|entry| entry.section(mistakes));
    let tls = tls.and_then(|section| tls_settings(section, folder, mistakes));
    let socket_group = top.take("socket_group").and_then(|entry| entry.section(mistakes));
    let socket_group = socket_group.and_then(|section| group(section, mistakes));
    top.finish(mistakes);
    ServerFile { listen, tls, behind_proxy, hosts, socket_group }
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
    section.finish_below(&["listen", "behind_proxy", "hosts"], mistakes);
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
    let roles = [AccessRole::Viewer, AccessRole::Deployer, AccessRole::Admin];
    let roles = roles.map(|role| (role.as_str(), role));
    let role = section.take("role").map(|entry| entry.choice(&roles, mistakes));
    section.finish_below(&["listen", "behind_proxy", "hosts"], mistakes);
    let role = role.unwrap_or(Some(AccessRole::Deployer));
    Some(SocketGroup { path: path?, group: group?, role: role? })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ServerFile, ConfigError> {
        ServerFile::parse(text, SERVER_FILE, Path::new("/etc/trunkline"))
    }

    #[test]
    fn every_setting_is_read_and_paths_begin_at_the_file() {
        let file = parse(
            "listen = \"[::]:8443\"\nhosts = [\"deploys.example.org\", \"10.0.0.5:8443\"]\n\
             behind_proxy = [\"10.0.0.7\"]\n[tls]\ncertificate = \"cert.pem\"\nkey = \"/k/key.pem\"\n\
             [socket_group]\npath = \"/run/trunkline/engine.sock\"\ngroup = \"deployers\"\nrole = \"viewer\"\n",
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
                socket_group: Some(SocketGroup {
                    path: "/run/trunkline/engine.sock".into(),
                    group: "deployers".into(),
                    role: AccessRole::Viewer,
                }),
            }
        );
        assert_eq!(parse("").unwrap(), ServerFile::default());
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
            ("lisen = \"a:1\"", "listen"),
        ];
        for (text, wanted) in mistakes {
            let told = parse(text).unwrap_err().to_string();
            assert!(told.contains(wanted), "{text:?}: {told}");
        }
    }
}
