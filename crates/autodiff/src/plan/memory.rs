//! Memory: where the values of a plan live, and the buffers they share.

use std::array;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Instruction;
use super::block::{MAX_STORES, Slices};
use super::kernel::MAX_OVERWRITTEN;
use crate::real::Real;
use crate::threads::Threads;

/// Where a value lives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Place {
    /// An input of the program, which is only read.
    Input(usize),
    /// A buffer: the outputs first, then the slots of the workspace.
    Buffer(usize),
}

/// Gives every value that has no place yet a slot of the workspace, reusing a slot after the last instruction
/// that reads its value, or already in that instruction where it reads the value element by element. Returns the slots'
/// sizes.
///
/// `places[v]` is the place of value `v` if it is an input or an output; `sizes[v]` its number of elements.
pub(super) fn assign(
    code: &mut [Instruction],
    sizes: &[usize],
    outputs: usize,
    places: &mut [Option<Place>],
) -> Vec<usize> {
    let mut last = vec![0; sizes.len()];
    for (at, instruction) in code.iter().enumerate() {
        instruction.reads().chain(instruction.writes()).for_each(|value| last[value] = at);
    }
    let mut slots = Slots::default();
    let mut held: Vec<(usize, usize)> = Vec::new();
    for (at, instruction) in code.iter_mut().enumerate() {
        let written: Vec<usize> = instruction.writes().filter(|&value| places[value].is_none()).collect();
        let mut overwritten = 0;
        for value in written {
            let ends_here = |&(v, _): &(usize, usize)| {
                last[v] == at && sizes[v] == sizes[value] && instruction.overwrites(v, value)
            };
            let slot = match held.iter().position(ends_here) {
                Some(i) if overwritten < MAX_OVERWRITTEN => {
                    overwritten += 1;
                    held.swap_remove(i).1
                }
                _ => slots.take(sizes[value]),
            };
            places[value] = Some(Place::Buffer(outputs + slot));
            held.push((value, slot));
        }
        if let Instruction::Product(product) = instruction
            && let Some(epilogue) = &mut product.epilogue
            && places[product.value].is_none()
        {
            // A product that nobody else reads is computed where something made of it will be, unless what is there
            // is read as well.
            let free = |&store: &usize| epilogue.loads.iter().all(|l| places[l.view.value] != places[store]);
            match epilogue.stores.iter().copied().find(free) {
                Some(store) => places[product.value] = places[store],
                None => {
                    let slot = slots.take(sizes[product.value]);
                    places[product.value] = Some(Place::Buffer(outputs + slot));
                    held.push((product.value, slot));
                    epilogue.stores.push(product.value);
                }
            }
        }
        held.retain(|&(value, slot)| {
            let done = last[value] <= at;
            if done {
                slots.free.push(slot);
            }
            !done
        });
    }
    slots.sizes
}

/// The slots of a workspace.
#[derive(Default)]
struct Slots {
    sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Slots {
    /// A slot of at least `size` elements: the smallest free one that is large enough; else the largest, grown; else
    /// a new one.
    fn take(&mut self, size: usize) -> usize {
        self.free.sort_by_key(|&slot| self.sizes[slot]);
        let fit = self.free.iter().position(|&slot| self.sizes[slot] >= size);
        let slot = fit.map(|i| self.free.remove(i)).or_else(|| self.free.pop()).unwrap_or_else(|| {
            self.sizes.push(0);
            self.sizes.len() - 1
        });
        self.sizes[slot] = self.sizes[slot].max(size);
        slot
    }
}

/// The memory of a running plan, and its threads.
pub(super) struct Memory<'r, 'm, T: Real> {
    pub(super) places: &'r [Option<Place>],
    pub(super) inputs: &'r [&'m [T]],
    pub(super) buffers: &'r mut [&'m mut [T]],
    /// One for each thread.
    pub(super) scratch: &'r [Mutex<Vec<T>>],
    pub(super) threads: &'r Threads,
}

impl<'m, T: Real> Memory<'_, 'm, T> {
    pub(super) fn place(&self, value: usize) -> Place {
        self.places[value].expect("instructions use values that have a place")
    }

    pub(super) fn read(&self, value: usize) -> &[T] {
        match self.place(value) {
            Place::Input(i) => self.inputs[i],
            Place::Buffer(i) => self.buffers[i],
        }
    }

    /// Takes the buffers of `values` out of the memory while `f` writes them and reads the others.
    pub(super) fn write(&mut self, values: &[usize], f: impl FnOnce(&mut Slices<'m, T>, &Self)) {
        let buffer = |s: usize| match self.place(*values.get(s)?) {
            Place::Buffer(i) => Some(i),
            Place::Input(_) => unreachable!("inputs are not written"),
        };
        let targets: [Option<usize>; MAX_STORES] = array::from_fn(buffer);
        let mut stores = targets.map(|target| target.map(|i| take(&mut self.buffers[i])).unwrap_or_default());
        f(&mut stores, self);
        for (target, store) in targets.into_iter().zip(stores) {
            if let Some(i) = target {
                self.buffers[i] = store;
            }
        }
    }

    /// The calling thread's scratch. It must be given back before work is shared.
    pub(super) fn scratch(&self) -> MutexGuard<'_, Vec<T>> {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.scratch.len();
        self.scratch[thread].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
