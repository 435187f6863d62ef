//! Who opens a page without a token: whoever has a link to it, or a browser that was signed in. Only reading is open to them.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, Method, Request};

use crate::api::path;
use crate::backend::access::Access;
use crate::domain::caller::Caller;
use crate::domain::link::LinkRefusal;

/// The cookie of a session. A browser takes the one over TLS from this host alone; the other is for loopback.
pub(super) fn cookie_name(over_tls: bool) -> &'static str {
    if over_tls { "__Host-trunkline" } else { "trunkline" }
}

/// The caller of a request without a token; `None` if it has no other proof either.
pub(in crate::server) fn caller<T>(
    request: &Request<T>,
    access: &impl Access,
) -> Option<Result<Caller, LinkRefusal>> {
    let (method, path) = (request.method(), request.uri().path());
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if path::is_of_api(path) || !reads {
        return None;
    }
    if is_public(path) {
        return Some(Ok(Caller::nobody()));
    }
    let name = cookie_name(access.shows_pages_over_tls());
    let session = cookie(request.headers(), name).map(|text| access.of_browser(text));
    let run = path::run_of(path);
    if let (Some((service, deployment)), Some(link)) = (run, link(request)) {
        let may_read = |caller: &Caller| caller.rights.reach(&service);
        return match session {
            Some(Ok(caller)) if may_read(&caller) => Some(Ok(caller)),
            _ => Some(access.of_link(link, &service, deployment)),
        };
    }
    session
}

/// What everybody may open: nothing of a service is there.
fn is_public(path: &str) -> bool {
    path.strip_prefix("/assets/").is_some_and(|file| !file.contains('/'))
}

/// The text of a link, from the query.
fn link<T>(request: &Request<T>) -> Option<&str> {
    request.uri().query()?.split('&').find_map(|part| part.strip_prefix("link="))
}

/// The text of the cookie of this name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| found.trim() == name).map(|(_, text)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::embedded::Embedded;
    use crate::server::authenticate::SocketOnly;

    #[test]
    fn strangers_read_what_is_public_and_send_nothing() {
        let access = SocketOnly(|_| -> Embedded { unreachable!("no route is reached") });
        let is_let_in = |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            caller(&request, &access).is_some()
        };
        let style = "/assets/page.css";
        assert!(is_let_in(Method::GET, style) && is_let_in(Method::HEAD, style));
        for (method, path) in [
            (Method::POST, style),
            (Method::DELETE, style),
            (Method::GET, "/assets/a/b"),
            (Method::GET, "/"),
        ] {
            assert!(!is_let_in(method.clone(), path), "{method} {path}");
        }
    }

    #[test]
    fn a_server_takes_the_cookie_that_it_sets_and_no_other() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; trunkline=planted".parse().unwrap());
        headers.append(COOKIE, "__Host-trunkline=own; trunkline2=x".parse().unwrap());
        assert_eq!(cookie(&headers, cookie_name(true)), Some("own"));
        assert_eq!(cookie(&headers, cookie_name(false)), Some("planted"));
        headers.remove(COOKIE);
        headers.append(COOKIE, "trunkline=planted".parse().unwrap());
        assert_eq!(cookie(&headers, cookie_name(true)), None, "others can set it over http");
    }
}
