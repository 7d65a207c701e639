//! Stores around a store.

/// The methods of a [`Store`](crate::Store) that is around another one, and leaves these to it:
/// `forward_store!(self.0: run, runs);`.
///
/// For stores that differ in a few methods, such as one that takes no writes.
#[doc(hidden)]
#[macro_export]
macro_rules! forward_store {
    (self.$inner:tt: $($method:ident),+ $(,)?) => {
        $($crate::forward_store! { @$method $inner })+
    };
    (@submit $inner:tt) => {
        fn submit(&self, lease: $crate::__forward::Lease, writes: Vec<$crate::__forward::Write>) -> $crate::__forward::Commit {
            self.$inner.submit(lease, writes)
        }
    };
    (@barrier $inner:tt) => {
        fn barrier(&self) -> $crate::__forward::Commit {
            self.$inner.barrier()
        }
    };
    (@acquire $inner:tt) => {
        fn acquire(&self, run_id: $crate::__forward::Uuid, term: $crate::__forward::LeaseTerm) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::Lease>, $crate::__forward::StoreError>> {
            self.$inner.acquire(run_id, term)
        }
    };
    (@acquire_background $inner:tt) => {
        fn acquire_background(&self, wanted: $crate::__forward::BackgroundFilter, term: $crate::__forward::LeaseTerm) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::Lease>, $crate::__forward::StoreError>> {
            self.$inner.acquire_background(wanted, term)
        }
    };
    (@renew $inner:tt) => {
        fn renew(&self, leases: Vec<$crate::__forward::Lease>, term: $crate::__forward::LeaseTerm) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::Lease>, $crate::__forward::StoreError>> {
            self.$inner.renew(leases, term)
        }
    };
    (@cancel $inner:tt) => {
        fn cancel(&self, root_run_id: $crate::__forward::Uuid, message: String) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::RunStatus>, $crate::__forward::StoreError>> {
            self.$inner.cancel(root_run_id, message)
        }
    };
    (@retry $inner:tt) => {
        fn retry(&self, root_run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::FoundRun>, $crate::__forward::StoreError>> {
            self.$inner.retry(root_run_id)
        }
    };
    (@pause $inner:tt) => {
        fn pause(&self, root_run_id: $crate::__forward::Uuid, message: String) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::FoundRun>, $crate::__forward::StoreError>> {
            self.$inner.pause(root_run_id, message)
        }
    };
    (@newest_leases $inner:tt) => {
        fn newest_leases(&self, root_run_ids: Vec<$crate::__forward::Uuid>) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::NewestLease>, $crate::__forward::StoreError>> {
            self.$inner.newest_leases(root_run_ids)
        }
    };
    (@standings $inner:tt) => {
        fn standings(&self, run_ids: Vec<$crate::__forward::Uuid>) -> $crate::__forward::BoxFuture<'_, Result<$crate::__forward::Standings, $crate::__forward::StoreError>> {
            self.$inner.standings(run_ids)
        }
    };
    (@outline $inner:tt) => {
        fn outline(&self, root_run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<$crate::__forward::Outline, $crate::__forward::StoreError>> {
            self.$inner.outline(root_run_id)
        }
    };
    (@signal $inner:tt) => {
        fn signal(&self, signal: $crate::__forward::NewSignal) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::RunStatus>, $crate::__forward::StoreError>> {
            self.$inner.signal(signal)
        }
    };
    (@signals $inner:tt) => {
        fn signals(&self, root_run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::Signal>, $crate::__forward::StoreError>> {
            self.$inner.signals(root_run_id)
        }
    };
    (@signalled $inner:tt) => {
        fn signalled(&self, root_run_ids: Vec<$crate::__forward::Uuid>) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::Uuid>, $crate::__forward::StoreError>> {
            self.$inner.signalled(root_run_ids)
        }
    };
    (@now $inner:tt) => {
        fn now(&self) -> $crate::__forward::BoxFuture<'_, Result<$crate::__forward::DateTime<$crate::__forward::Utc>, $crate::__forward::StoreError>> {
            self.$inner.now()
        }
    };
    (@run $inner:tt) => {
        fn run(&self, id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::FlowRun>, $crate::__forward::StoreError>> {
            self.$inner.run(id)
        }
    };
    (@runs $inner:tt) => {
        fn runs(&self, filter: $crate::__forward::RunFilter) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::FlowRun>, $crate::__forward::StoreError>> {
            self.$inner.runs(filter)
        }
    };
    (@steps $inner:tt) => {
        fn steps(&self, run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::FlowStepRun>, $crate::__forward::StoreError>> {
            self.$inner.steps(run_id)
        }
    };
    (@requests $inner:tt) => {
        fn requests(&self, run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Vec<$crate::__forward::LlmRequest>, $crate::__forward::StoreError>> {
            self.$inner.requests(run_id)
        }
    };
    (@request $inner:tt) => {
        fn request(&self, id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::LlmRequest>, $crate::__forward::StoreError>> {
            self.$inner.request(id)
        }
    };
    (@journal $inner:tt) => {
        fn journal(&self, root_run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<$crate::__forward::Journal, $crate::__forward::StoreError>> {
            self.$inner.journal(root_run_id)
        }
    };
    (@cached_step $inner:tt) => {
        fn cached_step(&self, cache_key: &str, since: $crate::__forward::DateTime<$crate::__forward::Utc>) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::JournalStep>, $crate::__forward::StoreError>> {
            self.$inner.cached_step(cache_key, since)
        }
    };
    (@fork $inner:tt) => {
        fn fork(&self, run_id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<Option<$crate::__forward::RunFork>, $crate::__forward::StoreError>> {
            self.$inner.fork(run_id)
        }
    };
    (@schedules $inner:tt) => {
        fn schedules(&self, flow_names: Vec<String>) -> $crate::__forward::BoxFuture<'_, Result<$crate::__forward::Schedules, $crate::__forward::StoreError>> {
            self.$inner.schedules(flow_names)
        }
    };
    (@begin_schedule $inner:tt) => {
        fn begin_schedule(&self, flow_name: &str, at: $crate::__forward::DateTime<$crate::__forward::Utc>) -> $crate::__forward::BoxFuture<'_, Result<(), $crate::__forward::StoreError>> {
            self.$inner.begin_schedule(flow_name, at)
        }
    };
    (@advance_schedule $inner:tt) => {
        fn advance_schedule(&self, advance: $crate::__forward::ScheduleAdvance) -> $crate::__forward::BoxFuture<'_, Result<bool, $crate::__forward::StoreError>> {
            self.$inner.advance_schedule(advance)
        }
    };
    (@delete_run $inner:tt) => {
        fn delete_run(&self, id: $crate::__forward::Uuid) -> $crate::__forward::BoxFuture<'_, Result<bool, $crate::__forward::StoreError>> {
            self.$inner.delete_run(id)
        }
    };
    (@prune $inner:tt) => {
        fn prune(&self, filter: $crate::__forward::PruneFilter) -> $crate::__forward::BoxFuture<'_, Result<usize, $crate::__forward::StoreError>> {
            self.$inner.prune(filter)
        }
    };
    (@free_artifacts $inner:tt) => {
        fn free_artifacts(&self, after: &str, limit: u32) -> $crate::__forward::BoxFuture<'_, Result<Vec<String>, $crate::__forward::StoreError>> {
            self.$inner.free_artifacts(after, limit)
        }
    };
    (@forget_artifacts $inner:tt) => {
        fn forget_artifacts(&self, artifacts: Vec<String>) -> $crate::__forward::BoxFuture<'_, Result<(), $crate::__forward::StoreError>> {
            self.$inner.forget_artifacts(artifacts)
        }
    };
    (@close $inner:tt) => {
        fn close(&self) -> $crate::__forward::BoxFuture<'_, ()> {
            self.$inner.close()
        }
    };
    (@location $inner:tt) => {
        fn location(&self) -> &str {
            self.$inner.location()
        }
    };
}
