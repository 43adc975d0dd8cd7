//! The documents against the code: what they name, there is.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use callboard_api::{auth::access::RULES, error::Code};
use clap::{Args as _, Command};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(document: &str) -> String {
    std::fs::read_to_string(root().join(document)).unwrap()
}

/// What stands between backticks, by line, outside of blocks of code.
fn quoted(text: &str) -> Vec<&str> {
    let mut is_block = false;
    let prose = text.lines().filter(move |line| {
        is_block ^= line.starts_with("```");
        !is_block
    });
    prose.flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The name of a route's path as a document writes it: up to a blank, a quote,
/// a query or the end of a sentence.
fn path_at(text: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "/-_{}$".contains(letter);
    text.split(|letter| !is_part(letter)).next().unwrap_or_default()
}

/// Whether a route has this path; a name in braces there stands for anything here.
fn is_route(path: &str, method: Option<&str>) -> bool {
    let fits = |template: &str| {
        let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        let same = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
        wanted.len() == given.len() && wanted.iter().zip(&given).all(same)
    };
    RULES.iter().any(|rule| fits(rule.path) && method.is_none_or(|method| rule.method == *method))
}

#[test]
fn the_routes_that_are_named_exist() {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    for (document, least) in [("docs/API.md", 50), ("docs/ARCHITECTURE.md", 1), ("README.md", 8), ("README.ko.md", 8)] {
        let text = read(document);
        let named: Vec<_> = text.match_indices("/api/v1/").map(|(at, _)| (&text[..at], path_at(&text[at..]))).collect();
        assert!(named.len() >= least, "{document}: {}", named.len());
        for (before, path) in named {
            let method =
                before.strip_suffix(' ').and_then(|before| methods.into_iter().find(|it| before.ends_with(it)));
            // A whole branch of routes, with a slash at its end.
            let is_branch = path.ends_with('/') && RULES.iter().any(|rule| rule.path.starts_with(path));
            assert!(is_branch || is_route(path, method), "{document}: {method:?} {path}");
        }
    }
}

/// ``409 `in_use` `` in prose, and `[409,"in_use"]` in an answer.
#[test]
fn the_codes_that_are_named_have_these_statuses() {
    let text = read("docs/API.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = BTreeSet::new();
    for (opening, sign, end) in [("", " `", '`'), ("[", ",\"", '"')] {
        for (at, _) in text.match_indices(sign) {
            let status = text[..at].rsplit(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
            let is_opened = text[..at - status.len()].ends_with(opening);
            let Ok(status @ 400..600) = status.parse::<u16>() else { continue };
            let slug = text[at + sign.len()..].split(end).next().unwrap_or_default();
            if is_opened && !slug.is_empty() {
                let code = Code::from_slug(slug).unwrap_or_else(|| panic!("no code {slug}"));
                assert_eq!(code.entry().status.as_u16(), status, "{slug}");
                found.insert(slug);
            }
        }
    }
    assert!(found.len() >= 12, "{found:?}");
}

/// The variables that the settings of both programs read.
fn variables() -> BTreeSet<String> {
    let api = callboard_api::settings::Settings::augment_args(Command::new("api"));
    let worker = callboard_worker::settings::Settings::augment_args(Command::new("worker"));
    let named = |command: &Command| -> Vec<_> {
        command
            .get_arguments()
            .filter_map(|arg| arg.get_env())
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    };
    [api, worker].iter().flat_map(named).collect()
}

fn is_variable(name: &str) -> bool {
    name.contains('_') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[test]
fn every_setting_is_documented_and_every_documented_one_exists() {
    let text = read("docs/configuration.md");
    let (settings, _) = text.split_once("## What the other commands read").unwrap();
    let rows = settings.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" | ").next());
    let documented: BTreeSet<_> =
        rows.flat_map(|names| names.split(['`', ',', ' '])).filter(|it| !it.is_empty()).collect();
    assert_eq!(documented, variables().iter().map(String::as_str).collect());
}

#[test]
fn other_documents_name_only_settings_that_exist() {
    let known = variables();
    for document in ["docs/ARCHITECTURE.md", "docs/operations.md", "SECURITY.md"] {
        let text = read(document);
        let mut named = quoted(&text).into_iter().map(|it| it.split('=').next().unwrap_or_default());
        assert!(named.clone().any(is_variable), "{document}");
        assert_eq!(named.find(|it| is_variable(it) && !known.contains(*it)), None, "{document}");
    }
}

#[test]
fn the_files_that_are_named_exist() {
    let folders = ["api/", "bench/", "docs/", "migrations/", "queue/", "scripts/", "shared/", "tests/", "worker/"];
    let decisions = std::fs::read_dir(root().join("docs/decisions")).unwrap();
    let decisions = decisions.map(|entry| format!("docs/decisions/{}", entry.unwrap().file_name().display()));
    let documents =
        ["docs/API.md", "docs/ARCHITECTURE.md", "docs/operations.md", "README.md", "README.ko.md", "SECURITY.md"];
    for document in documents.map(ToOwned::to_owned).into_iter().chain(decisions) {
        let text = read(&document);
        let folder = root().join(&document).parent().unwrap().to_owned();
        for name in quoted(&text).into_iter().filter(|it| folders.iter().any(|folder| it.starts_with(folder))) {
            let is_plain = !name.contains(|letter: char| letter.is_whitespace() || "<*{:…".contains(letter));
            assert!(!is_plain || root().join(name).exists(), "{document}: {name}");
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(link.starts_with("http") || folder.join(file).exists(), "{document}: {link}");
        }
    }
}
