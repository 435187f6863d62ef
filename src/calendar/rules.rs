//! The rules of a file, prepared so that each question is cheap.

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use trunkline_settings::duration::say;

use crate::business_days::Calendar;
use crate::evaluation::{
    Evaluation, FreezeAction, FreezeMode, FreezeQuery, FreezeState, FreezeWindow,
};
use crate::feed::Feed;
use crate::rule::{CoveredSpan, FreezeKind, FreezeRule};
use crate::runs::evaluate_windows;
use crate::zone::{Edge, midnight};

/// The most windows of one answer.
const WINDOWS: usize = 1000;
/// The most problems that are listed.
const PROBLEMS: usize = 20;
/// How far ahead the end of a run is searched: each next one if the one before did not find it.
const HORIZONS: [TimeDelta; 3] = [TimeDelta::days(35), TimeDelta::days(400), TimeDelta::MAX];
/// How long before the end of a table to warn.
const TABLE_WARNING: Months = Months::new(2);

/// The rules of one file, or of several together.
#[derive(Debug, Clone, Default)]
pub struct FreezeRules {
    rules: Vec<Arc<Prepared>>,
    /// Problems of their files.
    file_problems: Vec<String>,
}

#[derive(Debug)]
struct Prepared {
    rule: FreezeRule,
    /// In the order of their starts.
    fixed: Vec<CoveredSpan>,
}

impl FreezeRules {
    #[must_use]
    pub fn new(rules: Vec<FreezeRule>) -> Self {
        let prepare = |rule: FreezeRule| Arc::new(Prepared { fixed: rule.fixed_spans(), rule });
        Self { rules: rules.into_iter().map(prepare).collect(), file_problems: Vec::new() }
    }

    /// For a file that cannot be read: every promote needs a reason.
    #[must_use]
    pub fn unreadable(file: &str, why: &str) -> Self {
        Self::new(vec![FreezeRule {
            id: file.to_owned(),
            environments: vec!["production"],
            services: vec!["*".to_owned()],
            policy: FreezeMode::Override,
            reason: why.to_owned(),
            kind: FreezeKind::Unreadable,
            exceptions: Vec::new(),
        }])
    }

    /// The rules themselves, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = &FreezeRule> {
        self.rules.iter().map(|prepared| &prepared.rule)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules of a service's own file. Their ids become `SERVICE/ID`, to differ from those of the engine's file.
    #[must_use]
    pub fn prefixed(&self, service: &str) -> Self {
        let rules = self.all().cloned().map(|rule| {
            let id = format!("{}/{}", service, rule.id);
            FreezeRule { id, ..rule }
        });
        Self::new(rules.collect())
    }

    /// These and others; nothing is computed again.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let both = |one: &[_], other: &[_]| [one, other].concat();
        Self {
            rules: both(&self.rules, &others.rules),
            file_problems: [&self.file_problems[..], &others.file_problems].concat(),
        }
    }

    /// The same rules with the problems of their files.
    #[must_use]
    pub fn with_troubles(self, file_problems: impl IntoIterator<Item = String>) -> Self {
        Self { file_problems: file_problems.into_iter().collect(), ..self }
    }

    /// Whether these are the same objects with the same problems of their files.
    #[must_use]
    pub fn are_same(&self, others: &Self) -> bool {
        let pairs = || self.rules.iter().zip(&others.rules);
        self.rules.len() == others.rules.len()
            && self.file_problems == others.file_problems
            && pairs().all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// The same rules with new feeds; `feed` takes the id of a rule.
    #[must_use]
    pub fn with_feeds(&self, feed: impl Fn(&str) -> Option<Feed>) -> Self {
        let fresh = |prepared: &Arc<Prepared>| match (&prepared.rule.kind, feed(&prepared.rule.id))
        {
            (FreezeKind::Feed(known), Some(feed)) if **known == feed => prepared.clone(),
            (FreezeKind::Feed(_), Some(feed)) => {
                let rule =
                    FreezeRule { kind: FreezeKind::Feed(Arc::new(feed)), ..prepared.rule.clone() };
                Arc::new(Prepared { rule, fixed: Vec::new() })
            }
            _ => prepared.clone(),
        };
        Self { rules: self.rules.iter().map(fresh).collect(), ..self.clone() }
    }

    /// Evaluates a promote to production at an instant.
    #[must_use]
    pub fn promote_to_production(&self, service: &str, at: DateTime<Utc>) -> Evaluation {
        let (environment, action) = ("production", FreezeAction::Promote);
        self.evaluate(&FreezeQuery { at, environment, service, action })
    }

    /// Evaluates the rules.
    #[must_use]
    pub fn evaluate(&self, query: &FreezeQuery<'_>) -> Evaluation {
        if query.action != FreezeAction::Promote {
            return Evaluation::default();
        }
        let applying: Vec<_> = self.applying(query.service, query.environment).collect();
        let mut evaluation = Evaluation::default();
        for horizon in HORIZONS {
            let until = query.at.checked_add_signed(horizon).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let known = windows_between(&applying, query.at, query.at, until);
            evaluation = evaluate_windows(known, query.at);
            // A window that touches an end beyond the horizon may be missing.
            if evaluation.until.is_some_and(|end| end < until) {
                break;
            }
        }
        for prepared in &applying {
            prepared.add_unknown(query.at, &mut evaluation);
        }
        evaluation.problems.extend(self.file_problems.iter().cloned());
        evaluation.matches.sort_by(|one, other| one.why.cmp(&other.why));
        evaluation
    }

    /// Every window that overlaps `[from, until)` as known at `now`, in the order of their starts; at most a thousand.
    #[must_use]
    pub fn windows(
        &self,
        service: &str,
        environment: &str,
        now: DateTime<Utc>,
        (from, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Vec<FreezeWindow> {
        let applying: Vec<_> = self.applying(service, environment).collect();
        let mut windows = windows_between(&applying, now, from, until);
        for prepared in &applying {
            windows.extend(prepared.unknown(now));
        }
        windows.retain(|window| window.from < until && window.until.is_none_or(|end| end > from));
        windows.sort_by_key(|window| window.from);
        windows.truncate(WINDOWS);
        windows
    }

    /// Problems of the rules and their files, now or within two months.
    #[must_use]
    pub fn problems(&self, now: DateTime<Utc>) -> Vec<String> {
        let mut problems: Vec<_> = self.rules.iter().flat_map(|rule| rule.problems(now)).collect();
        problems.extend(self.file_problems.iter().cloned());
        problems.sort();
        problems.dedup();
        if problems.len() > PROBLEMS {
            let more = problems.len() - PROBLEMS;
            problems.truncate(PROBLEMS);
            problems.push(format!("{more} more problems with freezes"));
        }
        problems
    }

    fn applying(&self, service: &str, environment: &str) -> impl Iterator<Item = &Prepared> {
        let all = self.rules.iter().map(|prepared| &**prepared);
        all.filter(move |prepared| prepared.rule.applies_to(service, environment))
    }
}

/// The windows that touch `[from, until]`, in the order of their starts.
fn windows_between(
    rules: &[&Prepared],
    now: DateTime<Utc>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<FreezeWindow> {
    let mut windows = Vec::new();
    for Prepared { rule, fixed } in rules {
        let begun = fixed.partition_point(|span| span.from <= until);
        let fixed = fixed[..begun].iter().filter(|span| span.until >= from);
        windows.extend(fixed.map(|span| rule.window(span)));
        windows.extend(rule.changing_spans(now, from, until).iter().map(|span| rule.window(span)));
    }
    windows.sort_by_key(|window| window.from);
    windows
}

impl FreezeRule {
    fn window(&self, span: &CoveredSpan) -> FreezeWindow {
        FreezeWindow {
            freeze: self.id.clone(),
            policy: span.policy,
            from: span.from,
            until: Some(span.until),
            reason: self.reason.clone(),
            why: span.why.to_string(),
        }
    }

    fn endless(&self, policy: FreezeMode, from: DateTime<Utc>, why: &str) -> FreezeWindow {
        FreezeWindow {
            freeze: self.id.clone(),
            policy,
            from,
            until: None,
            reason: self.reason.clone(),
            why: format!("{}: {why}", self.id),
        }
    }
}

impl Prepared {
    /// Adds the unknown windows that cover the instant.
    fn add_unknown(&self, at: DateTime<Utc>, evaluation: &mut Evaluation) {
        evaluation.problems.extend(self.problems(at));
        for unknown in self.unknown(at).into_iter().filter(|unknown| unknown.covers(at)) {
            let state = FreezeState::from(unknown.policy);
            if state >= evaluation.state {
                evaluation.state = state;
                evaluation.until = unknown.until;
                evaluation.lasts_until = unknown.until;
            }
            evaluation.matches.push(unknown);
        }
    }

    /// The windows for which this rule has no data; they count as frozen.
    fn unknown(&self, now: DateTime<Utc>) -> Vec<FreezeWindow> {
        match &self.rule.kind {
            FreezeKind::HolidayEve(eves) => {
                eves.calendars.iter().flat_map(|calendar| self.uncovered(calendar)).collect()
            }
            FreezeKind::Feed(feed) => self.unread(feed, now),
            FreezeKind::Unreadable => {
                let (rule, start) = (&self.rule, DateTime::UNIX_EPOCH);
                vec![rule.endless(rule.policy, start, &rule.reason)]
            }
            FreezeKind::Window { .. } | FreezeKind::Weekly { .. } => Vec::new(),
        }
    }

    fn uncovered(&self, calendar: &Calendar) -> [FreezeWindow; 2] {
        let (first, last) = calendar.table.coverage;
        let (zone, rule) = (calendar.zone, &self.rule);
        let before = format!("{} begins on {first}", table(calendar));
        let before = FreezeWindow {
            until: Some(midnight(zone, first, Edge::End)),
            ..rule.endless(rule.policy, DateTime::UNIX_EPOCH, &before)
        };
        let after = format!("{} ends on {last}", table(calendar));
        let end = midnight(zone, last.succ_opt().unwrap_or(last), Edge::Start);
        [before, rule.endless(rule.policy, end, &after)]
    }

    fn unread(&self, feed: &Feed, now: DateTime<Utc>) -> Vec<FreezeWindow> {
        let rule = &self.rule;
        let Some(read_at) = feed.read_at else {
            let why = match feed.problems.first() {
                Some(problem) => format!("its feed could not be read: {problem}"),
                None => "its feed has not been read yet".to_owned(),
            };
            return vec![rule.endless(rule.policy, DateTime::UNIX_EPOCH, &why)];
        };
        let mut unknown = Vec::new();
        if let Some(stale) = feed.stale_from().filter(|stale| *stale <= now) {
            let since = |at: DateTime<Utc>| say((at - read_at).to_std().unwrap_or_default());
            let (age, most) = (since(now), since(stale));
            let why = format!("its feed was last read {age} ago, more than {most}");
            unknown.push(rule.endless(FreezeMode::Warn, stale, &why));
        }
        if let Some(horizon) = feed.horizon {
            let why = format!("its feed is known until {}", horizon.format("%Y-%m-%d"));
            unknown.push(rule.endless(rule.policy, horizon, &why));
        }
        unknown
    }

    fn problems(&self, at: DateTime<Utc>) -> Vec<String> {
        match &self.rule.kind {
            FreezeKind::HolidayEve(eves) => {
                eves.calendars.iter().filter_map(|calendar| ending(calendar, at)).collect()
            }
            FreezeKind::Feed(feed) => {
                // Without any copy the first problem is part of the window already.
                let shown = usize::from(feed.read_at.is_none());
                let own = feed.problems.iter().skip(shown);
                let own = own.map(|problem| format!("{}: {problem}", self.rule.id));
                let stale = self.unread(feed, at).into_iter().filter(|window| window.covers(at));
                own.chain(stale.map(|window| window.why)).collect()
            }
            FreezeKind::Window { .. } | FreezeKind::Weekly { .. } | FreezeKind::Unreadable => {
                Vec::new()
            }
        }
    }
}

fn table(calendar: &Calendar) -> String {
    format!("the holiday table of {} ({:?})", calendar.table.place, calendar.name)
}

/// A warning if the end of a table is near.
fn ending(calendar: &Calendar, at: DateTime<Utc>) -> Option<String> {
    let last: NaiveDate = calendar.table.coverage.1;
    let today = at.with_timezone(&calendar.zone).date_naive();
    let near = today.checked_add_months(TABLE_WARNING).is_none_or(|ahead| ahead > last);
    near.then(|| {
        format!(
            "{} ends on {last}; install a newer trunkline, or promotes need a reason after that",
            table(calendar)
        )
    })
}
