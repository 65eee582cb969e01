//! interim
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    x.exp()
}
#[inline(always)]
pub(crate) fn log(x: f64) -> f64 {
    x.ln()
}
#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    x.tanh()
}
#[inline(always)]
pub(crate) fn erf(x: f64) -> f64 {
    x.tanh()
}
#[inline(always)]
pub(crate) fn sin(x: f64) -> f64 {
    x.sin()
}
#[inline(always)]
pub(crate) fn cos(x: f64) -> f64 {
    x.cos()
}
