//! Who follows runs while they go on.

mod follower;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::stream::{BoxStream, unfold};
use futures::{Stream, StreamExt as _};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use uuid::Uuid;

use follower::Follower;

use super::Engine;
use super::recovery::refused;
use crate::error::Error;
use crate::event::{Event, Told};
use crate::run::Services;

/// What happens, as it happens: a [`Stream`] of [`Event`]s.
#[must_use = "events come when it is polled"]
pub struct Events(BoxStream<'static, Event>);

impl Events {
    /// The next event; `None` when there are no more.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.next().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Engine {
    /// What happens in this engine from now on, in all runs that it queues and executes: runs, their steps, and the pieces of streamed
    /// answers. What other processes do, [`watch`](Self::watch) tells of one run.
    ///
    /// An event comes when it is recorded: who reads the run's rows then finds them so, or further on. (Of a run that another process has
    /// taken over meanwhile, an end may be told that is not recorded.) Nothing waits for who is slow:
    /// some thousand events are kept for them, and what is left out is told as [`Event::Missed`]. When a root run ends, is parked or
    /// cancelled, so is what is still open in it, without an event of its own. What the engine records for itself, such as
    /// times and waits, is not told. It ends when the engine is [closed](Self::close) or dropped.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine) {
    /// use flow_engine::Event;
    ///
    /// let mut events = engine.events();
    /// while let Some(event) = events.next().await {
    ///     if let Event::Run { flow_name, status, .. } = event {
    ///         println!("{flow_name} is {status}");
    ///     }
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> Events {
        let listener = Listener::new(self, None);
        let next = |mut listener: Listener| async move {
            let event = listener.next().await?;
            Some((event, listener))
        };
        Events(unfold(listener, next).boxed())
    }

    /// Follows a run, whichever process executes it, to its end: first what it has come to so far, then each change.
    ///
    /// While this engine executes it, changes come at once, and with them the pieces of streamed answers, from now on; else the database
    /// is asked for them twice a second. What has changed twice in between is told once, as it is then. The end of the run, `completed`,
    /// `failed` or `cancelled`, comes last; a run that waits, is paused or interrupted, or stands in doubt, is followed until it goes
    /// on and ends. The stream ends also when the run is deleted, and when the engine is closed or dropped.
    ///
    /// The id of a sub-flow's run stands for that of its root.
    ///
    /// ```
    /// # async fn example(engine: flow_engine::Engine, run_id: flow_engine::Uuid) -> Result<(), flow_engine::Error> {
    /// use flow_engine::Event;
    ///
    /// let mut events = engine.watch(run_id).await?;
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Step { step_name, status, .. } => println!("{step_name} is {status}"),
    ///         Event::Run { flow_name, status, progress_percentage, .. } => {
    ///             println!("{flow_name} is {status}, {progress_percentage:.0} %");
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotResumable`](crate::ErrorKind::NotResumable) if there is no such run; or why the database cannot be read. Once it
    /// has begun, a database that cannot be read is logged, and asked again.
    pub async fn watch(&self, run_id: Uuid) -> Result<Events, Error> {
        let Some(run) = self.find_run(run_id).await? else {
            return Err(refused(run_id, "watched", "there is no such run"));
        };
        let root = run.root_run_id;
        let follower = Follower::new(root, Listener::new(self, Some(root)));
        let next = |mut follower: Follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        };
        Ok(Events(unfold(follower, next).boxed()))
    }
}

/// Hears what an engine tells, once it is recorded. It does not keep the engine.
struct Listener {
    events: Receiver<Told>,
    services: Weak<Services>,
    /// The only root run that is listened to, if it is one.
    root: Option<Uuid>,
    heard: VecDeque<Event>,
    /// How many of them are recorded, from the oldest on.
    recorded: usize,
    has_ended: bool,
}

impl Listener {
    fn new(engine: &Engine, root: Option<Uuid>) -> Self {
        Self {
            events: engine.services.events.listen(),
            services: Arc::downgrade(&engine.services),
            root,
            heard: VecDeque::new(),
            recorded: 0,
            has_ended: false,
        }
    }

    /// The next event; `None` once the engine is closed or gone. Dropped before it gives one, it has lost none.
    async fn next(&mut self) -> Option<Event> {
        if self.recorded == 0 {
            while self.heard.is_empty() {
                if self.has_ended {
                    return None;
                }
                match self.events.recv().await {
                    Ok(told) => self.hear(told),
                    Err(RecvError::Lagged(count)) => self.heard.push_back(Event::Missed { count }),
                    Err(RecvError::Closed) => self.has_ended = true,
                }
            }
            self.make_sure().await?;
        }
        self.recorded -= 1;
        self.heard.pop_front()
    }

    /// All that was told by now. `None` as of [`next`](Self::next).
    async fn so_far(&mut self) -> Option<VecDeque<Event>> {
        self.make_sure().await?;
        self.recorded = 0;
        Some(std::mem::take(&mut self.heard))
    }

    /// Takes what has come, and waits until all of it is recorded.
    async fn make_sure(&mut self) -> Option<()> {
        loop {
            match self.events.try_recv() {
                Ok(told) => self.hear(told),
                Err(TryRecvError::Lagged(count)) => self.heard.push_back(Event::Missed { count }),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Closed) => {
                    self.has_ended = true;
                    break;
                }
            }
        }
        if !self.heard.iter().all(Event::is_delta) {
            // The engine is not kept by who does not poll.
            let recorded = self.services.upgrade()?.store.barrier();
            // It fails once the store is closed: who knows what was recorded then.
            recorded.await.ok()?;
        }
        self.recorded = self.heard.len();
        Some(())
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::End => self.has_ended = true,
            Told::Event(event) => {
                if self
                    .root
                    .is_none_or(|root| event.root_run_id() == Some(root))
                {
                    self.heard.push_back(event);
                }
            }
        }
    }
}
