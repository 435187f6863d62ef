//! Every size draws, and the smallest says what it needs.

use proptest::prelude::*;

use trunkline_testing::console::{Console, checkout, ready};

#[tokio::test(start_paused = true)]
async fn a_tiny_screen_says_what_it_needs_and_still_updates() {
    let backend = ready();
    let console = Console::sized(&backend, (58, 11));
    console.until("needs 60x12, have 58x11, q quits").await.until("PROD checkout #2 live").await;
    backend.change(|world| {
        trunkline_testing::console::put_live(world, trunkline::domain::ids::BuildNumber(3));
    });
    console.until("PROD checkout #3").await;
    console.resize(80, 24);
    console.until("Staging").await;
}

#[tokio::test(start_paused = true)]
async fn a_screen_that_grew_is_filled_before_its_event_comes() {
    let console = Console::open(&ready());
    console.until("#3").await;
    assert!(!console.text().contains(" 3 Details"), "80 columns have no room for it");
    console.resize_silently(120, 40);
    console.press(&["j"]).until(" 3 Details").await;
}

#[tokio::test(start_paused = true)]
async fn no_size_and_no_overlay_makes_it_panic() {
    let backend = ready();
    backend.change(|world| {
        world.verified_build(&checkout(), "sam");
    });
    let console = Console::open(&backend);
    console.until("#4").await;
    let sizes = [
        (1, 1),
        (2, 1),
        (20, 5),
        (59, 12),
        (60, 12),
        (79, 23),
        (118, 30),
        (150, 12),
        (200, 30),
        (250, 70),
        (300, 80),
    ];
    let keys = ["P", "p", "d", "?", "M", "!", "F", "R", "V", "H", "6", "5", "3", "z", "+", "_"];
    for key in keys {
        for (width, height) in sizes {
            console.resize(width, height);
            console.press(&[key]).settled().await.press(&["esc", "esc"]).settled().await;
        }
    }
    assert!(console.is_running());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn random_sizes_and_keys_never_panic(
        sizes in prop::collection::vec((1u16..300, 1u16..80), 1..6),
        keys in prop::collection::vec("[a-zA-Z!?/1-6+_,\\[\\] ]", 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            let console = Console::open(&ready());
            console.settled().await;
            for (width, height) in sizes {
                console.resize(width, height);
                for key in &keys {
                    if key == "q" {
                        continue;
                    }
                    console.press(&[key]);
                }
                console.settled().await;
                assert!(console.is_running());
            }
        });
    }
}
