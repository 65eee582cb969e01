//! Memory for runs, so that an operator can be applied through a shared reference.
//!
//! Each run takes what it needs out of the pool and puts it back: no lock is held while a plan runs, so that products
//! with one operator may run at the same time, each in memory of its own. After the first run nothing is allocated.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use autodiff::{Plan, Real, Threads, Workspace};

pub(crate) struct Pool<T: Real> {
    threads: Threads,
    /// With their sizes: a workspace is lent to plans that need as much.
    workspaces: Mutex<Vec<(usize, Workspace<T>)>>,
    vectors: Mutex<Vec<Vec<T>>>,
}

impl<T: Real> Pool<T> {
    pub(crate) fn new(threads: &Threads) -> Self {
        Self { threads: threads.clone(), workspaces: Mutex::default(), vectors: Mutex::default() }
    }

    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// Runs `plan`.
    pub(crate) fn run(&self, plan: &Plan, inputs: &[&[T]], outputs: &mut [&mut [T]]) {
        let size = plan.workspace_size();
        let found = take(&self.workspaces, |(s, workspace)| *s == size && workspace.serves(plan));
        let mut workspace = found.unwrap_or_else(|| (size, plan.workspace(&self.threads)));
        plan.run(inputs, outputs, &mut workspace.1);
        give(&self.workspaces, workspace);
    }

    /// Lends a vector of that length, with anything in it.
    pub(crate) fn lend<R>(&self, length: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
        let found = take(&self.vectors, |vector| vector.len() == length);
        let mut vector = found.unwrap_or_else(|| vec![T::zero(); length]);
        let result = f(&mut vector);
        give(&self.vectors, vector);
        result
    }
}

fn take<V>(list: &Mutex<Vec<V>>, fits: impl Fn(&V) -> bool) -> Option<V> {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    let at = list.iter().position(fits)?;
    Some(list.swap_remove(at))
}

fn give<V>(list: &Mutex<Vec<V>>, value: V) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(value);
}

impl<T: Real> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.threads)
    }
}
