//! Emission: from roots to instructions, in program order.
//!
//! Elementwise roots wait until an instruction wants one of them. Then everything that waits and can be computed
//! together with it, in one pass over the same index space, goes into one kernel; only values that somebody else
//! reads are stored. A kernel that reads a product in the order in which it is computed becomes its epilogue.

use std::mem::take;

use super::Instruction;
use super::block::MAX_STORES;
use super::kernel::{Calc, Kernel, Load, MAX_HELD, MAX_STEPS, Source, Step};
use super::lower::{Root, Roots};
use super::view::View;

/// The instructions that compute the `outputs` among the roots.
pub(super) fn emit(roots: &mut Roots, outputs: &[bool]) -> Vec<Instruction> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); roots.list.len()];
    for value in (0..roots.list.len()).rev() {
        if outputs[value] || !readers[value].is_empty() {
            roots.list[value].operands().for_each(|operand| readers[operand].push(value));
        }
    }
    let wanted: Vec<bool> = readers.iter().zip(outputs).map(|(r, &output)| output || !r.is_empty()).collect();
    let mut list = take(&mut roots.list);
    let mut code = Vec::new();
    let mut queue = Queue { ready: vec![false; list.len()], waiting: Vec::new(), readers, outputs };
    for value in (0..list.len()).filter(|&value| wanted[value]) {
        if matches!(list[value], Root::Elementwise { .. }) {
            queue.waiting.push(value);
            continue;
        }
        for operand in list[value].operands().collect::<Vec<_>>() {
            queue.force(operand, &list, &mut code);
        }
        queue.ready[value] = true;
        match list[value] {
            Root::Product(_) | Root::Reduction(_) | Root::Scatter(_) => {
                code.push(match std::mem::replace(&mut list[value], Root::Absorbed) {
                    Root::Product(product) => Instruction::Product(product),
                    Root::Reduction(r) => Instruction::Reduction(r),
                    Root::Scatter(scatter) => Instruction::Scatter(scatter),
                    _ => unreachable!("matched above"),
                });
            }
            _ => {}
        }
    }
    while let Some(&value) = queue.waiting.first() {
        queue.force(value, &list, &mut code);
    }
    attach(code, outputs)
}

impl Root {
    /// The values it reads.
    fn operands(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Self::Input(_) | Self::Literal(_) | Self::Absorbed => Box::new(std::iter::empty()),
            Self::Elementwise { operands, .. } => Box::new(operands.iter().map(|view| view.value)),
            Self::Product(p) => Box::new(p.factors().chain(p.base.iter().map(|base| base.view.value))),
            Self::Reduction(r) => Box::new([r.view.value].into_iter()),
            Self::Scatter(s) => Box::new([s.view.value].into_iter()),
        }
    }
}

/// Elementwise roots that wait to be computed.
struct Queue<'a> {
    ready: Vec<bool>,
    waiting: Vec<usize>,
    readers: Vec<Vec<usize>>,
    outputs: &'a [bool],
}

impl Queue<'_> {
    /// Emits kernels until `value` is computed.
    fn force(&mut self, value: usize, list: &[Root], code: &mut Vec<Instruction>) {
        while !self.ready[value] {
            // What waits and is needed; first what has another index space, so that the rest stays together.
            let mut marked = vec![false; list.len()];
            marked[value] = true;
            let mut needed = vec![value];
            for &w in self.waiting.iter().rev() {
                if !marked[w] && self.readers[w].iter().any(|&reader| marked[reader]) {
                    marked[w] = true;
                    needed.push(w);
                }
            }
            let can_start = |w: &usize| list[*w].operands().all(|operand| self.ready[operand]);
            let elsewhere = |w: &usize| list[*w].extents() != list[value].extents();
            let mut starts = needed.iter().rev().copied().filter(can_start);
            let first =
                starts.clone().find(elsewhere).or_else(|| starts.next()).expect("programs have no cycles");
            let (members, kernel) = self.together(first, &marked, list);
            code.push(Instruction::Kernel(kernel));
            members.iter().for_each(|&member| self.ready[member] = true);
            self.waiting.retain(|w| !members.contains(w));
        }
    }

    /// What is computed in one pass with `first`, in program order: all that waits, as far as it fits, but not what
    /// is not `needed` and can wait.
    fn together(&self, first: usize, needed: &[bool], list: &[Root]) -> (Vec<usize>, Kernel) {
        let mut members = vec![first];
        let mut fitting = (1, self.kernel(&members, list));
        for &w in self.waiting.iter().filter(|&&w| w > first && list[w].extents() == list[first].extents()) {
            let Root::Elementwise { extents, operands, .. } = &list[w] else {
                continue;
            };
            let fusable = |view: &View| view.offset == 0 && view.is_contiguous(extents);
            let available =
                |view: &View| self.ready[view.value] || members.contains(&view.value) && fusable(view);
            if !operands.iter().all(available) || !needed[w] && self.can_wait(w, list) {
                continue;
            }
            members.push(w);
            // More members may need fewer stores, so one that does not fit need not be the last.
            let kernel = self.kernel(&members, list);
            if kernel.steps.len() > MAX_STEPS {
                break;
            }
            if kernel.stores.len() < MAX_STORES && kernel.held() <= MAX_HELD {
                fitting = (members.len(), kernel);
            }
        }
        members.truncate(fitting.0);
        (members, fitting.1)
    }

    /// Whether a value is as cheap where it is read as here: it is then never stored, and what it is made of is stored
    /// in any case. So the derivative of relu is taken from relu's value when a cotangent arrives.
    fn can_wait(&self, value: usize, list: &[Root]) -> bool {
        let beside = |reader: usize| match &list[reader] {
            Root::Elementwise { extents, .. } => extents == list[value].extents(),
            _ => false,
        };
        let stored = |operand: usize| {
            self.ready[operand]
                || self.outputs[operand]
                || self.readers[operand].iter().any(|&reader| !beside(reader))
        };
        !self.outputs[value]
            && self.readers[value].iter().all(|&reader| beside(reader))
            && list[value].operands().all(stored)
    }

    /// The members whose values are read outside.
    fn stored<'m>(&'m self, members: &'m [usize]) -> impl Iterator<Item = usize> + 'm {
        let outside = |value: usize| self.readers[value].iter().any(|reader| !members.contains(reader));
        members.iter().copied().filter(move |&value| self.outputs[value] || outside(value))
    }

    fn kernel(&self, members: &[usize], list: &[Root]) -> Kernel {
        let extents = list[members[0]].extents();
        let mut body = Body { extents, loads: Vec::new(), steps: Vec::new(), results: Vec::new() };
        let stores: Vec<usize> = self.stored(members).collect();
        for &member in members {
            let Root::Elementwise { calc, operands, .. } = &list[member] else {
                continue;
            };
            let store = stores.iter().position(|&value| value == member);
            body.member(member, *calc, operands, store, list);
        }
        Kernel::new(extents.iter().product(), body.loads, body.steps, stores)
    }
}

/// Makes kernels that read a product element by element part of it, where all else they read is there before.
fn attach(code: Vec<Instruction>, outputs: &[bool]) -> Vec<Instruction> {
    let mut readers = vec![0; outputs.len()];
    code.iter().flat_map(Instruction::reads).for_each(|value| readers[value] += 1);
    // Which instruction writes a value.
    let mut writer: Vec<Option<usize>> = vec![None; outputs.len()];
    let mut attached: Vec<Instruction> = Vec::with_capacity(code.len());
    for instruction in code {
        let at = match &instruction {
            Instruction::Kernel(kernel) => kernel.reads().filter_map(|value| writer[value]).max(),
            _ => None,
        };
        let at = match (at.map(|i| (i, &mut attached[i])), instruction) {
            (Some((i, Instruction::Product(product))), Instruction::Kernel(mut kernel))
                if product.epilogue.is_none()
                    && kernel.size == product.size()
                    && kernel.reads().any(|value| value == product.value)
                    && kernel.reads_in_place(product.value) =>
            {
                if outputs[product.value] || readers[product.value] > 1 {
                    kernel.stores.push(product.value);
                }
                product.epilogue = Some(kernel);
                i
            }
            (_, instruction) => {
                attached.push(instruction);
                attached.len() - 1
            }
        };
        attached[at].writes().for_each(|value| writer[value] = Some(at));
    }
    attached
}

impl Root {
    fn extents(&self) -> &[usize] {
        match self {
            Self::Elementwise { extents, .. } => extents,
            _ => unreachable!("only elementwise roots wait"),
        }
    }
}

/// A kernel being written.
struct Body<'a> {
    extents: &'a [usize],
    loads: Vec<Load>,
    steps: Vec<Step>,
    /// The values computed so far, with the steps that do.
    results: Vec<(usize, usize)>,
}

impl Body<'_> {
    fn member(&mut self, value: usize, calc: Calc, operands: &[View], store: Option<usize>, list: &[Root]) {
        let literal = |i: usize| match list[operands[i].value] {
            Root::Literal(c) => Some(c * operands[i].scale),
            _ => None,
        };
        if calc == Calc::Add
            && let Some((x, d)) = literal(1).map(|d| (0, d)).or_else(|| literal(0).map(|d| (1, d)))
        {
            let source = self.source(&operands[x], list);
            let step = self.step(Calc::Affine(operands[x].scale, d), [source, source], store);
            self.results.push((value, step));
            return;
        }
        let sources: Vec<Source> = operands.iter().map(|view| self.source(view, list)).collect();
        let (x, y) = (sources[0], sources.get(1).copied().unwrap_or(sources[0]));
        let scale = |i: usize| operands[i].scale;
        let step = match calc {
            Calc::Copy if scale(0) == 1.0 => self.step(Calc::Copy, [x, x], store),
            Calc::Copy => self.step(Calc::Scale(scale(0)), [x, x], store),
            Calc::Add if scale(0) == 1.0 && scale(1) == 1.0 => self.step(Calc::Add, [x, y], store),
            Calc::Add if scale(0) == 1.0 => self.step(Calc::ScaleAdd(scale(1)), [y, x], store),
            Calc::Add => {
                let y = self.scaled(y, scale(1));
                self.step(Calc::ScaleAdd(scale(0)), [x, y], store)
            }
            Calc::Multiply => {
                let x = self.scaled(x, scale(0) * scale(1));
                self.step(Calc::Multiply, [x, y], store)
            }
            Calc::Zip(_) => {
                let (x, y) = (self.scaled(x, scale(0)), self.scaled(y, scale(1)));
                self.step(calc, [x, y], store)
            }
            calc => {
                let x = self.scaled(x, scale(0));
                self.step(calc, [x, x], store)
            }
        };
        self.results.push((value, step));
    }

    fn step(&mut self, calc: Calc, from: [Source; 2], to: Option<usize>) -> usize {
        self.steps.push(Step { calc, from, to });
        self.steps.len() - 1
    }

    fn scaled(&mut self, x: Source, c: f64) -> Source {
        if c == 1.0 { x } else { Source::Step(self.step(Calc::Scale(c), [x, x], None)) }
    }

    /// Where the elements behind a view can be read, not yet scaled.
    fn source(&mut self, view: &View, list: &[Root]) -> Source {
        if let Some((_, step)) = self.results.iter().find(|(value, _)| *value == view.value) {
            return Source::Step(*step);
        }
        let nothing = [Source::Step(0); 2];
        if let Root::Literal(c) = list[view.value] {
            return Source::Step(self.step(Calc::Literal(c), nothing, None));
        }
        let load = Load::new(&View { scale: 1.0, ..view.clone() }, self.extents);
        let contiguous = load.contiguous;
        let known = self.loads.iter().position(|other| *other == load);
        let load = known.unwrap_or_else(|| {
            self.loads.push(load);
            self.loads.len() - 1
        });
        if contiguous {
            return Source::Load(load);
        }
        let known = self.steps.iter().position(|step| step.calc == Calc::Gather(load));
        Source::Step(known.unwrap_or_else(|| self.step(Calc::Gather(load), nothing, None)))
    }
}
