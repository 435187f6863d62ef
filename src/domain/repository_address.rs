//! The address of a repository, without what changes with the way to it.

/// The longest address that is read.
const LONGEST: usize = 500;

/// The host and the path of a repository. The scheme, the user, the port and `.git` do not count: a forge names its
/// repository by several addresses, and a service is watched by one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryAddress {
    /// In small letters; empty for a path on this machine.
    pub(super) host: String,
    pub(super) path: String,
}

impl RepositoryAddress {
    /// Reads a URL, `HOST:PATH` or a path.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        if address.len() > LONGEST {
            return None;
        }
        let (host, path) = match address.split_once("://") {
            Some(("file", path)) => ("", path),
            Some((_, rest)) => rest.split_once('/')?,
            None if address.starts_with('/') => ("", address),
            None => address.split_once(':')?,
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        // The ports of ssh and of https differ.
        let host = host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase();
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        (!path.is_empty()).then(|| Self { host, path: path.to_owned() })
    }

    /// Its path there, if it is at this host.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Option<&str> {
        (self.host == host).then_some(self.path.as_str())
    }

    /// Its path, which is its name at a forge: `acme/shop`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::RepositoryAddress;

    #[test]
    fn all_addresses_of_a_repository_are_the_same() {
        let one = RepositoryAddress::of("https://github.com/acme/shop.git").unwrap();
        for address in [
            "git@github.com:acme/shop.git",
            "ssh://git@github.com:22/acme/shop.git",
            "https://raj:x@GitHub.com:443/acme/shop/",
            "git://github.com/acme/shop.git",
            "https://github.com/acme/shop",
        ] {
            assert_eq!(RepositoryAddress::of(address).as_ref(), Some(&one), "{address}");
        }
        for other in ["https://github.com/acme/Shop", "https://gitlab.com/acme/shop", "/acme/shop"]
        {
            assert_ne!(RepositoryAddress::of(other), Some(one.clone()), "{other}");
        }
        assert_eq!(
            RepositoryAddress::of("file:///srv/shop.git"),
            RepositoryAddress::of("/srv/shop")
        );
        for none in ["", "shop", "https://github.com", "https://github.com/", "/"] {
            assert_eq!(RepositoryAddress::of(none), None, "{none}");
        }
    }
}
