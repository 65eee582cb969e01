//! Sum: several modules applied to the same examples, and their results added up; so residual connections are made.

use autodiff::{Shape, Var};

use super::Activation;
use crate::description::Layer;
use crate::limit::Limit;
use crate::module::{Module, Reason, Refused, Signature, apply_next};

/// x ↦ f₀(x) + f₁(x) + …, for modules that make the same shape of x. The parameters of the `i`-th are named `i.…`.
#[derive(Debug, Default)]
pub struct Sum {
    branches: Vec<Box<dyn Module>>,
}

impl Sum {
    /// No branches yet, which applies to nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// With `branch` added.
    #[must_use]
    pub fn and(mut self, branch: impl Module + 'static) -> Self {
        self.branches.push(Box::new(branch));
        self
    }
}

/// x ↦ x + f(x). (He et al. 2016.)
pub fn residual(body: impl Module + 'static) -> Sum {
    Sum::new().and(Activation::Identity).and(body)
}

impl From<Vec<Box<dyn Module>>> for Sum {
    fn from(branches: Vec<Box<dyn Module>>) -> Self {
        Self { branches }
    }
}

impl Module for Sum {
    fn signature(&self, example: &Shape) -> Result<Signature, Refused> {
        let mut parameters = Vec::new();
        let mut output: Option<Shape> = None;
        for (i, branch) in self.branches.iter().enumerate() {
            let own = branch.signature(example).map_err(|refused| refused.within(i))?;
            parameters.extend(own.parameters.into_iter().map(|declared| declared.within(i)));
            match &output {
                Some(first) if *first != own.output => {
                    let reason =
                        format!("sum: branch {i} makes {} of {example}, branch 0 makes {first}", own.output);
                    return Err(Reason::Other(reason).into());
                }
                _ => output = Some(own.output),
            }
        }
        let output = output.ok_or_else(|| Reason::Other("sum: there are no branches".into()))?;
        Ok(Signature { parameters, output })
    }

    #[track_caller]
    fn apply<'g>(&self, parameters: &[Var<'g>], x: Var<'g>) -> Var<'g> {
        let mut rest = parameters;
        let results = self.branches.iter().map(|branch| apply_next(branch.as_ref(), &mut rest, x));
        results.reduce(|sum, y| sum + y).expect("the signature wants a branch")
    }

    /// Covariances add up where branches are uncorrelated: where all but one end in weights of their own.
    fn limit<'g>(&self, example: &Shape, input: Limit<'g>) -> Result<Limit<'g>, Refused> {
        let mut sum: Option<Limit<'g>> = None;
        for (i, branch) in self.branches.iter().enumerate() {
            let before = sum.as_ref().map_or_else(Default::default, |sum| sum.errors.clone());
            let errors = if i == 0 { input.errors.clone() } else { before };
            let given = Limit { fresh: false, errors, ..input.clone() };
            let own = branch.limit(example, given).map_err(|refused| refused.within(i))?;
            sum = Some(match sum {
                None => own,
                Some(sum) if sum.fresh || own.fresh => {
                    let add = |a: Option<Var<'g>>, b: Option<Var<'g>>| match (a, b) {
                        (Some(a), Some(b)) => Some(a + b),
                        (a, b) => a.or(b),
                    };
                    Limit {
                        nngp: sum.nngp + own.nngp,
                        ntk: add(sum.ntk, own.ntk),
                        variances: [0, 1].map(|side| sum.variances[side] + own.variances[side]),
                        gaussian: sum.gaussian && own.gaussian,
                        fresh: sum.fresh && own.fresh,
                        ..own
                    }
                }
                Some(_) => {
                    let why =
                        "adds up branches that are correlated (all but one must end in a layer with weights)";
                    return Err(Reason::NoLimit { module: "sum".into(), why }.into());
                }
            });
        }
        let sum = sum.ok_or_else(|| Reason::Other("sum: there are no branches".into()))?;
        // What is linear in a fresh input is as fresh.
        let fresh = sum.fresh || input.fresh && sum.gaussian;
        Ok(Limit { fresh, ..sum })
    }

    fn layer(&self) -> Option<Layer> {
        self.branches.iter().map(|branch| branch.layer()).collect::<Option<_>>().map(Layer::Sum)
    }
}
