//! How long a frame of the console takes to be made and compared with the one before, against a bare ratatui frame of the
//! same size: `cargo bench --bench frame`.

use std::time::{Duration, Instant};

use chrono::DateTime;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};
use trunkline::backend::Backend as _;
use trunkline::backend::scripted::{SERVICE, Scripted};
use trunkline::console::message::{Message, TimedMessage};
use trunkline::console::model::Model;
use trunkline::console::theme::Theme;
use trunkline::console::{Options, update, view};
use trunkline::domain::ids::{DeploymentId, ServiceName};
use trunkline::domain::log::LogFrom;
use trunkline::terminal::capabilities::{Charset, Depth};
use trunkline_testing::bench::floor;
use trunkline_testing::bench::samples::Pairs;

const PAIRS: usize = 2_000;
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];
const BUILDS: usize = 60;

fn main() {
    floor::become_what_is_asked();
    for (width, height) in SIZES {
        let mut model = model(Size { width, height });
        let mut screen = Screen::new(width, height);
        let mut bare = Screen::new(width, height);
        let mut turn = 0;
        let pairs = Pairs::measure(
            PAIRS,
            || {
                turn += 1;
                bare.draw(|frame| floor::paint(frame, turn % 2))
            },
            || {
                let row = screen.frames % 2;
                model.staging.selected = model.builds().get(row).map(|row| row.build.number);
                screen.draw(|frame| view(&model, frame))
            },
        );
        let title = format!("a frame after the selection moved, {width}x{height}");
        pairs.print(&title, "bare ratatui, one list", "trunkline, the whole screen");
    }
}

struct Screen {
    terminal: Terminal<TestBackend>,
    frames: usize,
}

impl Screen {
    fn new(width: u16, height: u16) -> Self {
        let terminal = Terminal::new(TestBackend::new(width, height)).expect("it cannot fail");
        Self { terminal, frames: 0 }
    }

    fn draw(&mut self, view: impl FnOnce(&mut Frame)) -> Duration {
        self.frames += 1;
        let begin = Instant::now();
        self.terminal.draw(view).expect("it cannot fail");
        begin.elapsed()
    }
}

/// A console that shows a service with many builds and a log.
fn model(size: Size) -> Model {
    let backend = Scripted::new(DateTime::from_timestamp(1_790_000_000, 0).expect("it is a time"));
    let service: ServiceName = SERVICE.parse().expect("the name is a good one");
    let staged = backend.change(|world| {
        let staged = (0..BUILDS).map(|number| {
            let author = ["ada", "kim", "sam"][number % 3];
            world.pass(Duration::from_mins(7));
            let build = world.merge(&service, author, "feat: something that has a longer subject");
            world.stage(&service, build)
        });
        let staged: Vec<DeploymentId> = staged.collect();
        for line in 0..500 {
            let text = format!("\x1b[32mok\x1b[0m copying assets/page-{line}.html, 14 KB");
            world.write(&service, staged[BUILDS - 1], 0, &text);
        }
        staged
    });
    let theme = Theme::terminal(Depth::Rgb, Charset::Unicode);
    let options = Options { service: Some(service.clone()), ..Options::new(theme) };
    let mut model = Model::new(options, uuid::Uuid::nil(), size, tokio::time::Instant::now());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs little").block_on(async {
        let snapshot = backend.service(&service, None, Duration::ZERO).await;
        tell(&mut model, Message::Service(service.clone(), snapshot.map(|s| s.map(Box::new))));
        let source = model.log.source.clone().expect("the newest build has a log");
        assert_eq!(source.deployment, staged[BUILDS - 1]);
        let from = LogFrom::End;
        let answer =
            backend.log(&service, source.deployment, 0, from, 1 << 20, Duration::ZERO).await;
        tell(&mut model, Message::Log { source, from, answer });
    });
    model
}

fn tell(model: &mut Model, message: Message) {
    let at = tokio::time::Instant::now();
    update(model, TimedMessage { at, message });
}
