//! `.env.example` against the settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use callboard_tests::settings::Variables;
use clap::{Args as _, Command};

fn example() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example")).unwrap()
}

/// The variables in the example by name, also those that are commented out.
fn named(text: &str) -> BTreeMap<String, String> {
    let assignments = text.lines().filter_map(|line| line.strip_prefix("# ").unwrap_or(line).split_once('='));
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    assignments
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect()
}

/// The variables that the settings read, with their defaults.
fn known() -> BTreeMap<String, Option<String>> {
    let api = callboard_api::settings::Settings::augment_args(Command::new("api"));
    let worker = callboard_worker::settings::Settings::augment_args(Command::new("worker"));
    let mut known = BTreeMap::new();
    // The API's defaults stand in the example where the two differ.
    for command in [worker, api] {
        for arg in command.get_arguments() {
            let Some(variable) = arg.get_env() else { continue };
            let default = arg.get_default_values().first().map(|default| default.to_string_lossy().into_owned());
            known.insert(variable.to_string_lossy().into_owned(), default);
        }
    }
    known
}

#[test]
fn it_names_exactly_the_variables_that_there_are() {
    let text = example();
    let named: BTreeSet<_> = named(&text).into_keys().collect();
    assert_eq!(named, known().into_keys().collect());
}

#[test]
fn what_is_commented_out_is_the_default() {
    let text = example();
    let known = known();
    for (name, value) in named(&text) {
        if text.lines().any(|line| line.starts_with(&format!("{name}="))) {
            continue;
        }
        assert_eq!(known[&name].as_deref().unwrap_or_default(), value, "{name}");
    }
}

#[test]
fn both_programs_start_with_it() {
    let text = example();
    let set = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let variables = set.fold(Variables::default(), |variables, (name, value)| variables.with(name, value));
    let (api, worker) = (variables.api(), variables.worker());
    assert_eq!(api.redis.queue_prefix, worker.redis.queue_prefix);
    // An empty value, as in a copy whose comments were taken away, counts as not set.
    let all = named(&text).into_iter().filter(|(name, _)| name != "METRICS_PORT");
    let variables = all.fold(Variables::default(), |variables, (name, value)| variables.with(&name, value));
    assert_eq!(variables.api().http.site.port, 8000);
    assert!(variables.worker().mail.username.is_none());
}
