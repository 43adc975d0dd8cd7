//! What is wrong with the settings, collected so that all of it is told at once.

use std::fmt;

/// A command line whose settings may not fit together.
pub trait Check {
    /// Looks at combinations; single values were checked when they were parsed.
    fn check(&self, findings: &mut Findings);
}

/// One setting, or several together, that are missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variables (or the option, where it has no variable).
    pub variables: Vec<String>,
    /// The value that was found, unless it is a secret, missing, or several.
    pub value: Option<String>,
    /// What is wrong with it.
    pub what: String,
    /// What to write instead.
    pub how_to_set: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.variables.join(", "))?;
        if let Some(value) = &self.value {
            write!(formatter, "={value:?}")?;
        }
        write!(formatter, " {}\n      set it like this: {}", self.what, self.how_to_set)
    }
}

/// A setting that works and is risky; for the log, once there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(String);

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    /// Variables whose value is another's, each with that other.
    borrowed: Vec<(&'static str, &'static str)>,
}

impl Findings {
    /// Nothing yet. `borrowed` are variables whose value is that of another one;
    /// what is wrong with it is told once, under the name that was set.
    pub(super) fn new(borrowed: Vec<(&'static str, &'static str)>) -> Self {
        Self { borrowed, ..Self::default() }
    }

    /// The variable that was set when `variable` got its value.
    #[must_use]
    pub fn set_as<'a>(&self, variable: &'a str) -> &'a str {
        self.borrowed.iter().find(|(name, _)| *name == variable).map_or(variable, |(_, other)| other)
    }

    /// Reports a combination that can't work. It is dropped where one of its
    /// variables has been reported already: a default stands in for that one's
    /// wrong value, so the combination isn't the user's.
    pub fn problem(&mut self, variables: &[&str], what: &str, how_to_set: &str) {
        let variables: Vec<_> = variables.iter().map(|variable| self.set_as(variable)).collect();
        if variables.iter().any(|variable| self.has_reported(variable)) {
            return;
        }
        self.add(Problem {
            variables: variables.into_iter().map(ToOwned::to_owned).collect(),
            value: None,
            what: what.to_owned(),
            how_to_set: how_to_set.to_owned(),
        });
    }

    /// Reports what works and is risky.
    pub fn warning(&mut self, what: &str) {
        self.warnings.push(Warning(what.to_owned()));
    }

    pub(super) fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn has_reported(&self, variable: &str) -> bool {
        self.problems.iter().flat_map(|problem| &problem.variables).any(|reported| reported == variable)
    }

    /// The warnings when there is no problem, else the problems.
    pub(super) fn into_result(self) -> Result<Vec<Warning>, Vec<Problem>> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(self.problems) }
    }
}
