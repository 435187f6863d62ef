//! Crashes of the real binary: an engine and its supervisors that are killed at random instants, disks that take
//! nothing more, and records that were cut off. What clients were told is compared with what the record says.
//!
//! Every instant comes from a seed, which a failure prints: `TRUNKLINE_SEED=7 cargo test --test journeys crash` repeats it.
//! `TRUNKLINE_KILLS=2000 cargo test --release --test journeys the_engine_is_killed -- --nocapture` kills the engine
//! 2,000 times and prints what became of it. `TRUNKLINE_SUPERVISORS`, `TRUNKLINE_IMAGES` and `TRUNKLINE_LIMIT_STEP` (the
//! bytes from one full disk to the next) make the other tests longer in the same way, and so does `TRUNKLINE_REMOTE_KILLS`.
//! Engines whose steps run at Buildbot are killed only where that is set: `.ci/buildbot` installs it, and `TRUNKLINE_BUILDBOT`
//! names its folder.

#[cfg(target_os = "linux")]
mod cancel;
mod clients;
mod elsewhere;
mod engine;
#[cfg(target_os = "linux")]
mod full_disk;
mod history;
mod instant;
mod kills;
mod late;
mod record;
mod shop;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod supervisors;
mod waves;
