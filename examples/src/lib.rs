//! Short programs a newcomer can read: the files beside this folder, run by `cargo run -p examples --example NAME`.
