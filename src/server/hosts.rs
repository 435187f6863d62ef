//! The host names that a request over the network may be for, and the pages that may send one. Keeps out a page in
//! somebody's browser that reaches this address under a name of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Request, Version};

use super::tls::Certificates;

/// The names of a listener on loopback.
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// The allowed hosts of a listener.
#[derive(Clone)]
pub(super) struct Hosts {
    /// `NAME` or `NAME:PORT`, in lower case. Without a port: none, or the listener's.
    named: Vec<String>,
    address: SocketAddr,
    /// A name of the certificate is allowed too.
    certificates: Option<Arc<Certificates>>,
}

impl Hosts {
    pub fn new(
        named: &[String],
        address: SocketAddr,
        certificates: Option<Arc<Certificates>>,
    ) -> Self {
        let named = named.iter().map(|name| name.to_lowercase()).collect();
        Self { named, address, certificates }
    }

    /// Checks the host of a request and, if a page sent it, the page's origin.
    ///
    /// # Errors
    /// With the sentence for the caller.
    pub fn check<B>(&self, request: &Request<B>) -> Result<(), String> {
        let target = request.uri().authority().map(Authority::as_str);
        let host = match only(request.headers(), &HOST)? {
            // In HTTP/2 the target has the host, and few clients say it twice.
            None if request.version() == Version::HTTP_2 => target,
            host => host,
        };
        let host = host.ok_or("the request names no host")?;
        if target.is_some_and(|target| target != host) {
            return Err("the request names two hosts".into());
        }
        if !self.allows(host) {
            let advice = "add it to hosts in server.toml if it is a name of this server";
            return Err(format!("this server is not {host:?}; {advice}"));
        }
        match only(request.headers(), &ORIGIN)? {
            Some(origin) if !self.allows_origin(origin) => {
                Err(format!("pages of {origin:?} may not use this server"))
            }
            _ => Ok(()),
        }
    }

    fn allows_origin(&self, origin: &str) -> bool {
        origin.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "https" | "http")
                && (scheme == "https" || self.certificates.is_none())
                && self.allows(host)
        })
    }

    fn allows(&self, authority: &str) -> bool {
        let authority = authority.to_lowercase();
        let Some((name, port)) = split(&authority) else { return false };
        let is_own_port = port == Some(self.address.port());
        let is_named = |named: &String| *named == authority || (is_own_port && named == name);
        let by_certificate = || {
            let is_valid = |all: &Arc<Certificates>| all.are_for(name);
            self.certificates.as_ref().is_some_and(is_valid)
        };
        self.named.iter().any(is_named)
            || (self.address.ip().is_loopback() && is_own_port && LOOPBACK.contains(&name))
            || ((port.is_none() || is_own_port) && by_certificate())
    }
}

/// The value of a header that a request has at most once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(Some).map_err(|_| format!("the header {name} cannot be read"))
        }
        _ => Err(format!("the request has the header {name} more than once")),
    }
}

/// The name and the port of an authority.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (name, port) = authority.split_at(end);
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    if port.is_empty() {
        return Some((name, None));
    }
    let digits = port.strip_prefix(':').filter(|port| port.chars().all(|c| c.is_ascii_digit()))?;
    Some((name, Some(digits.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Hosts {
        let named = ["deploys.example.org".to_owned(), "other.example.org:444".to_owned()];
        Hosts::new(&named, "127.0.0.1:8080".parse().unwrap(), None)
    }

    fn check(headers: &[(&str, &str)]) -> Result<(), String> {
        let mut request = Request::builder().uri("/v1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        loopback().check(&request.body(()).unwrap())
    }

    #[test]
    fn a_request_is_for_one_of_the_server_s_own_names() {
        let own = [
            "localhost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "LOCALHOST:8080",
            "deploys.example.org",
            "deploys.example.org:8080",
            "other.example.org:444",
        ];
        for host in own {
            assert_eq!(check(&[("host", host)]), Ok(()), "{host}");
        }
        let foreign = [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil:8080",
            "localhost",
            "localhost:8081",
            "localhost:wrong",
            "localhost:8080:8080",
            "other.example.org",
            "deploys.example.org.",
            "user@localhost:8080",
            "[::1",
            "",
        ];
        for host in foreign {
            assert!(check(&[("host", host)]).is_err(), "{host}");
        }
        assert!(check(&[]).is_err());
        let twice = [("host", "localhost:8080"), ("host", "localhost:8080")];
        assert!(check(&twice).is_err());
        let absolute = Request::builder().uri("http://evil.example/v1");
        let absolute = absolute.header("host", "localhost:8080").body(()).unwrap();
        assert!(loopback().check(&absolute).is_err());
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let from = |origin| check(&[("host", "localhost:8080"), ("origin", origin)]);
        assert_eq!(from("http://localhost:8080"), Ok(()));
        assert_eq!(from("https://deploys.example.org"), Ok(()));
        for origin in ["null", "http://evil.example", "http://localhost:3000", "file://", ""] {
            assert!(from(origin).is_err(), "{origin}");
        }
    }
}
