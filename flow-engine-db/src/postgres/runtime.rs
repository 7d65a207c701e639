//! The runtime that the connections of a store live in.

use std::{io, sync::Arc};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of the store's own. The caller's would not do: units are submitted and stores dropped outside of any, and a
/// test's ends before its store. Its one thread only passes bytes between sockets and those who wait for them.
#[derive(Debug, Clone)]
pub(super) struct OwnRuntime(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: Handle,
    /// `None` once it is dropped.
    runtime: Option<Runtime>,
}

impl OwnRuntime {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("flow-engine-db")
            .enable_all()
            .build()?;
        Ok(Self(Arc::new(Inner {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A usual drop waits, which panics inside of another runtime. Nothing is left to wait for: the writers
            // have ended, and who reads holds a clone of this.
            runtime.shutdown_background();
        }
    }
}
