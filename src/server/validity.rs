//! When a certificate is valid, read from its DER: the TLS library tells that to clients alone.

use chrono::{DateTime, NaiveDateTime, Utc};

/// The tags of ASN.1 on the way to the two times.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The time in which a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl Validity {
    /// Reads it from a certificate. `None` if it cannot be found there.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let (content, _) = expect(certificate, SEQUENCE)?;
        let (mut fields, _) = expect(content, SEQUENCE)?;
        if fields.first() == Some(&VERSION) {
            fields = element(fields)?.2;
        }
        // The serial number, the algorithm and the issuer.
        for _ in 0..3 {
            fields = element(fields)?.2;
        }
        let (times, _) = expect(fields, SEQUENCE)?;
        let (tag, from, rest) = element(times)?;
        let from = time(tag, from)?;
        let (tag, until, _) = element(rest)?;
        Some(Self { from, until: time(tag, until)? })
    }

    /// Why a certificate is not valid at this time.
    pub fn refusal(&self, now: DateTime<Utc>) -> Option<String> {
        let shown = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M UTC").to_string();
        if now < self.from {
            return Some(format!("is not valid before {}", shown(self.from)));
        }
        (now > self.until).then(|| format!("expired at {}", shown(self.until)))
    }
}

/// The content of an element with this tag, and what follows it.
fn expect(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = element(der)?;
    (tag == wanted).then_some((content, rest))
}

/// The tag and the content of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let (bytes, rest) = rest.split_at_checked(count).filter(|_| count <= 4)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn time(tag: u8, content: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(content).ok()?;
    let text = match tag {
        // Two digits of the year: RFC 5280 puts 50 to 99 into the last century.
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let parsed = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ");
    parsed.ok().map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn der(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/data/tls/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        CertificateDer::from_pem_file(path).unwrap().to_vec()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_times_of_a_certificate_are_found_in_both_forms() {
        let (from, until) = (at("2020-01-01T00:00:00Z"), at("2020-01-02T00:00:00Z"));
        assert_eq!(Validity::of(&der("expired")), Some(Validity { from, until }));
        // It ends after 2050, so its end has four digits of the year.
        let server = Validity::of(&der("server")).unwrap();
        assert!(server.until - server.from == chrono::TimeDelta::days(36_500), "{server:?}");
    }

    #[test]
    fn a_certificate_is_refused_before_and_after_its_time() {
        let valid = Validity::of(&der("expired")).unwrap();
        let told = |now| valid.refusal(at(now));
        assert_eq!(told("2020-01-01T12:00:00Z"), None);
        let early = told("2019-12-31T23:59:59Z").unwrap();
        assert_eq!(early, "is not valid before 2020-01-01 00:00 UTC");
        assert_eq!(told("2020-01-02T00:00:01Z").unwrap(), "expired at 2020-01-02 00:00 UTC");
    }

    #[test]
    fn a_cut_or_foreign_text_has_no_times_and_breaks_nothing() {
        let whole = der("expired");
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(Validity::of(&[0x30, 0x85, 1, 1, 1, 1, 1, 1]), None);
    }
}
