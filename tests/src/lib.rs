//! Laws across crates and reference values: see the files in `tests/`.
