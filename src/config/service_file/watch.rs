//! `[[staging.watch]]` and `[[production.watch]]`: what is looked at after a deployment.

use std::time::Duration;

use super::names::has_control;
use super::pipeline_name::PipelineName;
use super::steps;
use crate::domain::live_source::LiveUrl;
use crate::domain::watch::{
    DEFAULT_EVERY, DEFAULT_FOR, DEFAULT_TIMEOUT, EnvironmentWatch, HttpProbe, PrometheusProbe,
    Threshold, ValueBound, WatchCheck, WatchProbe,
};
use crate::settings::{Mistakes, Section, Setting};

/// The most checks of one watch.
const MOST: usize = 20;
/// The longest address, query or text.
const LONGEST: usize = 2_000;
const SHORTEST_EVERY: Duration = Duration::from_secs(1);
const LONGEST_FOR: Duration = Duration::from_hours(24);

/// Takes what belongs to the watch out of a section of a pipeline.
pub(super) fn read(
    section: &mut Section<'_>,
    name: PipelineName,
    mistakes: &mut Mistakes<'_>,
) -> EnvironmentWatch {
    let (watch, auto) = (section.take("watch"), section.take("auto_rollback"));
    if let Some(entry) = watch.as_ref().filter(|_| name == PipelineName::Rollback) {
        entry.reject(mistakes, "is for staging and production; remove it");
        return EnvironmentWatch::default();
    }
    let mut checks: Vec<WatchCheck> = Vec::new();
    if let Some(entry) = &watch {
        for section in entry.sections(mistakes) {
            checks.extend(check(section, &checks, mistakes));
        }
        if checks.len() > MOST {
            entry.reject(mistakes, format!("has more than {MOST} checks; remove some"));
        }
    }
    let auto_rollback = auto.is_some_and(|entry| {
        if name != PipelineName::Production {
            entry.reject(mistakes, "is for production; remove it");
        } else if watch.is_none() {
            entry.reject(mistakes, "needs a [[production.watch]]; add one or remove this");
        }
        entry.flag(mistakes).unwrap_or_default()
    });
    EnvironmentWatch { checks, auto_rollback }
}

fn check(
    mut section: Section<'_>,
    before: &[WatchCheck],
    mistakes: &mut Mistakes<'_>,
) -> Option<WatchCheck> {
    let name = match section.take("name") {
        Some(entry) => check_name(&entry, before, mistakes),
        None => missing(&section, "name = \"NAME\"", mistakes),
    };
    let every = section.take("every");
    let every = every.and_then(|entry| {
        let time = entry.positive_duration(mistakes)?;
        if time < SHORTEST_EVERY {
            entry.reject(mistakes, "is below 1s; write \"1s\" or more");
        }
        Some(time)
    });
    let lasts = section.take("for");
    let lasts = lasts.and_then(|entry| {
        let time = entry.positive_duration(mistakes)?;
        if time > LONGEST_FOR {
            entry.reject(mistakes, "is longer than 24h; write \"24h\" or less");
        }
        Some(time)
    });
    let timeout = section.take("timeout").and_then(|entry| entry.positive_duration(mistakes));
    let probe = probe(&mut section, mistakes);
    section.finish_below(&super::TOP, mistakes);
    Some(WatchCheck {
        name: name?,
        probe: probe?,
        every: every.unwrap_or(DEFAULT_EVERY),
        lasts: lasts.unwrap_or(DEFAULT_FOR),
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
    })
}

fn check_name(
    entry: &Setting<'_>,
    before: &[WatchCheck],
    mistakes: &mut Mistakes<'_>,
) -> Option<String> {
    let name = entry.text(mistakes)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.len() > 20 || !name.chars().all(allowed) {
        let rule = "use up to 20 letters, digits, \"-\", \"_\" and \".\"";
        entry.reject(mistakes, format!("{name:?} cannot name a check; {rule}"));
        return None;
    }
    if before.iter().any(|check| check.name == name) {
        let sentence = format!("there is a check {name:?} above; give each its own name");
        entry.reject(mistakes, sentence);
        return None;
    }
    Some(name.to_owned())
}

fn probe(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<WatchProbe> {
    let (command, shell) = (section.take("run"), section.take("shell"));
    let (http, query) = (section.take("http"), section.take("prometheus"));
    if let Some(shell) = shell.as_ref().filter(|_| command.is_none()) {
        shell.reject(mistakes, "is for a check with run; remove it");
    }
    let given = [command.is_some(), http.is_some(), query.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        let sentence = "a check has one of run, http and prometheus; make several checks of it";
        mistakes.add(section.at, &section.path, sentence);
        return None;
    }
    if let Some(entry) = command {
        return steps::run(&entry, shell.as_ref(), mistakes).map(WatchProbe::Run);
    }
    if let Some(entry) = http {
        return http_probe(&entry, mistakes).map(WatchProbe::Http);
    }
    if let Some(entry) = query {
        return prometheus(&entry, mistakes).map(WatchProbe::Prometheus);
    }
    missing(section, "run = \"COMMAND\", http = {…} or prometheus = {…}", mistakes)
}

fn http_probe(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<HttpProbe> {
    let mut section = entry.section(mistakes)?;
    let url = address(&mut section, mistakes);
    let status = section.take("status").and_then(|entry| {
        let status = entry.count(mistakes)?;
        let known = u16::try_from(status).ok().filter(|status| (100..600).contains(status));
        if known.is_none() {
            entry.reject(mistakes, format!("{status} is no status of HTTP; write one such as 200"));
        }
        known
    });
    let within = section.take("within").and_then(|entry| entry.positive_duration(mistakes));
    let body = section.take("body").and_then(|entry| limited(&entry, mistakes));
    section.finish_below(&super::TOP, mistakes);
    Some(HttpProbe { url: url?, status, within, body })
}

fn prometheus(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<PrometheusProbe> {
    let mut section = entry.section(mistakes)?;
    let url = address(&mut section, mistakes);
    let query = match section.take("query") {
        Some(entry) => limited(&entry, mistakes),
        None => missing(&section, "query = \"PROMQL\"", mistakes),
    };
    let bound = bound(&mut section, mistakes);
    section.finish_below(&super::TOP, mistakes);
    Some(PrometheusProbe { url: url?, query: query?, bound: bound? })
}

/// One of `below`, `above` and `at_most_times_before`.
fn bound(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<ValueBound> {
    let (below, above) = (section.take("below"), section.take("above"));
    let (times, ignore) = (section.take("at_most_times_before"), section.take("ignore_below"));
    if let Some(ignore) = ignore.as_ref().filter(|_| times.is_none()) {
        ignore.reject(mistakes, "stands beside at_most_times_before; remove it");
    }
    let given = [below.is_some(), above.is_some(), times.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return missing(section, "one of below, above and at_most_times_before", mistakes);
    }
    let mut number = |entry: &Setting<'_>| entry.millionths(mistakes).map(Threshold);
    if let Some(entry) = below {
        return number(&entry).map(ValueBound::Below);
    }
    if let Some(entry) = above {
        return number(&entry).map(ValueBound::Above);
    }
    let entry = times?;
    let factor = number(&entry)?;
    let ignore_below = ignore.and_then(|entry| number(&entry)).unwrap_or_default();
    if factor < Threshold(1_000_000) {
        entry.reject(mistakes, "is below 1; write how many times the value before is still good");
    }
    Some(ValueBound::AtMostTimesBefore { factor, ignore_below })
}

fn address(section: &mut Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<LiveUrl> {
    let Some(entry) = section.take("url") else {
        return missing(section, "url = \"https://HOST/PATH\"", mistakes);
    };
    let text = entry.text(mistakes)?;
    let parsed = match LiveUrl::parse(text) {
        Ok(_) if text.len() > LONGEST => Err("is too long for an address"),
        parsed => parsed,
    };
    parsed.map_err(|why| entry.reject(mistakes, format!("{text:?} {why}"))).ok()
}

fn limited(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let text = entry.text(mistakes)?;
    let is_good = text.len() <= LONGEST && !has_control(text);
    if !is_good {
        let rule = format!("has control characters or more than {LONGEST} bytes; shorten it");
        entry.reject(mistakes, rule);
    }
    is_good.then(|| text.to_owned())
}

fn missing<T>(section: &Section<'_>, what: &str, mistakes: &mut Mistakes<'_>) -> Option<T> {
    mistakes.add(section.at, &section.path, format!("a check needs {what}"));
    None
}
