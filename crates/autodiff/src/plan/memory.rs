//! Memory: where the values of a plan live, and the buffers they share.

use std::mem::take;

use super::Instruction;

/// Where a value lives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Place {
    /// An input of the program, which is only read.
    Input(usize),
    /// A buffer: the outputs first, then the slots of the workspace.
    Buffer(usize),
}

/// Gives every value that has no place yet a slot of the workspace, reusing a slot after the last instruction
/// that reads its value. Returns the slots' sizes.
///
/// `places[v]` is the place of value `v` if it is an input or an output; `sizes[v]` its number of elements.
pub(super) fn assign(
    code: &[Instruction],
    sizes: &[usize],
    outputs: usize,
    places: &mut [Option<Place>],
) -> Vec<usize> {
    let mut last = vec![0; sizes.len()];
    for (at, instruction) in code.iter().enumerate() {
        instruction.reads().chain(instruction.writes()).for_each(|value| last[value] = at);
    }
    let mut slots: Vec<usize> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut held: Vec<(usize, usize)> = Vec::new();
    for (at, instruction) in code.iter().enumerate() {
        for value in instruction.writes() {
            if places[value].is_some() {
                continue;
            }
            // The smallest free slot that is large enough; else the largest, grown; else a new one.
            free.sort_by_key(|&slot| slots[slot]);
            let fit = free.iter().position(|&slot| slots[slot] >= sizes[value]);
            let slot = match fit.map(|i| free.remove(i)).or_else(|| free.pop()) {
                Some(slot) => slot,
                None => {
                    slots.push(0);
                    slots.len() - 1
                }
            };
            slots[slot] = slots[slot].max(sizes[value]);
            places[value] = Some(Place::Buffer(outputs + slot));
            held.push((value, slot));
        }
        held.retain(|&(value, slot)| {
            let done = last[value] <= at;
            if done {
                free.push(slot);
            }
            !done
        });
    }
    slots
}

/// The memory of a running plan.
pub(super) struct Memory<'a, T> {
    pub(super) inputs: &'a [&'a [T]],
    pub(super) buffers: &'a [&'a mut [T]],
}

/// Takes the buffer at `place` out of the memory while `f` writes it and reads the others.
pub(super) fn write<T>(
    place: Place,
    inputs: &[&[T]],
    buffers: &mut [&mut [T]],
    f: impl FnOnce(&mut [T], &Memory<'_, T>),
) {
    let Place::Buffer(target) = place else { unreachable!("inputs are not written") };
    let out = take(&mut buffers[target]);
    f(out, &Memory { inputs, buffers });
    buffers[target] = out;
}

impl<T> Memory<'_, T> {
    pub(super) fn read(&self, place: Place) -> &[T] {
        match place {
            Place::Input(i) => self.inputs[i],
            Place::Buffer(i) => self.buffers[i],
        }
    }
}
