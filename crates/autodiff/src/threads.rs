//! Threads: how many cores a plan may use. Results do not depend on it.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A number of threads and, if it is more than one, the pool that holds them. Clones share the pool.
///
/// Work is divided into blocks whose size is fixed by the shapes alone, so results have the same bits for any
/// number of threads.
#[derive(Clone, Default)]
pub struct Threads {
    pool: Option<Arc<ThreadPool>>,
}

impl Threads {
    /// The calling thread alone.
    pub fn one() -> Self {
        Self::default()
    }

    /// `count` threads.
    ///
    /// # Panics
    /// If the system cannot start them.
    pub fn new(count: NonZeroUsize) -> Self {
        let pool = (count.get() > 1).then(|| {
            let pool = ThreadPoolBuilder::new().num_threads(count.get()).build();
            Arc::new(pool.expect("the system starts threads"))
        });
        Self { pool }
    }

    /// As many threads as the machine runs at once.
    pub fn available() -> Self {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.pool.as_ref().map_or(1, |pool| pool.current_num_threads())
    }

    /// Runs `f` on these threads: a [`Plan`](crate::Plan) that runs inside shares its work among them. Nested calls
    /// cost nothing, so a long loop of short runs is best put inside one call.
    ///
    /// Until `f` returns, threads without work look for some instead of sleeping: work comes in pieces of a tenth of a
    /// millisecond, and waking a sleeping thread takes as long.
    pub fn install<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            Some(pool) if pool.current_thread_index().is_none() => pool.install(|| {
                let done = AtomicBool::new(false);
                let mut result = None;
                let work = || {
                    let _done = SetAtTheEnd(&done);
                    result = Some(f());
                };
                attended(pool.current_num_threads() - 1, &done, work);
                result.expect("the work was done")
            }),
            _ => f(),
        }
    }

    /// Runs both, possibly at the same time: to be called inside [`Threads::install`].
    #[inline]
    pub fn join(&self, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
        if self.pool.is_some() {
            rayon::join(a, b);
        } else {
            a();
            b();
        }
    }
}

/// Says that work is done, also if it panics: others wait for it.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `work` while `helpers` other threads take what it leaves to be taken, until it is `done`.
fn attended(helpers: usize, done: &AtomicBool, work: impl FnOnce() + Send) {
    if helpers == 0 {
        return work();
    }
    let help = || {
        let mut idle = 0;
        while !done.load(Ordering::Acquire) {
            idle = if rayon::yield_now() == Some(rayon::Yield::Executed) { 0 } else { idle + 1 };
            // Where others want this core, a thread that only looks must not keep it from them.
            if idle > 64 { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    };
    rayon::join(|| attended(helpers - 1, done, work), help);
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Threads({})", self.count())
    }
}
