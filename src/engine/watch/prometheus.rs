//! Asks a Prometheus for the number of a query, now and before the deployment.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::probe::{NoAnswer, ProbeClients};
use crate::domain::watch::{BeforeDeploy, PrometheusProbe, ValueBound, WatchSample, judge};

/// How many values of the time before are looked at.
const POINTS: u32 = 60;
/// The longest time before the deployment that is looked at.
const LONGEST_BEFORE: Duration = Duration::from_hours(1);
/// The closest two values of the time before are.
const CLOSEST: Duration = Duration::from_secs(1);

/// A query, and what it said before the deployment once that is known.
pub(super) struct PrometheusReader {
    probe: PrometheusProbe,
    /// Until when it was as before the deployment.
    usual_until: DateTime<Utc>,
    /// How long before that is looked at.
    stretch: Duration,
    before: Option<BeforeDeploy>,
}

impl PrometheusReader {
    pub fn new(probe: PrometheusProbe, usual_until: DateTime<Utc>, lasts: Duration) -> Self {
        Self { probe, usual_until, stretch: lasts.min(LONGEST_BEFORE), before: None }
    }

    pub async fn look(&mut self, clients: &ProbeClients, longest: Duration) -> WatchSample {
        let needs_before = matches!(self.probe.bound, ValueBound::AtMostTimesBefore { .. });
        if needs_before && self.before.is_none() {
            match self.ask_before(clients, longest).await {
                Ok(before) => self.before = before,
                Err(why) => return WatchSample::unknown(why),
            }
        }
        match self.ask_now(clients, longest).await {
            Ok(value) => judge(value, self.probe.bound, self.before),
            Err(why) => WatchSample::unknown(why),
        }
    }

    async fn ask_now(&self, clients: &ProbeClients, longest: Duration) -> Result<f64, String> {
        let data = self.ask(clients, "query", "", longest).await?;
        let result = data.get("result").ok_or("its answer has no result")?;
        let sample = match data.get("resultType").and_then(Value::as_str) {
            Some("scalar") => result,
            _ => match result.as_array().map(Vec::as_slice) {
                Some([one]) => one.get("value").ok_or("its answer has no value")?,
                Some([]) => return Err("the query gives no value".to_owned()),
                Some(all) => return Err(format!("the query gives {} values, not one", all.len())),
                None => return Err("its answer has no value".to_owned()),
            },
        };
        number(sample).ok_or_else(|| "its answer has no number".to_owned())
    }

    async fn ask_before(
        &self,
        clients: &ProbeClients,
        longest: Duration,
    ) -> Result<Option<BeforeDeploy>, String> {
        let step = (self.stretch / POINTS).max(CLOSEST).as_secs().max(1);
        let (end, start) = (self.usual_until, self.usual_until - self.stretch);
        let more = format!("&start={}&end={}&step={step}", start.timestamp(), end.timestamp());
        let data = self.ask(clients, "query_range", &more, longest).await?;
        let series =
            data.get("result").and_then(Value::as_array).ok_or("its answer has no result")?;
        let values = match series.as_slice() {
            [] => return Ok(None),
            [one] => {
                one.get("values").and_then(Value::as_array).ok_or("its answer has no values")?
            }
            all => return Err(format!("the query gives {} values, not one", all.len())),
        };
        Ok(BeforeDeploy::of(values.iter().filter_map(number).collect()))
    }

    /// What it answers to a question.
    async fn ask(
        &self,
        clients: &ProbeClients,
        what: &str,
        more: &str,
        longest: Duration,
    ) -> Result<Value, String> {
        let base = self.probe.url.whole();
        let base = base.trim_end_matches('/');
        let query = encoded(&self.probe.query);
        let url = format!("{base}/api/v1/{what}?query={query}{more}");
        let answer = clients.ask(&url, longest).await;
        let (status, body) = answer.map_err(|why: NoAnswer| why.sentence())?;
        let json: Value = serde_json::from_slice(&body)
            .map_err(|_| format!("it answers {status}, and not in JSON"))?;
        if json.get("status").and_then(Value::as_str) == Some("success") {
            return json.get("data").cloned().ok_or_else(|| "its answer has no data".to_owned());
        }
        let why = json.get("error").and_then(Value::as_str).unwrap_or("no reason given");
        Err(format!("it answers {status}: {why}"))
    }
}

/// The number of `[time, "number"]`.
fn number(sample: &Value) -> Option<f64> {
    sample.get(1)?.as_str()?.parse().ok()
}

/// A text as a part of an address.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _never = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
