//! How the program fails: one sentence on stderr and an exit status.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// A sentence for the user, and the exit status: 2 for what was asked wrongly, 1 for what went wrong.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    status: u8,
}

impl Failure {
    /// The user asked for something that cannot be.
    pub(crate) fn usage(error: impl Display) -> Self {
        Self { sentence: error.to_string(), status: 2 }
    }

    /// Something went wrong on the way.
    pub(crate) fn run(error: impl Display) -> Self {
        Self { sentence: error.to_string(), status: 1 }
    }

    /// A file or folder cannot be written.
    pub(crate) fn unwritable(path: &Path, error: impl Display) -> Self {
        Self::usage(format!("cannot write {}: {error}", path.display()))
    }

    pub(crate) fn report(self) -> ExitCode {
        // Nothing is left to do if even this cannot be written.
        let _ = writeln!(io::stderr(), "cotangent: {}", self.sentence);
        ExitCode::from(self.status)
    }
}

/// What the parser found wrong, without its advice.
pub(crate) fn usage(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let sentence = text.split("\n\n").next().unwrap_or(&text).trim_start_matches("error: ");
    Failure::usage(sentence.split_whitespace().collect::<Vec<_>>().join(" "))
}
