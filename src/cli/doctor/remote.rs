//! Whether the engines that steps run at answer and know their tokens, and what will be in the way before long.

use chrono::{DateTime, TimeDelta, Utc};

use super::Check;
use crate::config::operator_files::OperatorFiles;
use crate::config::places::Places;
use crate::config::user_file::UserFile;
use crate::domain::instant::in_utc;
use crate::domain::time::say;
use crate::engine::clock::{Clock as _, SystemClock};
use crate::engine::runner::remote::{EngineAbout, EngineCheck, WRITES, check_engines};

/// What one check of an engine is called.
const WHAT: &str = "runs at";
/// How long before its end a token should be replaced.
const ENDS_SOON: TimeDelta = TimeDelta::days(7);
/// So much clocks may differ.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

pub async fn check(places: &Places) -> Vec<Check> {
    let path = places.user_file();
    let files = OperatorFiles::new(&path, None);
    let file = match files.load() {
        Ok(file) => file,
        // A mistake in the user file is told where it is read for the services.
        Err(_) if UserFile::load(&path).is_err() => return Vec::new(),
        Err(why) => {
            let correct = format!("correct {}", files.server.display());
            return vec![Check::wrong(WHAT, why.in_one_line(), correct)];
        }
    };
    let environment = std::env::vars_os();
    let environment = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let checked = check_engines(&file, path, environment.collect()).await;
    checked.into_iter().flat_map(|checked| of_engine(checked, SystemClock.now())).collect()
}

fn of_engine(checked: EngineCheck, now: DateTime<Utc>) -> Vec<Check> {
    let EngineCheck { engine, url, file, answers, about, people } = checked;
    if let Err(why) = answers {
        let look = format!("look at the server, and at [engines.{engine}] of {file}");
        return vec![Check::wrong(WHAT, format!("{engine} at {url}: {why}"), look)];
    }
    let EngineAbout { token, token_ends, lacks, lacks_writing, ahead, left } = about;
    let mut found = vec![format!("{engine} at {url} answers ({file})")];
    let ends = token_ends.map(|ends| format!("until {}", in_utc(ends)));
    let token = [token.map(str::to_owned), ends].into_iter().flatten().collect::<Vec<_>>();
    if !token.is_empty() {
        found.push(format!("the token is {}", token.join(", ")));
    }
    if let Some((left, limit, again)) = left {
        found.push(format!("{left} of {limit} requests are left until {}", in_utc(again)));
    }
    let mut checks = vec![Check::fine(WHAT, found.join("; "))];
    if let Some(lacks) = lacks {
        let found =
            format!("the token of {engine} lacks {lacks}: it can start and cancel no workflow");
        checks.push(Check::wrong(WHAT, found, format!("give it {lacks}")));
    }
    // A token that only starts workflows need not write: what is asked for and not given is wrong.
    if let Some(lacks) = lacks_writing.filter(|lacks| *lacks == WRITES) {
        let found =
            format!("the token of {engine} lacks {lacks}: it can make no tag and move no branch");
        checks.push(Check::wrong(WHAT, found, format!("give it {lacks}")));
    }
    for (name, login) in people {
        checks.push(match login {
            Ok(login) => Check::fine(WHAT, format!("{name} approves at {engine} as @{login}")),
            Err(why) => {
                let look = format!("look at [engines.{engine}.people] of {file}");
                Check::wrong(WHAT, format!("{name} cannot approve at {engine}: {why}"), look)
            }
        });
    }
    if let Some(ends) = token_ends.filter(|ends| *ends - now < ENDS_SOON) {
        let found = format!("the token of {engine} ends at {}", in_utc(ends));
        checks.push(Check::wrong(WHAT, found, "make a new one before that"));
    }
    if let Some(ahead) = ahead.filter(|ahead| ahead.abs() > CLOCKS_DIFFER) {
        let direction = if ahead < TimeDelta::zero() { "behind" } else { "ahead of" };
        let amount = say(ahead.abs().to_std().unwrap_or_default());
        let found = format!("the clock of {engine} is {amount} {direction} this machine's");
        checks.push(Check::wrong(WHAT, found, "set the clock of this machine by a time server"));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(about: EngineAbout) -> Vec<(String, Option<String>)> {
        let checked = EngineCheck {
            engine: "hub".parse().unwrap(),
            url: "https://api.github.com".into(),
            file: "/etc/trunkline/server.toml".into(),
            answers: Ok(()),
            about,
            people: vec![
                ("bob".into(), Ok("bob-gh".into())),
                ("kim".into(), Err("it answers 401".into())),
            ],
        };
        let checks = of_engine(checked, "2026-11-30T05:00:00Z".parse().unwrap());
        let of_people = |found: &str| found.contains(" approve");
        let (people, others): (Vec<_>, Vec<_>) =
            checks.into_iter().partition(|check| of_people(&check.found));
        let people: Vec<_> = people.into_iter().map(|check| check.found).collect();
        let [bob, kim] = &people[..] else { panic!("{people:?}") };
        assert_eq!(bob, "bob approves at hub as @bob-gh");
        assert_eq!(kim, "kim cannot approve at hub: it answers 401");
        others.into_iter().map(|check| (check.found, check.remedy)).collect()
    }

    #[test]
    fn what_an_engine_tells_of_itself_is_said_and_what_will_be_in_the_way_is_wrong() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let silent = told(EngineAbout::default());
        let place = "hub at https://api.github.com answers (/etc/trunkline/server.toml)";
        assert_eq!(silent, [(place.to_owned(), None)]);
        let about = EngineAbout {
            token: Some("a fine-grained personal token"),
            token_ends: Some(at("2026-12-24T05:00:00Z")),
            lacks: None,
            lacks_writing: Some("contents = \"write\" beside the key of its App"),
            ahead: Some(TimeDelta::seconds(-40)),
            left: Some((4_812, 5_000, at("2026-11-30T05:40:00Z"))),
        };
        let all = told(about.clone());
        let [(found, None)] = &all[..] else { panic!("it is fine") };
        assert!(found.contains("; the token is a fine-grained personal token, until "), "{found}");
        assert!(found.contains("; 4812 of 5000 requests are left until "), "{found}");
        let about = EngineAbout {
            token_ends: Some(at("2026-12-03T05:00:00Z")),
            lacks: Some("Actions: write"),
            lacks_writing: Some(WRITES),
            ahead: Some(TimeDelta::minutes(-40)),
            ..about
        };
        let checks = told(about);
        assert!(checks[1].0.contains("lacks Actions: write"), "{checks:?}");
        assert!(checks[2].0.contains("lacks Contents: write: it can make no tag"), "{checks:?}");
        assert!(checks[3].0.starts_with("the token of hub ends at "), "{checks:?}");
        assert_eq!(checks[4].0, "the clock of hub is 40m behind this machine's");
        assert!(checks[1..].iter().all(|(_, remedy)| remedy.is_some()), "{checks:?}");
    }
}
