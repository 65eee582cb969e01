//! Elementary functions in plain arithmetic, so that loops over them vectorise and bits are the same everywhere.

pub(crate) mod f32;
pub(crate) mod f64;
