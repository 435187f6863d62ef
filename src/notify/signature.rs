//! Signs what is posted to a webhook, in the form of Standard Webhooks, for which receivers have libraries.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::domain::token::base64url;

/// How the text of a secret begins.
const LEAD: &str = "whsec_";
/// How many bytes a secret may have.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The secret in force, and the one before or after it.
const MOST: usize = 2;

/// The secrets of one receiver.
pub struct SigningKeys(Vec<Vec<u8>>);

impl SigningKeys {
    /// One secret, or two with space between them: receivers that know either can check what both signed.
    ///
    /// # Errors
    /// When that is not what the text is. The sentence has nothing of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys: Option<Vec<_>> = text.split_whitespace().map(key).collect();
        let keys = keys.filter(|keys| (1..=MOST).contains(&keys.len()));
        keys.map(Self).ok_or_else(|| {
            format!(
                "the secret is not {LEAD}BASE64 of {} to {} bytes, or two of these; make one with: \
                 echo {LEAD}$(openssl rand -base64 32)",
                BYTES.start(),
                BYTES.end()
            )
        })
    }

    /// The value of `webhook-signature` for a body with this id and time.
    #[must_use]
    pub fn sign(&self, id: &str, at: DateTime<Utc>, body: &[u8]) -> String {
        let head = format!("{id}.{}.", at.timestamp());
        let signatures = self.0.iter().map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length fits");
            mac.update(head.as_bytes());
            mac.update(body);
            format!("v1,{}", base64(&mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn key(text: &str) -> Option<Vec<u8>> {
    let bytes = of_base64(text.strip_prefix(LEAD)?)?;
    BYTES.contains(&bytes.len()).then_some(bytes)
}

fn base64(bytes: &[u8]) -> String {
    let mut text = base64url(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn of_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    (text.len() % 4 != 1).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that Standard Webhooks publishes with its libraries.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let keys = SigningKeys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        let signed = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b"{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_both_and_a_bad_one_is_not_repeated() {
        let one = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let keys = SigningKeys::parse(&format!("{one}\n whsec_{}\n", base64(&[7; 32]))).unwrap();
        let both = keys.sign("a", DateTime::UNIX_EPOCH, b"{}");
        let alone = SigningKeys::parse(one).unwrap().sign("a", DateTime::UNIX_EPOCH, b"{}");
        assert!(both.starts_with(&format!("{alone} v1,")), "{both}");
        let bad = [
            "",
            "hunter2",
            "whsec_hunter2",
            "whsec_MfKQ9r8G",
            "whsec_!fKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ];
        for text in bad.map(str::to_owned).into_iter().chain([[one; 3].join(" ")]) {
            let why = SigningKeys::parse(&text).err().unwrap();
            assert!(!why.contains("hunter2") && !why.contains("MfKQ"), "{why}");
        }
    }
}
