//! What all who ask have in common and one task makes at a time: it goes on when nobody waits for it any more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a new one is waited for where the one before can serve.
const SOON: Duration = Duration::from_secs(1);

/// The last that was made, and the one that is being made. What is being made is given up with this.
pub(super) struct MadeOnce<T> {
    state: Arc<Mutex<MadeOnceState<T>>>,
    task: Mutex<JoinSet<()>>,
}

struct MadeOnceState<T> {
    made: Option<T>,
    /// Why the last try failed.
    failed: Option<String>,
    /// Is closed when the task ends, however it does.
    making: Option<watch::Receiver<()>>,
}

impl<T> Default for MadeOnce<T> {
    fn default() -> Self {
        let state = MadeOnceState { made: None, failed: None, making: None };
        Self { state: Arc::new(Mutex::new(state)), task: Mutex::default() }
    }
}

impl<T: Clone + Send + 'static> MadeOnce<T> {
    /// The current one. While that is being made, the one before serves as long as it is usable, unless the last try failed.
    ///
    /// # Errors
    /// Why it cannot be made, or that it is not there within this time.
    pub async fn get<M>(
        &self,
        longest: Duration,
        (is_current, is_usable): (impl Fn(&T) -> bool, impl Fn(&T) -> bool),
        make: impl FnOnce(Option<T>) -> M,
    ) -> Result<T, String>
    where
        M: Future<Output = Result<T, String>> + Send + 'static,
    {
        let (mut making, before) = {
            let mut state = locked(&self.state);
            let last = state.made.clone();
            if let Some(current) = last.clone().filter(&is_current) {
                return Ok(current);
            }
            let before = last.clone().filter(|last| state.failed.is_none() && is_usable(last));
            let making = state.making.clone().filter(|making| making.has_changed().is_ok());
            (making.unwrap_or_else(|| self.begin(&mut state, make(last))), before)
        };
        let longest = if before.is_some() { SOON } else { longest };
        let is_over = timeout(longest, making.changed()).await.is_ok();
        let state = locked(&self.state);
        match (before, &state.failed) {
            (Some(before), _) if !is_over => Ok(before),
            (None, _) if !is_over => Err("its checkout is still being made".to_owned()),
            (_, Some(why)) => Err(why.clone()),
            (_, None) => state.made.clone().ok_or_else(|| "its checkout was not made".to_owned()),
        }
    }

    fn begin(
        &self,
        state: &mut MadeOnceState<T>,
        make: impl Future<Output = Result<T, String>> + Send + 'static,
    ) -> watch::Receiver<()> {
        let (over, making) = watch::channel(());
        state.making = Some(making.clone());
        let shared = self.state.clone();
        let mut task = locked(&self.task);
        while task.try_join_next().is_some() {}
        task.spawn(async move {
            let result = make.await;
            let mut state = locked(&shared);
            match result {
                Ok(new) => (state.made, state.failed) = (Some(new), None),
                Err(why) => state.failed = Some(why),
            }
            drop(state);
            drop(over);
        });
        making
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// Asks for this number; the one before can serve.
    async fn get(
        prepared: &MadeOnce<u32>,
        wanted: u32,
        gate: oneshot::Receiver<Result<(), String>>,
    ) -> Result<u32, String> {
        let make = move |_| async move { gate.await.expect("the gate is open").map(|()| wanted) };
        prepared.get(LONG, (|last: &u32| *last == wanted, |_: &u32| true), make).await
    }

    fn never() -> oneshot::Receiver<Result<(), String>> {
        oneshot::channel().1
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_its_asker_waits_is_made_once_and_there_for_the_next() {
        let prepared = MadeOnce::default();
        let (open, gate) = oneshot::channel();
        let first = get(&prepared, 1, gate).await;
        assert_eq!(first, Err("its checkout is still being made".to_owned()));
        // Nobody begins it anew, and whoever waits no longer drops nothing.
        assert!(timeout(Duration::from_secs(3), get(&prepared, 1, never())).await.is_err());
        open.send(Ok(())).unwrap();
        assert_eq!(get(&prepared, 1, never()).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_before_serves_until_the_new_one_is_there_or_is_not_to_be_had() {
        let prepared = MadeOnce::default();
        let opened = |answer| {
            let (open, gate) = oneshot::channel();
            open.send(answer).unwrap();
            gate
        };
        assert_eq!(get(&prepared, 1, opened(Ok(()))).await, Ok(1));
        let (open, gate) = oneshot::channel();
        assert_eq!(get(&prepared, 2, gate).await, Ok(1));
        open.send(Ok(())).unwrap();
        assert_eq!(get(&prepared, 2, never()).await, Ok(2));
        let full = Err("the disk is almost full".to_owned());
        assert_eq!(get(&prepared, 3, opened(full.clone())).await, full.map(|()| 0));
        let (open, gate) = oneshot::channel();
        let (third, _) = tokio::join!(get(&prepared, 3, gate), async {
            tokio::time::sleep(SOON * 2).await;
            open.send(Ok(()))
        });
        assert_eq!(third, Ok(3), "after a failure nothing old serves");
    }
}
