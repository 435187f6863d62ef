//! `[[production.waves]]`: in which parts production is taken, and what is waited for between them.

use std::collections::BTreeSet;

use super::names::required;
use crate::domain::event::StepSpec;
use crate::domain::live_source::{LiveQuestion, LiveSource};
use crate::domain::target::{MOST_TARGETS, StepTarget, TargetName, TargetOrder};
use crate::domain::wave::{ALL_TARGETS, LONGEST_PAUSE, MOST_WAVES, StepWave, WavePause};
use crate::settings::{Mistakes, Section, Setting};

/// How the last wave says that it takes all other targets.
const REST: &str = "rest";
const UNTIL_CONTINUED: &str = "until continued";
const RULE: &str = "use up to 40 of a-z, 0-9, \"-\", \"_\" and \".\"";

/// The waves as they are declared.
#[derive(Default)]
pub(super) struct DeclaredWaves {
    /// The byte position of the first, and its key.
    at: Option<(usize, String)>,
    waves: Vec<DeclaredWave>,
}

struct DeclaredWave {
    name: TargetName,
    targets: WaveTargets,
    pause: Option<WavePause>,
}

enum WaveTargets {
    Named(Vec<TargetName>),
    Rest,
}

impl DeclaredWaves {
    /// Reads the setting `waves`; `live` is who is asked what production runs.
    pub(super) fn read(
        entry: &Setting<'_>,
        live: Option<&LiveSource>,
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        let before = mistakes.count();
        let at = Some((entry.at, entry.path.clone()));
        let sections = entry.sections(mistakes);
        let count = sections.len();
        if entry.is_list() && !(2..=MOST_WAVES).contains(&count) {
            let rule = format!("needs 2 to {MOST_WAVES} waves; one alone is no wave");
            entry.reject(mistakes, rule);
        }
        let known = live.and_then(targets_asked);
        let mut waves: Vec<DeclaredWave> = Vec::new();
        for (index, section) in sections.into_iter().take(MOST_WAVES).enumerate() {
            let is_last = index + 1 == count;
            waves.extend(wave(section, (&waves, is_last, known.as_ref()), mistakes));
        }
        let all = waves.iter().map(|wave| wave.targets.count()).sum::<usize>();
        if all > MOST_TARGETS {
            entry.reject(mistakes, format!("has more than {MOST_TARGETS} targets; name fewer"));
        }
        if mistakes.count() > before {
            return Self { at, waves: Vec::new() };
        }
        let waves = resolved(waves, known, entry, mistakes);
        Self { at, waves }
    }

    /// That the steps cannot be run once for each wave, if they cannot.
    pub(super) fn fit(&self, steps: &[&[StepSpec]], mistakes: &mut Mistakes<'_>) {
        let Some((at, path)) = &self.at else { return };
        if steps.iter().all(|steps| steps.is_empty()) {
            mistakes.add(*at, path, "needs [[production.steps]], which run once for each wave");
        }
        let mut all = steps.iter().copied().flatten();
        if let Some(step) = all.find(|step| step.remote().is_some()) {
            let sentence = format!(
                "step {:?} runs at another engine, which takes no waves yet; remove the waves, or run all steps of production \
                 and rollback here",
                step.declared()
            );
            mistakes.add(*at, path, sentence);
        }
    }

    /// The steps as a deployment runs them: all of them for each wave.
    pub(super) fn expanded(&self, steps: Vec<StepSpec>) -> Vec<StepSpec> {
        if self.waves.is_empty() {
            return steps;
        }
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let of = number(self.waves.len());
        let mut all = Vec::with_capacity(steps.len() * self.waves.len());
        for (index, wave) in self.waves.iter().enumerate() {
            let WaveTargets::Named(targets) = &wave.targets else { continue };
            let (number, pause) = (number(index + 1), wave.pause);
            let of_wave = StepWave { number, of, targets: targets.clone(), pause };
            for step in &steps {
                let target = StepTarget {
                    step: step.name.clone(),
                    name: wave.name.clone(),
                    order: TargetOrder::OneByOne,
                    wave: Some(Box::new(of_wave.clone())),
                };
                let name = target.step_name();
                all.push(StepSpec { name, target: Some(target), ..step.clone() });
            }
        }
        all
    }
}

impl WaveTargets {
    fn count(&self) -> usize {
        self.named().len()
    }

    fn named(&self) -> &[TargetName] {
        match self {
            Self::Named(targets) => targets,
            Self::Rest => &[],
        }
    }
}

/// The targets that are asked what they run, where the file names them.
fn targets_asked(live: &LiveSource) -> Option<BTreeSet<TargetName>> {
    match &live.question {
        LiveQuestion::Each(all) => Some(all.iter().map(|(name, _)| name.clone()).collect()),
        LiveQuestion::One(_) | LiveQuestion::Command(_) => None,
    }
}

type Around<'a> = (&'a [DeclaredWave], bool, Option<&'a BTreeSet<TargetName>>);

fn wave(
    mut section: Section<'_>,
    (before, is_last, known): Around<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<DeclaredWave> {
    let name = required(&mut section, "name", mistakes);
    let name = name.and_then(|entry| wave_name(&entry, before, mistakes));
    let targets = if let Some(entry) = section.take("targets") {
        targets(&entry, (before, is_last, known), mistakes)
    } else {
        let what = "needs targets = [\"NAME\", …]; the last wave may have targets = \"rest\"";
        mistakes.add(section.at, &section.path, what);
        None
    };
    let pause = section.take("pause");
    match &pause {
        Some(entry) if is_last => {
            entry.reject(mistakes, "is between two waves; remove it from the last one");
        }
        None if !is_last => {
            let what = "needs pause = \"10m\" or pause = \"until continued\"";
            mistakes.add(section.at, &section.path, what);
        }
        _ => {}
    }
    let pause = pause.and_then(|entry| read_pause(&entry, mistakes));
    section.finish_below(&super::TOP, mistakes);
    Some(DeclaredWave { name: name?, targets: targets?, pause })
}

fn wave_name(
    entry: &Setting<'_>,
    before: &[DeclaredWave],
    mistakes: &mut Mistakes<'_>,
) -> Option<TargetName> {
    let text = entry.text(mistakes)?;
    let Ok(name) = text.parse::<TargetName>() else {
        entry.reject(mistakes, format!("{text:?} cannot name a wave; {RULE}"));
        return None;
    };
    if name.as_str() == ALL_TARGETS {
        entry.reject(mistakes, "\"all\" is what a rollback is told; give the wave another name");
        return None;
    }
    if before.iter().any(|wave| wave.name == name) {
        entry.reject(mistakes, format!("there is a wave {text:?} above; give each its own name"));
        return None;
    }
    Some(name)
}

fn targets(
    entry: &Setting<'_>,
    (before, is_last, known): Around<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<WaveTargets> {
    if !entry.is_list() {
        let text = entry.text(mistakes)?;
        let why = match (text, is_last, known) {
            (REST, true, Some(_)) => return Some(WaveTargets::Rest),
            (REST, true, None) => {
                "needs the names of all targets in [production.live] targets = {…}; name the targets here"
            }
            (REST, false, _) => "is for the last wave; name the targets here",
            _ => "is no list; write targets = [\"NAME\", …]",
        };
        entry.reject(mistakes, format!("{text:?} {why}"));
        return None;
    }
    if entry.is_empty_list() {
        entry.reject(mistakes, "is empty; name at least one target");
    }
    let mut named: Vec<TargetName> = Vec::new();
    for text in entry.texts(mistakes) {
        let Ok(name) = text.value.parse::<TargetName>() else {
            let sentence = format!("{:?} cannot name a target; {RULE}", text.value);
            mistakes.add(text.at, &entry.path, sentence);
            continue;
        };
        let is_taken = before.iter().any(|wave| wave.targets.named().contains(&name));
        if is_taken || named.contains(&name) {
            let sentence = format!("{:?} is in a wave already; name each target once", text.value);
            mistakes.add(text.at, &entry.path, sentence);
        } else if known.is_some_and(|known| !known.contains(&name)) {
            let sentence = format!("{:?} is no target of [production.live]", text.value);
            mistakes.add(text.at, &entry.path, sentence);
        } else {
            named.push(name);
        }
    }
    Some(WaveTargets::Named(named))
}

fn read_pause(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<WavePause> {
    if entry.text(mistakes)? == UNTIL_CONTINUED {
        return Some(WavePause::UntilContinued);
    }
    let time = entry.positive_duration(mistakes)?;
    if time > LONGEST_PAUSE {
        entry.reject(mistakes, "is longer than \"24h\"; write \"until continued\"");
    }
    Some(WavePause::For { time })
}

/// The waves with the targets of the last one, if all targets that are asked are in one.
fn resolved(
    mut waves: Vec<DeclaredWave>,
    known: Option<BTreeSet<TargetName>>,
    entry: &Setting<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<DeclaredWave> {
    let Some(known) = known else { return waves };
    let named: BTreeSet<_> = waves.iter().flat_map(|wave| wave.targets.named()).cloned().collect();
    let rest: Vec<_> = known.difference(&named).cloned().collect();
    let left = rest.iter().map(TargetName::as_str).collect::<Vec<_>>().join(", ");
    match waves.last_mut() {
        Some(last) if matches!(last.targets, WaveTargets::Rest) => {
            if rest.is_empty() {
                entry.reject(mistakes, "leaves nothing for \"rest\"; remove the last wave");
            }
            last.targets = WaveTargets::Named(rest);
        }
        _ if rest.is_empty() => {}
        _ => {
            let rule = "name it in a wave, or write targets = \"rest\" in the last one";
            let sentence = format!("leaves out {left}, which [production.live] asks; {rule}");
            entry.reject(mistakes, sentence);
        }
    }
    waves
}
