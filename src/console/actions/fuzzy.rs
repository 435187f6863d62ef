//! Which offers a text matches: letters in their order, words in any. The only file that knows the matcher.

use std::cmp::Reverse;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::console::actions::action::KeyAction;
use crate::console::actions::offer::{FoundOffer, Offer, Pick};
use crate::gate;

/// Fewer letters than these never put the emergency first: what it starts counts down.
const MEANT: usize = 4;

/// The offers that a text matches, the best first; all of them for an empty text.
#[must_use]
pub fn ranked(offers: Vec<Offer>, text: &str) -> Vec<FoundOffer> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::new(text, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let is_short = text.chars().count() < MEANT;
    let scored = offers.into_iter().filter_map(|offer| {
        let (rank, found) = score(&pattern, &mut matcher, offer)?;
        let is_sudden = found.offer.pick == Pick::Act(KeyAction::Emergency) && is_short;
        Some(((is_sudden && !text.is_empty(), Reverse(rank)), found))
    });
    let mut scored: Vec<_> = scored.collect();
    scored.sort_by_key(|(rank, _)| *rank);
    scored.into_iter().map(|(_, found)| found).collect()
}

/// A name that matches alone is better than one that matches by what is said of it.
type Rank = (bool, u32);

fn score(pattern: &Pattern, matcher: &mut Matcher, offer: Offer) -> Option<(Rank, FoundOffer)> {
    let name = gate::field(&offer.name);
    if let Some((score, in_name)) = matched(pattern, matcher, name.as_str()) {
        let found = FoundOffer { offer, in_name, in_about: Vec::new(), recent: false };
        return Some(((true, score), found));
    }
    let about = gate::sentence(&offer.about);
    let all = format!("{name} {about} {}", offer.words);
    let (score, _) = matched(pattern, matcher, &all)?;
    // Each word is marked where it stands.
    let mut marked = |text: &str| -> Vec<u32> {
        let words = pattern.atoms.iter();
        let marks = words.filter_map(|word| {
            let (mut letters, mut marks) = (Vec::new(), Vec::new());
            let text = Utf32Str::new(text, &mut letters);
            word.indices(text, matcher, &mut marks).map(|_| marks)
        });
        marks.flatten().collect()
    };
    let (in_name, in_about) = (marked(name.as_str()), marked(about.as_str()));
    Some(((false, score), FoundOffer { offer, in_name, in_about, recent: false }))
}

fn matched(pattern: &Pattern, matcher: &mut Matcher, text: &str) -> Option<(u32, Vec<u32>)> {
    let (mut letters, mut marks) = (Vec::new(), Vec::new());
    let score = pattern.indices(Utf32Str::new(text, &mut letters), matcher, &mut marks)?;
    marks.sort_unstable();
    marks.dedup();
    Some((score, marks))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers() -> Vec<Offer> {
        let offer = |(name, about, action): (&str, &str, KeyAction)| Offer {
            name: name.to_owned(),
            about: about.to_owned(),
            words: "",
            pick: Pick::Act(action),
        };
        let all = [
            ("promote", "promote the selected build to production", KeyAction::Promote),
            ("emergency", "roll back after a countdown", KeyAction::Emergency),
            ("engines", "switch the server", KeyAction::Engines),
            ("roll-back", "roll production back", KeyAction::RollBack),
        ];
        all.map(offer).to_vec()
    }

    fn names(text: &str) -> Vec<String> {
        ranked(offers(), text).into_iter().map(|found| found.offer.name).collect()
    }

    #[test]
    fn a_name_that_matches_comes_before_what_only_speaks_of_it() {
        assert_eq!(names("prmt"), ["promote"]);
        assert_eq!(names("production").len(), 2);
        assert_eq!(names("rollback")[0], "roll-back");
        assert_eq!(names("back roll")[0], "roll-back", "words stand in any order");
        assert!(names("xyz").is_empty());
        assert_eq!(names("").len(), 4);
    }

    #[test]
    fn a_few_letters_never_put_the_emergency_first() {
        assert_eq!(names("e").last().map(String::as_str), Some("emergency"));
        assert_eq!(names("eme").last().map(String::as_str), Some("emergency"));
        assert_eq!(names("emer")[0], "emergency");
    }

    #[test]
    fn the_letters_that_match_are_marked() {
        let found = &ranked(offers(), "prm")[0];
        assert_eq!(found.in_name, [0, 1, 3]);
        let found = &ranked(offers(), "server")[0];
        assert_eq!((found.in_name.len(), found.in_about.len()), (0, 6));
    }
}
