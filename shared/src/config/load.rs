//! From a command line and an environment to settings, or to all problems at once.
//!
//! clap stops at the first bad value. So the line is parsed again and again:
//! each bad or missing setting is noted and replaced by its default (a required
//! one by its example, which is its value name), until clap is content. Then
//! the combinations are looked at too, on values of which some are stand-ins;
//! [`Findings::problem`] drops what concerns those.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::num::{IntErrorKind, ParseIntError};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, Error, Parser};

use super::{Check, Environment, EnvironmentError, Findings, Problem, Warning};

/// The exit code for bad settings and bad usage.
const BAD_SETTINGS: u8 = 2;

/// Settings that were read, and what is risky about them.
#[derive(Debug)]
pub struct Loaded<C> {
    /// The command line with its settings.
    pub cli: C,
    /// To be logged once logging is set up.
    pub warnings: Vec<Warning>,
}

/// Why the process should end instead of starting.
#[derive(Debug)]
pub enum Stop {
    /// Help or the version was asked for, or the command line has a form that
    /// doesn't exist.
    Usage(Box<Error>),
    /// `.env` can't be read.
    Environment(EnvironmentError),
    /// Settings are missing or wrong.
    Settings(Vec<Problem>),
}

/// Reads the process' command line, environment and `.env`.
/// `default_command` is the subcommand that is meant when none is named.
///
/// # Errors
/// When the process should end instead; call [`Stop::report`].
pub fn load<C: Parser + Check>(default_command: &'static str) -> Result<Loaded<C>, Stop> {
    let environment = Environment::load().map_err(Stop::Environment)?;
    Loader::new(std::env::args_os(), environment).load(default_command)
}

/// A command line and an environment, to be read as settings.
pub struct Loader {
    args: Vec<OsString>,
    environment: Environment,
}

impl Loader {
    /// `args` begins with the program's name.
    pub fn new<A: Into<OsString>>(args: impl IntoIterator<Item = A>, environment: Environment) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), environment }
    }

    /// Reads the settings of `C`.
    ///
    /// # Errors
    /// When the process should end instead of starting.
    pub fn load<C: Parser + Check>(mut self, default_command: &'static str) -> Result<Loaded<C>, Stop> {
        let declared = describe_default_command(C::command(), default_command);
        self.name_default_command(&declared, default_command);
        self.answer_usage(map_args(declared.clone(), &|arg| arg.hide_env_values(true)))?;

        let mut findings = Findings::new(self.borrowed(&declared));
        let command = map_args(declared.clone(), &|arg| with_environment(arg, &self.environment));
        let matches = self.parse(command, &declared, &mut findings)?;
        let cli = C::from_arg_matches(&matches).map_err(|error| Stop::Usage(Box::new(error)))?;
        cli.check(&mut findings);
        let warnings = findings.into_result().map_err(Stop::Settings)?;
        Ok(Loaded { cli, warnings })
    }

    fn name_default_command(&mut self, command: &Command, default_command: &'static str) {
        let first = self.args.get(1).and_then(|arg| arg.to_str()).unwrap_or_default();
        let asks_for_the_whole = matches!(first, "-h" | "--help" | "help" | "-V" | "--version");
        if !asks_for_the_whole && command.find_subcommand(first).is_none() {
            self.args.insert(self.args.len().min(1), default_command.into());
        }
    }

    /// Answers `--help` and refuses unknown options by the command as it was
    /// declared, before values from the environment are put in as defaults:
    /// help would show them.
    fn answer_usage(&self, declared: Command) -> Result<(), Stop> {
        match declared.try_get_matches_from(&self.args) {
            Err(error) if !is_about_a_value(&error) => Err(Stop::Usage(Box::new(error))),
            _ => Ok(()),
        }
    }

    /// The variables whose value is another's: those that are set nowhere.
    fn borrowed(&self, declared: &Command) -> Vec<(&'static str, &'static str)> {
        let is_on_line = |variable: &str| {
            let option = format!("--{}", variable.to_lowercase().replace('_', "-"));
            find_arg(declared, &option).is_some()
                && self.args.iter().any(|arg| arg.to_string_lossy().split('=').next() == Some(option.as_str()))
        };
        self.environment.borrowed().filter(|(variable, _)| !is_on_line(variable)).collect()
    }

    fn parse(&mut self, mut command: Command, declared: &Command, findings: &mut Findings) -> Result<ArgMatches, Stop> {
        let mut stood_in = HashSet::new();
        loop {
            let error = match command.clone().try_get_matches_from(&self.args) {
                Ok(matches) => return Ok(matches),
                Err(error) if is_about_a_value(&error) => error,
                Err(error) => return Err(Stop::Usage(Box::new(error))),
            };
            for option in options_of(&error) {
                let Some(arg) = find_arg(declared, &option) else {
                    return Err(Stop::Usage(Box::new(error)));
                };
                if !stood_in.insert(arg.get_id().clone()) {
                    // Its stand-in was refused too; there is no going on.
                    return Err(stop_with(std::mem::take(findings)));
                }
                let name = findings.set_as(&name_of(arg)).to_owned();
                if !findings.has_reported(&name) {
                    findings.add(problem(arg, name, &error));
                }
                self.drop_option(arg);
                command = map_args(command, &|candidate| {
                    if candidate.get_id() == arg.get_id() { stand_in(candidate, arg) } else { candidate }
                });
            }
        }
    }

    /// Takes an option that was refused off the command line, so that the
    /// stand-in counts.
    fn drop_option(&mut self, arg: &Arg) {
        let option = format!("--{}", arg.get_long().unwrap_or_default());
        let with_value = format!("{option}=");
        let text = |arg: &OsString| arg.to_string_lossy().into_owned();
        self.args.retain(|arg| !text(arg).starts_with(&with_value));
        while let Some(at) = self.args.iter().position(|arg| text(arg) == option) {
            self.args.drain(at..(at + 2).min(self.args.len()));
        }
    }
}

impl Stop {
    /// Writes what there is to say to the terminal.
    ///
    /// Returns the exit code: 0 after help, 2 after anything else.
    #[must_use]
    pub fn report(&self) -> ExitCode {
        // A closed terminal is no reason to do anything else.
        let _ = match self {
            Self::Usage(error) => {
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_SETTINGS));
            }
            Self::Environment(error) => writeln!(io::stderr(), "error: {error}"),
            Self::Settings(problems) => writeln!(io::stderr(), "{}", describe(problems)),
        };
        ExitCode::from(BAD_SETTINGS)
    }
}

fn describe(problems: &[Problem]) -> String {
    use std::fmt::Write as _;
    let mut text = match problems.len() {
        1 => "error: a setting is missing or wrong:".to_owned(),
        count => format!("error: {count} settings are missing or wrong:"),
    };
    for problem in problems {
        let _ = write!(text, "\n  - {problem}");
    }
    text.push_str("\nSettings come from the command line, the environment, or the file .env; --help describes them.");
    text
}

/// Appends the settings of the default command to the help of the whole.
fn describe_default_command(command: Command, name: &'static str) -> Command {
    let Some(default) = command.find_subcommand(name).cloned() else {
        return command;
    };
    let default = map_args(default, &|arg| arg.hide_env_values(true)).disable_help_flag(true);
    let settings = default.help_template("{all-args}").render_help();
    command.after_long_help(format!("Without a command, `{name}` is meant. Its settings:\n\n{settings}"))
}

fn map_args(command: Command, change: &dyn Fn(Arg) -> Arg) -> Command {
    command.mut_args(change).mut_subcommands(|subcommand| map_args(subcommand, change))
}

/// Puts the variable's value in as the default. clap's own reading of variables
/// is switched off, as it would take an empty one for a value.
fn with_environment(arg: Arg, environment: &Environment) -> Arg {
    let value = arg.get_env().and_then(|name| name.to_str()).and_then(|name| environment.get(name)).map(str::to_owned);
    let arg = arg.env(None);
    match value {
        Some(value) => arg.required(false).default_value(value),
        None => arg,
    }
}

fn stand_in(arg: Arg, declared: &Arg) -> Arg {
    let example = || declared.get_value_names().and_then(<[_]>::first).map(|name| name.to_string().into());
    let default = declared.get_default_values().first().cloned();
    let value = default.or_else(|| declared.is_required_set().then(example).flatten());
    arg.required(false).default_values(value)
}

fn problem(arg: &Arg, name: String, error: &Error) -> Problem {
    let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if !arg.is_hide_env_values_set() => Some(value.clone()),
        _ => None,
    };
    let example = arg
        .get_default_values()
        .first()
        .map(|default| default.to_string_lossy().into_owned())
        .or_else(|| arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string))
        .unwrap_or_default();
    let how_to_set = match arg.get_env() {
        Some(_) => format!("{name}={example}"),
        None => format!("{name} {example}"),
    };
    let what = match Environment::fallback(&name) {
        _ if !is_missing => what_is_wrong(error),
        None => "is required, but not set".to_owned(),
        Some(fallback) => format!("is required, but neither it nor {fallback} is set"),
    };
    Problem { variables: vec![name], value, what, how_to_set }
}

fn what_is_wrong(error: &Error) -> String {
    if let Some(ContextValue::Strings(choices)) = error.get(ContextKind::ValidValue) {
        return format!("must be one of {}", choices.join(", "));
    }
    let Some(source) = std::error::Error::source(error) else {
        return "is not a fitting value".to_owned();
    };
    match source.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::Zero) => "must be at least 1".to_owned(),
        Some(_) => "must be a whole number that is not too large".to_owned(),
        None => source.to_string(),
    }
}

fn is_about_a_value(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::MissingRequiredArgument)
}

/// The options that an error is about, such as `--port <PORT>`.
fn options_of(error: &Error) -> Vec<String> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => vec![option.clone()],
        Some(ContextValue::Strings(options)) => options.clone(),
        _ => Vec::new(),
    }
}

fn find_arg<'a>(command: &'a Command, option: &str) -> Option<&'a Arg> {
    let long = option.strip_prefix("--")?.split([' ', '=', '[']).next()?;
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(long))
        .or_else(|| command.get_subcommands().find_map(|subcommand| find_arg(subcommand, option)))
}

fn name_of(arg: &Arg) -> String {
    match arg.get_env() {
        Some(variable) => variable.to_string_lossy().into_owned(),
        None => format!("--{}", arg.get_long().unwrap_or_default()),
    }
}

fn stop_with(findings: Findings) -> Stop {
    Stop::Settings(findings.into_result().err().unwrap_or_default())
}
