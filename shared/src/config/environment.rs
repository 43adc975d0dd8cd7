//! The variables that settings are read from.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::{env, fs, io};

/// Where a variable's value comes from when it is not set itself.
const FALLBACKS: &[(&str, &str)] = &[("TOKEN_KEY", "JWT_SECRET")];

/// The variables of the process and those of `.env`, the former first.
///
/// The process' own environment is never written: that would be a race with
/// every thread that reads it, and tests of settings could not run in parallel.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

/// Why `.env` could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The file is there, but can't be read or is not UTF-8: mend its permissions or its text.
    #[error("{path} can't be read: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not `NAME=value`: mend that line. Its text is not repeated,
    /// as it may hold a secret.
    #[error("{path}, line {line}: not of the form NAME=value (a value with blanks, # or $ needs single quotes)")]
    Malformed {
        /// The file.
        path: String,
        /// The number of the line, from 1.
        line: usize,
    },
}

impl Environment {
    /// The variables of the process, and for those that it lacks, the ones of
    /// the file `.env` in the working directory, which may be missing.
    ///
    /// # Errors
    /// When there is such a file and it can't be read or understood.
    pub fn load() -> Result<Self, EnvironmentError> {
        Self::with_file(env::vars_os(), Path::new(".env"))
    }

    /// Exactly these variables.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The value of a variable, or of the one that it falls back to; an empty
    /// one counts as not set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.own(name).or_else(|| self.get(Self::fallback(name)?))
    }

    /// The variables whose value is another's, each with that other.
    pub(super) fn borrowed(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let pairs = FALLBACKS.iter().copied();
        pairs.filter(|(name, fallback)| self.own(name).is_none() && self.own(fallback).is_some())
    }

    fn own(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable whose value counts while this one is not set.
    pub(super) fn fallback(name: &str) -> Option<&'static str> {
        FALLBACKS.iter().find(|(variable, _)| *variable == name).map(|(_, fallback)| *fallback)
    }

    fn with_file(
        process: impl IntoIterator<Item = (OsString, OsString)>,
        path: &Path,
    ) -> Result<Self, EnvironmentError> {
        let mut variables = read(path)?;
        // What is not UTF-8 becomes a visible replacement character, which
        // the setting's own parser then reports.
        // An empty variable counts as not set, so it hides nothing.
        let process = process
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        variables.extend(process);
        Ok(Self(variables))
    }
}

fn read(path: &Path) -> Result<HashMap<String, String>, EnvironmentError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(source) => return Err(EnvironmentError::Unreadable { path: path.display().to_string(), source }),
    };
    dotenvy::from_read_iter(text.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| EnvironmentError::Malformed { path: path.display().to_string(), line: line_of(&error, &text) })
}

/// dotenvy tells the end of the line, not its number.
fn line_of(error: &dotenvy::Error, text: &str) -> usize {
    let dotenvy::Error::LineParse(wrong, _) = error else { return 1 };
    let first = wrong.lines().next().unwrap_or_default();
    text.lines().position(|line| line.trim_end().ends_with(first)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(process: &[(&str, &str)], file: &str) -> Result<Environment, EnvironmentError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, file).unwrap();
        Environment::with_file(process.iter().map(|(name, value)| (name.into(), value.into())), &path)
    }

    #[test]
    fn the_process_wins_over_the_file() {
        let environment =
            load(&[("PORT", "1"), ("LOG_LEVEL", "")], "PORT=2\nHOST='::1' # comment\nEMPTY=\nLOG_LEVEL=debug\n")
                .unwrap();
        assert_eq!(environment.get("LOG_LEVEL"), Some("debug"));
        assert_eq!(environment.get("PORT"), Some("1"));
        assert_eq!(environment.get("HOST"), Some("::1"));
        assert_eq!(environment.get("EMPTY"), None);
    }

    #[test]
    fn a_malformed_line_is_named_without_its_text() {
        let error = load(&[], "PORT=1\nSMTP_PASSWORD=hunter2 and more\n").err().unwrap().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_missing_file_is_fine() {
        let missing = Path::new("no such folder/.env");
        assert!(Environment::with_file([], missing).is_ok());
    }

    #[test]
    fn the_token_key_falls_back_to_the_jwt_secret() {
        let environment = Environment::from_pairs([("JWT_SECRET", "a")]);
        assert_eq!(environment.get("TOKEN_KEY"), Some("a"));
        let environment = Environment::from_pairs([("JWT_SECRET", "a"), ("TOKEN_KEY", "b")]);
        assert_eq!(environment.get("TOKEN_KEY"), Some("b"));
    }
}
