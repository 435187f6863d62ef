//! Every size of a window, in every screen: nothing panics and nothing is drawn outside.

use trunkline_testing::console::{Console, checkout, ready};
use trunkline_testing::dice::{Dice, number};

/// The keys that lead to each screen, from the list of builds.
const SCREENS: [&[&str]; 16] = [
    &[],
    &["z"],
    &["2", "z"],
    &["3", "z"],
    &["4", "z"],
    &["5", "z"],
    &["6", "z"],
    &["P"],
    &["p"],
    &["d"],
    &["!"],
    &["H", "up"],
    &["F", "up", "up"],
    &["?"],
    &["M"],
    &["/", "3"],
];

/// Shows one screen at these sizes.
async fn shown_at(screen: &[&str], sizes: &[(u16, u16)]) {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "sam"));
    let console = Console::open(&backend);
    console.until("#4").await.press(screen).settled().await;
    for (width, height) in sizes {
        console.resize(*width, *height);
        console.settled().await;
        assert!(console.is_running(), "{screen:?} at {width}x{height}");
    }
    console.resize(120, 40);
    console.settled().await.until("PROD checkout").await;
}

#[tokio::test(start_paused = true)]
async fn no_screen_minds_a_window_without_room() {
    let sizes: Vec<_> = (0..=6).flat_map(|w| (0..=6).map(move |h| (w, h))).collect();
    for screen in SCREENS {
        shown_at(screen, &sizes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_screen_minds_any_size() {
    let count = number("TRUNKLINE_SIZES").unwrap_or(150);
    let mut dice = Dice::of(number("TRUNKLINE_SEED").unwrap_or(0));
    for at in 0..count {
        let screen = SCREENS[usize::try_from(at).unwrap() % SCREENS.len()];
        // Large ones are rare on desks and slow to draw.
        let (width, height) = if at % 8 == 0 { (500, 200) } else { (200, 60) };
        let size = (dice.below(width + 1), dice.below(height + 1));
        shown_at(screen, &[(size.0.try_into().unwrap(), size.1.try_into().unwrap())]).await;
    }
}
