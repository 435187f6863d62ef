//! Waves: production taken in parts, one after the other, with a pause after each in which somebody looks.

mod fact;
mod objection;
mod order;
mod spec;
mod standing;
mod state;
mod stops;

pub use self::fact::{WaveContinued, WaveWaits};
pub use self::order::{ALL_TARGETS, loops_over_nothing};
pub use self::spec::{
    LONGEST_PAUSE, MOST_WAVES, StepWave, WavePause, targets_in_words, waves_in_words, waves_of,
};
pub use self::standing::{WaveInput, WaveStanding, standing};
pub use self::state::{WaveGate, WaveWait};
