//! The topic of a channel: our part stands in square brackets, and what people wrote around it stays.

/// How our part begins.
const BEGIN: &str = "[live: ";
/// The most characters of a topic.
const LONGEST: usize = 250;

/// The topic with our part replaced, or added at its end. `None` if there is no room beside what people wrote.
pub(super) fn with_ours(topic: &str, ours: &str) -> Option<String> {
    // A topic knows no marks around words, so nothing has to break them, and its address is to be one.
    let ours = ours.strip_prefix("live: ").unwrap_or(ours).replace(['[', ']', '\u{200b}'], "");
    let ours = ours.replace('：', ":");
    let (before, after) = around(topic);
    let between = if before.is_empty() || before.ends_with(' ') { "" } else { " " };
    let taken = [before, between, BEGIN, "]", after].map(|part| part.chars().count());
    let room = LONGEST.checked_sub(taken.iter().sum()).filter(|room| *room >= 10)?;
    let cut = if ours.chars().count() > room {
        let kept: String = ours.chars().take(room - 1).collect();
        // A link that was cut leads nowhere.
        let kept = kept.split(" · http").next().unwrap_or_default().trim_end().to_owned();
        format!("{kept}…")
    } else {
        ours
    };
    Some(format!("{before}{between}{BEGIN}{cut}]{after}"))
}

/// What people wrote before and after our part.
fn around(topic: &str) -> (&str, &str) {
    let Some(at) = topic.find(BEGIN) else { return (topic, "") };
    match topic[at..].find(']') {
        Some(end) => (&topic[..at], &topic[at + end + 1..]),
        None => (topic, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_wrote_stays_and_ours_is_replaced_in_place() {
        for (topic, with) in [
            ("", "[live: a #2]"),
            ("Ask before 17:00", "Ask before 17:00 [live: a #2]"),
            ("Ask [live: a #1] on call: kim", "Ask [live: a #2] on call: kim"),
            ("[live: never closed", "[live: never closed [live: a #2]"),
        ] {
            assert_eq!(with_ours(topic, "live: a #2").as_deref(), Some(with), "{topic}");
        }
        assert_eq!(with_ours("", "live: a] #2 [x").as_deref(), Some("[live: a #2 x]"));
    }

    #[test]
    fn a_topic_is_never_longer_than_slack_takes_and_never_cuts_what_people_wrote() {
        let people = "é".repeat(200);
        let long = format!("live: {} · https://deploys.example", "service #1, ".repeat(30));
        let with = with_ours(&people, &long).unwrap();
        assert!(with.starts_with(&people) && with.ends_with("…]"), "{with}");
        assert!(with.chars().count() <= LONGEST && !with.contains("http"), "{with}");
        assert_eq!(with_ours(&"x".repeat(240), &long), None);
    }
}
