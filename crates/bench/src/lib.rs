//! Timings of the workspace: workloads with the names that the peers in `peers/` use too, and the GEMM limit.

pub mod entk;
pub mod function;
pub mod gemm;
pub mod infinite;
pub mod predictions;
pub mod timing;
pub mod workloads;
