//! Counts the tokens that were wrong, so that nobody can try many.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// How many wrong tokens an address may send in one [`PERIOD`].
pub(super) const MOST_WRONG: u32 = 20;
pub(super) const PERIOD: Duration = Duration::from_mins(1);
/// The most addresses that are remembered.
const REMEMBERED: usize = 4_096;

/// The tokens that were refused.
#[derive(Default)]
pub(super) struct RefusedTokens {
    /// Whoever sends a token that nobody knows may be guessing.
    pub unknown: WrongTokens,
    /// Whoever sends one that has ended had it, such as a console that stays open. It bounds only what is logged.
    pub ended: WrongTokens,
}

/// The wrong tokens of each address.
#[derive(Default)]
pub(super) struct WrongTokens(Mutex<BTreeMap<IpAddr, Wrong>>);

struct Wrong {
    count: u32,
    since: Instant,
}

impl WrongTokens {
    /// Notes a wrong token.
    ///
    /// # Errors
    /// If there were too many: how long to wait.
    pub fn wrong(&self, peer: IpAddr) -> Result<(), Duration> {
        let now = Instant::now();
        let mut known = self.0.lock().expect("no code panics with the attempts");
        known.retain(|_, wrong| now - wrong.since < PERIOD);
        let peer = network(peer);
        if known.len() >= REMEMBERED && !known.contains_key(&peer) {
            let oldest = known.iter().min_by_key(|(_, wrong)| wrong.since).map(|(peer, _)| *peer);
            oldest.map(|peer| known.remove(&peer));
        }
        let wrong = known.entry(peer).or_insert(Wrong { count: 0, since: now });
        wrong.count = wrong.count.saturating_add(1);
        if wrong.count <= MOST_WRONG {
            Ok(())
        } else {
            Err(PERIOD.saturating_sub(now - wrong.since))
        }
    }
}

/// Whoever has one address of version 6 has all of its network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_has_to_wait_after_twenty_and_no_other() {
        let attempts = WrongTokens::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for _ in 0..MOST_WRONG {
            assert_eq!(attempts.wrong(address("10.0.0.1")), Ok(()));
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(attempts.wrong(address("10.0.0.1")), Err(Duration::from_secs(40)));
        assert!(attempts.wrong(address("::ffff:10.0.0.1")).is_err(), "the same address");
        assert_eq!(attempts.wrong(address("10.0.0.2")), Ok(()));
        for host in 0..MOST_WRONG {
            assert_eq!(attempts.wrong(address(&format!("2001:db8::{host}"))), Ok(()));
        }
        assert!(attempts.wrong(address("2001:db8::ffff")).is_err(), "the same network");
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(attempts.wrong(address("10.0.0.1")), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_token_keeps_nobody_from_signing_in_again() {
        let tokens = RefusedTokens::default();
        let peer = "10.0.0.1".parse().unwrap();
        let logged = (0..MOST_WRONG * 2).filter(|_| tokens.ended.wrong(peer).is_ok()).count();
        assert_eq!(logged, MOST_WRONG as usize, "a console that stays open fills no log");
        assert_eq!(tokens.unknown.wrong(peer), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_take_little_memory() {
        let attempts = WrongTokens::default();
        for host in 0..u32::try_from(REMEMBERED).unwrap() * 2 {
            assert_eq!(attempts.wrong(std::net::Ipv4Addr::from(host).into()), Ok(()));
        }
        assert_eq!(attempts.0.lock().unwrap().len(), REMEMBERED);
    }
}
