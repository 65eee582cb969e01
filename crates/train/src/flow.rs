//! Gradient flow in function space, under any loss: gradient descent in the limit of small steps.
//!
//! Outputs move by ḟ = −Θ ∂ℒ/∂f, and so dual coefficients by ȧ = −∂ℒ/∂f, with f = f₀ + Θ a everywhere. Momentum makes that
//! ȧ = q, q̇ = −∂ℒ/∂f + (β − 1)/√η q, in the time √η k after k steps of rate η (Qian 1999; Lee et al. 2019, Eqs. S3 and S4);
//! without, time is η k. Solved by the method of Dormand and Prince of order 5 with a step that its solution of order 4 chooses
//! (Dormand, Prince 1980), and between steps by its continuous extension of order 4 (Hairer, Nørsett, Wanner 1993, section II.6).

use std::fmt;

use autodiff::{Plan, Threads, Workspace, grad};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use crate::loss::Objective;

/// Momentum, as gradient flow knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Friction {
    /// β
    pub momentum: f64,
    /// η
    pub rate: f64,
}

/// Where gradient flow is: all that is needed to go on from there.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The time.
    pub time: f64,
    /// The dual coefficients a, row-major, and after them their velocities if there is momentum.
    pub point: Vec<f64>,
    /// The length of the next step, if one is known.
    pub step: Option<f64>,
}

/// Gradient flow could not go on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stuck {
    /// Outputs or gradients are not finite.
    NotFinite {
        /// Since then.
        time: f64,
    },
    /// No step is small enough for the tolerance.
    StepTooSmall {
        /// Where.
        time: f64,
        /// The step.
        step: f64,
    },
    /// The time to go to is not finite, or in the past.
    NoSuchTime {
        /// It.
        time: f64,
    },
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { time } => write!(f, "gradient flow is not finite at the time {time}"),
            Self::StepTooSmall { time, step } => {
                write!(
                    f,
                    "gradient flow does not reach its tolerance at the time {time} with steps of {step:e}"
                )
            }
            Self::NoSuchTime { time } => {
                write!(f, "gradient flow goes on to later, finite times, not to {time}")
            }
        }
    }
}

impl std::error::Error for Stuck {}

/// Gradient flow on the outputs of a linear model with a kernel between its training points, which is shared by the outputs,
/// N × N, or full, N O × N O.
///
/// ```
/// use faer::mat;
/// use train::{Flow, Loss, Objective, Over};
///
/// let kernel = mat![[2.0, 0.0], [0.0, 1.0]];
/// let (f0, y) = (mat![[0.0], [0.0]], mat![[1.0], [-1.0]]);
/// let objective = Objective { loss: Loss::Logistic, over: Over::Sum };
/// let mut flow = Flow::new(kernel.as_ref(), f0.as_ref(), y.as_ref(), &objective);
/// flow.advance(3.0)?;
/// // u + eᵘ − 1 = λt of u = yf, for each by itself.
/// for (f, speed) in [(flow.outputs()[(0, 0)], 2.0), (-flow.outputs()[(1, 0)], 1.0_f64)] {
///     assert!((f + f.exp() - 1.0 - 3.0 * speed).abs() < 1e-6);
/// }
/// # Ok::<(), train::Stuck>(())
/// ```
#[derive(Debug)]
pub struct Flow {
    kernel: Mat<f64>,
    start: Mat<f64>,
    targets: Vec<f64>,
    gradient: Plan,
    workspace: Workspace<f64>,
    friction: Option<f64>,
    tolerance: f64,
    now: Moment,
    /// Derivatives where the last step ended.
    slope: Option<Vec<f64>>,
    /// The last step: its beginning, its length, and what interpolates within.
    last: Option<(f64, f64, [Vec<f64>; 5])>,
    /// What was asked for: a point of the last step.
    shown: Vec<f64>,
}

impl Flow {
    /// From outputs `f0` on, N × O as the targets; with a full kernel, too.
    ///
    /// # Panics
    /// If shapes do not fit.
    #[track_caller]
    pub fn new(
        kernel: MatRef<'_, f64>,
        f0: MatRef<'_, f64>,
        y: MatRef<'_, f64>,
        objective: &Objective,
    ) -> Self {
        let (n, o) = (y.nrows(), y.ncols());
        let (shape, other) = ((f0.nrows(), f0.ncols()), (kernel.nrows(), kernel.ncols()));
        assert!(
            shape == (n, o) && other.0 == other.1 && (other.0 == n || other.0 == n * o),
            "a kernel {other:?} and outputs {shape:?} for targets {:?}",
            (n, o)
        );
        let threads = Threads::one();
        let gradient = Plan::new(&grad(&objective.program(&[n, o].into()), &[0]));
        let (rows, columns) = if other.0 == n { (n, o) } else { (n * o, 1) };
        let row_major = |table: MatRef<'_, f64>| -> Vec<f64> {
            (0..n).flat_map(|i| (0..o).map(move |j| (i, j))).map(|entry| table[entry]).collect()
        };
        let start = MatRef::from_row_major_slice(&row_major(f0), rows, columns).to_owned();
        let zero = vec![0.0; n * o];
        Self {
            kernel: kernel.to_owned(),
            start,
            targets: row_major(y),
            workspace: gradient.workspace(&threads),
            gradient,
            friction: None,
            tolerance: 1e-8,
            now: Moment { time: 0.0, point: zero.clone(), step: None },
            slope: None,
            last: None,
            shown: zero,
        }
    }

    /// With momentum, from rest.
    #[must_use]
    pub fn with_friction(mut self, friction: Friction) -> Self {
        self.friction = Some((friction.momentum - 1.0) / friction.rate.sqrt());
        self.now.point = vec![0.0; 2 * self.targets.len()];
        self.shown = self.now.point.clone();
        self
    }

    /// With errors of outputs in each step below this, relative to the larger of 1 and their size; 10⁻⁸ otherwise.
    #[must_use]
    pub fn within(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// Goes on from a moment of the same flow.
    ///
    /// # Panics
    /// If it has other coefficients.
    #[must_use]
    #[track_caller]
    pub fn resumed(self, moment: Moment) -> Self {
        let (here, there) = (self.now.point.len(), moment.point.len());
        assert!(here == there, "a moment of {there} numbers for a flow of {here}");
        Self { shown: moment.point.clone(), now: moment, slope: None, last: None, ..self }
    }

    /// Where its last step ended, which may be later than was asked for.
    pub fn moment(&self) -> &Moment {
        &self.now
    }

    /// Goes on to a later time.
    ///
    /// # Errors
    /// If outputs are not finite, or the tolerance cannot be reached.
    pub fn advance(&mut self, time: f64) -> Result<(), Stuck> {
        let beginning = self.last.as_ref().map_or(self.now.time, |last| last.0);
        if !(time.is_finite() && time >= beginning) {
            return Err(Stuck::NoSuchTime { time });
        }
        while self.now.time < time {
            self.step(time)?;
        }
        self.shown = match &self.last {
            Some((start, length, polynomial)) => interpolated(polynomial, (time - start) / length),
            None => self.now.point.clone(),
        };
        Ok(())
    }

    /// The outputs on the training points, N × O.
    pub fn outputs(&self) -> Mat<f64> {
        let f = self.outputs_at(&self.shown);
        let (n, o) = self.shape();
        let columns = f.ncols();
        Mat::from_fn(n, o, |i, j| if columns == o { f[(i, j)] } else { f[(i * o + j, 0)] })
    }

    /// a, of the shape N × O: outputs elsewhere have moved by Θ(x, X) a (taken as one column with a full kernel), and
    /// parameters by Jᵀ a.
    pub fn dual(&self) -> Mat<f64> {
        let (n, o) = self.shape();
        MatRef::from_row_major_slice(&self.shown[..n * o], n, o).to_owned()
    }

    /// N × O.
    fn shape(&self) -> (usize, usize) {
        let shape = &self.gradient.inputs()[0];
        (shape[0], shape[1])
    }

    /// f₀ + Θ a.
    fn outputs_at(&self, point: &[f64]) -> Mat<f64> {
        let mut f = self.start.clone();
        let a = MatRef::from_row_major_slice(&point[..self.targets.len()], f.nrows(), f.ncols());
        matmul(f.as_mut(), Accum::Add, &self.kernel, a, 1.0, Par::rayon(0));
        f
    }

    /// The derivative by time.
    fn derivative(&mut self, point: &[f64]) -> Vec<f64> {
        let f = self.outputs_at(point);
        let size = self.targets.len();
        let (mut outputs, mut by_f) = (vec![0.0; size], vec![0.0; size]);
        MatMut::from_row_major_slice_mut(&mut outputs, f.nrows(), f.ncols()).copy_from(&f);
        self.gradient.run(&[&outputs, &self.targets], &mut [&mut by_f], &mut self.workspace);
        by_f.iter_mut().for_each(|g| *g = -*g);
        let Some(friction) = self.friction else { return by_f };
        let velocity = &point[size..];
        by_f.iter_mut().zip(velocity).for_each(|(g, q)| *g += friction * q);
        [velocity, &by_f].concat()
    }

    /// Makes one step that keeps the tolerance; `towards` tells how far there is to go.
    fn step(&mut self, towards: f64) -> Result<(), Stuck> {
        let start = self.now.clone();
        let slope = match self.slope.take() {
            Some(slope) => slope,
            None => self.derivative(&start.point),
        };
        let f = self.outputs_at(&start.point);
        let size = f.norm_max().max(1.0);
        let mut length = match start.step {
            Some(step) => step,
            None => {
                // As far as the outputs move by a hundredth of their size.
                let speed = self.norm(&slope);
                if speed > 0.0 { 0.01 * size / speed } else { towards - start.time }
            }
        };
        if !(f.is_all_finite() && slope.iter().all(|slope| slope.is_finite())) {
            return Err(Stuck::NotFinite { time: start.time });
        }
        loop {
            if length < 1e-14 * start.time.abs().max(1e-300) || length < 1e-290 {
                return Err(Stuck::StepTooSmall { time: start.time, step: length });
            }
            let mut slopes = vec![slope.clone()];
            let mut end = Vec::new();
            for row in STAGES {
                end = moved(&start.point, length, row, &slopes);
                slopes.push(self.derivative(&end));
            }
            let none = vec![0.0; start.point.len()];
            let error = self.norm(&moved(&none, length, &ERROR, &slopes)) / (self.tolerance * size);
            // The method's error is of order 5 in the length.
            let factor = if error > 0.0 { 0.9 * error.powf(-0.2) } else { 10.0 };
            if error <= 1.0 {
                let polynomial = polynomial(&start.point, &end, length, &slopes);
                self.last = Some((start.time, length, polynomial));
                self.slope = slopes.pop();
                let (time, step) = (start.time + length, Some(length * factor.clamp(0.2, 10.0)));
                self.now = Moment { time, point: end, step };
                return Ok(());
            }
            length *= if factor.is_finite() { factor.clamp(0.1, 0.9) } else { 0.1 };
        }
    }

    /// By how much outputs move with the coefficients (and their velocity with those of coefficients), at most.
    fn norm(&self, point: &[f64]) -> f64 {
        let norm = |a: &[f64]| {
            let a = MatRef::from_row_major_slice(a, self.start.nrows(), self.start.ncols());
            (&self.kernel * a).norm_max()
        };
        point.chunks(self.targets.len()).map(norm).fold(0.0, |a, b| if b.is_nan() { b } else { a.max(b) })
    }
}

/// y + h Σ cᵢ kᵢ
fn moved(y: &[f64], length: f64, coefficients: &[f64], slopes: &[Vec<f64>]) -> Vec<f64> {
    let mut y = y.to_vec();
    for (&c, slope) in coefficients.iter().zip(slopes).filter(|(c, _)| **c != 0.0) {
        y.iter_mut().zip(slope).for_each(|(y, k)| *y += length * c * k);
    }
    y
}

/// What [`interpolated`] takes.
fn polynomial(from: &[f64], to: &[f64], length: f64, slopes: &[Vec<f64>]) -> [Vec<f64>; 5] {
    let none = vec![0.0; from.len()];
    let way: Vec<f64> = to.iter().zip(from).map(|(to, from)| to - from).collect();
    let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
    let first = minus(&moved(&none, length, &[1.0], slopes), &way);
    let last = minus(&minus(&way, &moved(&none, length, &[1.0], &slopes[6..])), &first);
    let middle = moved(&none, length, &BETWEEN, slopes);
    [from.to_vec(), way, first, last, middle]
}

/// The point at a part of a step, from 0 to 1.
fn interpolated([from, way, first, last, middle]: &[Vec<f64>; 5], part: f64) -> Vec<f64> {
    let rest = 1.0 - part;
    let at = |i: usize| from[i] + part * (way[i] + rest * (first[i] + part * (last[i] + rest * middle[i])));
    (0..from.len()).map(at).collect()
}

/// What the stages after the first are made of; the last one is the solution. (Dormand, Prince 1980, Table 2, RK5(4)7M.)
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// The solution minus the one of order 4.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0];
/// The last coefficient of the continuous extension. (Hairer, Nørsett, Wanner 1993, their program DOPRI5.)
const BETWEEN: [f64; 7] = [
    -12_715_105_075.0 / 11_282_082_432.0,
    0.0,
    87_487_479_700.0 / 32_700_410_799.0,
    -10_690_763_975.0 / 1_880_347_072.0,
    701_980_252_875.0 / 199_316_789_632.0,
    -1_453_857_185.0 / 822_651_844.0,
    69_997_945.0 / 29_380_423.0,
];
