//! Which offers a text matches: by letters of their names, or by words of what they do. The only file that knows the matcher.

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
    let pattern = |kind| Pattern::new(text, CaseMatching::Ignore, Normalization::Smart, kind);
    let (letters, words) = (pattern(AtomKind::Fuzzy), pattern(AtomKind::Substring));
    let is_short = text.chars().count() < MEANT;
    let scored = offers.into_iter().filter_map(|offer| {
        let by_name = in_name(&letters, &mut matcher, &offer);
        let (rank, in_name, in_about) = by_name.or_else(|| in_all(&words, &mut matcher, &offer))?;
        let is_sudden = offer.pick == Pick::Act(KeyAction::Emergency) && is_short;
        let found = FoundOffer { offer, in_name, in_about, recent: false };
        let is_it = found.offer.name == text;
        Some(((is_sudden && !text.is_empty(), Reverse((is_it, rank))), found))
    });
    let mut scored: Vec<_> = scored.collect();
    scored.sort_by_key(|(rank, _)| *rank);
    scored.into_iter().map(|(_, found)| found).collect()
}

/// A name that matches alone is better than one that matches by what is said of it.
type Rank = (bool, u32);
/// How well an offer matches, and which characters of its name and of what it does.
type Matched = (Rank, Vec<u32>, Vec<u32>);

/// Letters of the name in their order, with gaps.
fn in_name(letters: &Pattern, matcher: &mut Matcher, offer: &Offer) -> Option<Matched> {
    let (mut buffer, mut marks) = (Vec::new(), Vec::new());
    let name = gate::field(&offer.name);
    let score = letters.indices(Utf32Str::new(name.as_str(), &mut buffer), matcher, &mut marks)?;
    Some(((true, score), marks, Vec::new()))
}

/// Each word somewhere in all that is said of it, without gaps; it is marked where it stands.
fn in_all(words: &Pattern, matcher: &mut Matcher, offer: &Offer) -> Option<Matched> {
    let (name, about) = (gate::field(&offer.name), gate::sentence(&offer.about));
    let mut buffer = Vec::new();
    let all = format!("{name} {about} {}", offer.words);
    let score = words.score(Utf32Str::new(&all, &mut buffer), matcher)?;
    let mut marked = |text: &str| {
        let (mut buffer, mut marks) = (Vec::new(), Vec::new());
        for word in &words.atoms {
            word.indices(Utf32Str::new(text, &mut buffer), matcher, &mut marks);
        }
        marks
    };
    let (in_name, in_about) = (marked(name.as_str()), marked(about.as_str()));
    Some(((false, score), in_name, in_about))
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
            ("roll", "a name that others begin with", KeyAction::Messages),
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
        assert_eq!(names("duction promote"), ["promote"]);
        assert!(names("prdctn").is_empty(), "only a name is found by its letters alone");
        assert_eq!(names("rollback")[0], "roll-back");
        assert_eq!(names("back roll")[0], "roll-back", "words stand in any order");
        assert!(names("xyz").is_empty());
        assert_eq!(names("").len(), 5);
        assert_eq!(names("roll")[0], "roll");
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
