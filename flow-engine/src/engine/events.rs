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
    /// some thousand events are kept for them, and what is left out is told as [`Event::Missed`]. What the engine records for itself, such as
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
        let services = Arc::downgrade(&self.services);
        let listener = Listener::new(self.services.events.listen(), services);
        let next = |mut listener: Listener| async move {
            let event = listener.next().await?;
            Some((event, listener))
        };
        Events(unfold(listener, next).boxed())
    }

    /// Follows a run, whichever process executes it, to its end: first what it has come to so far, then each change.
    ///
    /// While this engine executes it, changes come at once, and with them the pieces of streamed answers; else the database is asked
    /// for them twice a second. What has changed twice in between is told once, as it is then. The end of the run, `completed`,
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
        let events = self.services.events.listen();
        let Some(run) = self.find_run(run_id).await? else {
            return Err(refused(run_id, "watched", "there is no such run"));
        };
        let services = Arc::downgrade(&self.services);
        let follower = Follower::new(run.root_run_id, Listener::new(events, services));
        let next = |mut follower: Follower| async move {
            let event = follower.next().await?;
            Some((event, follower))
        };
        Ok(Events(unfold(follower, next).boxed()))
    }
}

/// How many events are made sure of at once.
const AT_ONCE: usize = 256;

/// Hears what an engine tells, once it is recorded. It does not keep the engine.
struct Listener {
    events: Receiver<Told>,
    services: Weak<Services>,
    heard: VecDeque<Event>,
    /// How many of them are recorded, from the oldest on.
    recorded: usize,
}

impl Listener {
    fn new(events: Receiver<Told>, services: Weak<Services>) -> Self {
        Self {
            events,
            services,
            heard: VecDeque::new(),
            recorded: 0,
        }
    }

    /// The next event; `None` once the engine is gone. Dropped before it gives one, it has lost none.
    async fn next(&mut self) -> Option<Event> {
        if self.recorded == 0 {
            self.hear().await?;
            if !self.heard.iter().all(Event::is_delta) {
                self.are_recorded().await?;
            }
            self.recorded = self.heard.len();
        }
        self.recorded -= 1;
        self.heard.pop_front()
    }

    /// Waits for an event, and takes those that have come with it.
    async fn hear(&mut self) -> Option<()> {
        if self.heard.is_empty() {
            let event = match self.events.recv().await {
                Ok(Told::Event(event)) => event,
                Err(RecvError::Lagged(count)) => Event::Missed { count },
                Ok(Told::End) | Err(RecvError::Closed) => return None,
            };
            self.heard.push_back(event);
        }
        while self.heard.len() < AT_ONCE {
            self.heard.push_back(match self.events.try_recv() {
                Ok(Told::Event(event)) => event,
                Err(TryRecvError::Lagged(count)) => Event::Missed { count },
                // Of a closed engine, nothing of these is known to be recorded either.
                Ok(Told::End) | Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            });
        }
        Some(())
    }

    /// `None` once the store is closed: who knows whether they are.
    async fn are_recorded(&self) -> Option<()> {
        let services = self.services.upgrade()?;
        services.store.barrier().await.ok()
    }
}
