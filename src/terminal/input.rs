//! Reads keys, pastes and sizes from the terminal in its own thread, so that the event loop does not poll. It says which
//! keys came together: no person presses keys like that, but a paste does, and not every terminal says that it is one.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEventKind, poll, read};
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::mpsc;

/// The most queued events. Further input waits in the terminal.
const QUEUE_CAPACITY: usize = 256;
/// The most events that are looked at together.
const MOST_AT_ONCE: usize = 256;
/// Keys that come closer than this were not pressed one by one.
const CLOSE: Duration = Duration::from_millis(25);

/// Something from the terminal, and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keystroke {
    pub event: Event,
    pub crowd: Crowd,
}

/// What else came with a key, in the same read or so close to it that no person pressed both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Crowd {
    #[default]
    Alone,
    /// The same key before or after it, as when it is held down or a slow line brings several presses at once.
    Repeated,
    /// Other keys only, as in a paste that is not marked as one.
    Mixed,
}

impl Keystroke {
    /// One that nothing came with.
    #[must_use]
    pub fn alone(event: Event) -> Self {
        Self { event, crowd: Crowd::Alone }
    }
}

/// Starts to read. There is one terminal: call this once. An error is the last item.
///
/// # Errors
/// When the thread cannot be started.
pub fn listen() -> io::Result<mpsc::Receiver<io::Result<Keystroke>>> {
    let (sender, events) = mpsc::channel(QUEUE_CAPACITY);
    let work = move || {
        let mut last = Last::default();
        loop {
            let (events, end) = read_all();
            let typed = events.iter().any(is_typed);
            let keystrokes = last.mark(events, Instant::now()).into_iter().map(Ok);
            for item in keystrokes.chain(end.map(Err)) {
                let is_last = item.is_err();
                if sender.blocking_send(item).is_err() || is_last {
                    return;
                }
            }
            // What waited while the queue was full came long ago.
            last.goes_on = (typed || last.goes_on) && is_more();
        }
    };
    thread::Builder::new().name("input".to_owned()).spawn(work)?;
    Ok(events)
}

/// Waits for an event and takes those that are there with it; the error, when there is one.
fn read_all() -> (Vec<Event>, Option<io::Error>) {
    let mut events = Vec::new();
    loop {
        match read() {
            Ok(event) => events.push(event),
            Err(why) => return (events, Some(why)),
        }
        if events.len() == MOST_AT_ONCE || !is_more() {
            return (events, None);
        }
    }
}

fn is_more() -> bool {
    // An error comes again when the event is read.
    poll(Duration::ZERO).unwrap_or(true)
}

/// The input before.
#[derive(Debug, Default)]
struct Last {
    event: Option<(Event, Instant)>,
    /// More was there whenever something was passed on since then.
    goes_on: bool,
}

impl Last {
    /// Says of each event what came with it.
    fn mark(&mut self, events: Vec<Event>, at: Instant) -> Vec<Keystroke> {
        let near = |(_, came): &(Event, Instant)| self.goes_on || at.duration_since(*came) < CLOSE;
        let before = self.event.as_ref().filter(|last| near(last)).map(|(event, _)| event.clone());
        let typed: Vec<_> =
            before.into_iter().chain(events.iter().cloned()).filter(is_typed).collect();
        let mut place = typed.len() - events.iter().filter(|event| is_typed(event)).count();
        // What the window sends in between makes no key any younger.
        if let Some(newest) = events.iter().rfind(|event| is_typed(event)) {
            self.event = Some((newest.clone(), at));
        }
        let mut mark = |event: Event| {
            if !is_typed(&event) {
                return Keystroke::alone(event);
            }
            let neighbours = [place.checked_sub(1), Some(place + 1)];
            let mut neighbours = neighbours.into_iter().flatten().filter_map(|at| typed.get(at));
            let crowd = match (typed.len(), neighbours.any(|other| *other == event)) {
                (1, _) => Crowd::Alone,
                (_, true) => Crowd::Repeated,
                (_, false) => Crowd::Mixed,
            };
            place += 1;
            Keystroke { event, crowd }
        };
        events.into_iter().map(&mut mark).collect()
    }
}

/// Whether fingers or a paste made it, and not the window.
fn is_typed(event: &Event) -> bool {
    match event {
        Event::Key(key) => key.kind != KeyEventKind::Release,
        Event::Paste(_) | Event::Mouse(_) => true,
        Event::Resize(..) | Event::FocusGained | Event::FocusLost => false,
    }
}

/// Whether the terminal has unread input. Reads nothing and does not wait.
#[must_use]
pub fn has_more() -> bool {
    let input = io::stdin();
    let mut terminal = [PollFd::new(&input, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut terminal, Some(&at_once)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent};

    use super::*;

    fn keys(text: &str) -> Vec<Event> {
        text.chars().map(|letter| Event::Key(KeyEvent::from(KeyCode::Char(letter)))).collect()
    }

    fn crowds(last: &mut Last, text: &str, at: Instant) -> String {
        let letter = |key: Keystroke| match key.crowd {
            Crowd::Alone => 'a',
            Crowd::Repeated => 'r',
            Crowd::Mixed => 'm',
        };
        last.mark(keys(text), at).into_iter().map(letter).collect()
    }

    #[test]
    fn keys_of_one_read_are_a_crowd_and_a_single_one_is_not() {
        let now = Instant::now();
        for (text, expected) in
            [("!", "a"), ("a!", "mm"), ("!a", "mm"), ("!!", "rr"), ("aqqb", "mrrm"), ("", "")]
        {
            assert_eq!(crowds(&mut Last::default(), text, now), expected, "{text}");
        }
    }

    #[test]
    fn a_key_right_behind_another_is_in_its_crowd_and_a_later_one_is_not() {
        let (now, mut last) = (Instant::now(), Last::default());
        let later = |milliseconds| now + Duration::from_millis(milliseconds);
        assert_eq!(crowds(&mut last, "fine", now), "mmmm");
        assert_eq!(crowds(&mut last, "!", later(24)), "m");
        assert_eq!(crowds(&mut last, "!", later(48)), "r");
        assert_eq!(crowds(&mut last, "!", later(73)), "a");
        last.goes_on = true;
        assert_eq!(crowds(&mut last, "P", later(9_000)), "m", "it had come long before");
    }

    #[test]
    fn what_the_window_sends_keeps_no_key_near() {
        let (now, mut last) = (Instant::now(), Last::default());
        assert_eq!(crowds(&mut last, "k", now), "a");
        for step in 1..=50 {
            last.mark(vec![Event::Resize(80, 24)], now + Duration::from_millis(step * 20));
        }
        assert_eq!(crowds(&mut last, "!", now + Duration::from_millis(1_001)), "a");
    }

    #[test]
    fn a_mouse_report_or_a_paste_makes_a_crowd_and_the_window_does_not() {
        let now = Instant::now();
        let with = |other: Event| {
            let events = vec![other, keys("!").remove(0)];
            Last::default().mark(events, now).pop().map(|key| key.crowd)
        };
        assert_eq!(with(Event::FocusGained), Some(Crowd::Alone));
        assert_eq!(with(Event::Resize(80, 24)), Some(Crowd::Alone));
        assert_eq!(with(Event::Paste("thanks".into())), Some(Crowd::Mixed));
    }
}
