//! Programs that print `name seconds` a line: this one, and the scripts in `peers/`.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that times rows.
#[derive(Debug)]
pub(crate) struct Program {
    /// What it is called in tables.
    pub(crate) title: String,
    executable: PathBuf,
    script: Option<PathBuf>,
}

/// Why a program gave no timings.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It cannot be started.
    Start { executable: PathBuf, error: io::Error },
    /// It failed; what it said of it is on stderr.
    Exit { executable: PathBuf, script: Option<PathBuf>, status: String },
    /// It did not say what it is.
    Version { executable: PathBuf },
    /// It did not print the seconds of this row.
    Row { title: String, row: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { executable, error } => write!(f, "cannot run {}: {error}", executable.display()),
            Self::Exit { executable, script, status } => {
                write!(f, "{}", executable.display())?;
                if let Some(script) = script {
                    write!(f, " {}", script.display())?;
                }
                write!(f, " failed: {status}")
            }
            Self::Version { executable } => write!(f, "{} printed no version", executable.display()),
            Self::Row { title, row } => write!(f, "{title} printed no seconds for {row}"),
        }
    }
}

impl Program {
    /// This one.
    ///
    /// # Errors
    /// If its own path cannot be found.
    pub(crate) fn ours() -> Result<Self, Failure> {
        let executable =
            std::env::current_exe().map_err(|error| Failure::Start { executable: "bench".into(), error })?;
        Ok(Self { title: "Cotangent".into(), executable, script: None })
    }

    /// A script in `peers/`, which says itself of which library and version it is.
    ///
    /// # Errors
    /// If `python` cannot be started, or lacks the library.
    pub(crate) fn peer(python: &Path, script: &str) -> Result<Self, Failure> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
        let peer = Self { title: String::new(), executable: python.into(), script: Some(script) };
        match peer.output(&["--version".into()])?.trim() {
            "" => Err(Failure::Version { executable: peer.executable }),
            title => Ok(Self { title: title.into(), ..peer }),
        }
    }

    /// Seconds of the rows named, in their order.
    ///
    /// # Errors
    /// If it fails, or does not print them.
    pub(crate) fn seconds(&self, rows: &[String]) -> Result<Vec<f64>, Failure> {
        let output = self.output(rows)?;
        let seconds = |row: &String| {
            let seconds =
                output.lines().find_map(|line| line.strip_prefix(row)?.strip_prefix(' ')?.parse().ok());
            seconds.ok_or_else(|| Failure::Row { title: self.title.clone(), row: row.clone() })
        };
        rows.iter().map(seconds).collect()
    }

    fn output(&self, arguments: &[String]) -> Result<String, Failure> {
        let arguments = arguments.iter().map(OsString::from);
        let output = Command::new(&self.executable)
            .args(self.script.iter().map(OsString::from).chain(arguments))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::Start { executable: self.executable.clone(), error })?;
        if !output.status.success() {
            let (executable, script) = (self.executable.clone(), self.script.clone());
            return Err(Failure::Exit { executable, script, status: output.status.to_string() });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
