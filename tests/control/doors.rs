//! Steps that stand at a door until the test opens it, and how often each step was executed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::PATIENCE;

#[derive(Debug)]
struct Door {
    opened: Arc<Semaphore>,
    executed: HashMap<&'static str, usize>,
}

static DOORS: LazyLock<Mutex<HashMap<String, Door>>> = LazyLock::new(Mutex::default);

fn with<T>(id: &str, use_it: impl FnOnce(&mut Door) -> T) -> T {
    let mut doors = DOORS.lock().unwrap();
    let door = doors.entry(id.to_owned()).or_insert_with(|| Door {
        opened: Arc::new(Semaphore::new(0)),
        executed: HashMap::new(),
    });
    use_it(door)
}

/// Counts that a step is executed, and says how often it was.
pub(crate) fn executes(id: &str, step: &'static str) -> usize {
    with(id, |door| {
        let count = door.executed.entry(step).or_default();
        *count += 1;
        *count
    })
}

pub(crate) fn executed(id: &str, step: &'static str) -> usize {
    with(id, |door| door.executed.get(step).copied().unwrap_or(0))
}

pub(crate) async fn until_executed(id: &str, step: &'static str, times: usize) {
    let begin = Instant::now();
    while executed(id, step) < times {
        assert!(begin.elapsed() < PATIENCE, "{step} does not begin");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the test has opened the door.
pub(crate) async fn stand_at(id: &str) {
    let opened = with(id, |door| Arc::clone(&door.opened));
    // Closed is open for all.
    let _ = opened.acquire().await;
}

pub(crate) fn open(id: &str) {
    with(id, |door| door.opened.close());
}

pub(crate) fn is_open(id: &str) -> bool {
    with(id, |door| door.opened.is_closed())
}
