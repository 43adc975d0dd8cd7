//! A pooler in transaction mode may sit before PostgreSQL: no statement of the
//! queue leaves anything behind in its session.

use std::{fs, path::Path};

/// The string literals of a source file, without its comments.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, from) = rest.split_at(at);
        rest = if from.starts_with("//") {
            from.split_once('\n').map_or("", |(_, after)| after)
        } else if before.ends_with("r#") {
            let (literal, after) = from[1..].split_once("\"#").unwrap_or((&from[1..], ""));
            found.push(literal.to_owned());
            after
        } else if let Some(body) = from.strip_prefix('"') {
            let end = end_of_literal(body);
            found.push(body[..end].replace("\\\n", " "));
            body.get(end + 1..).unwrap_or_default()
        } else {
            // A character such as '"' is no literal's begin.
            from.strip_prefix("'\"'").unwrap_or(&from[1..])
        };
    }
    found
}

fn end_of_literal(body: &str) -> usize {
    let mut escaped = false;
    for (at, character) in body.char_indices() {
        match character {
            '"' if !escaped => return at,
            _ => escaped = character == '\\' && !escaped,
        }
    }
    body.len()
}

/// What is wrong with a statement, if it touches its session's state.
fn session_state(statement: &str) -> Option<&'static str> {
    let upper = statement.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let has = |what: &str| upper.contains(what);
    if upper.split(';').any(|part| part.trim().starts_with("SET ") && !part.trim().starts_with("SET LOCAL ")) {
        return Some("SET without LOCAL");
    }
    if upper.split("SET_CONFIG(").skip(1).any(|call| !call.split(')').next().unwrap_or_default().ends_with(", TRUE")) {
        return Some("set_config for the session");
    }
    if has("ADVISORY_LOCK") && !has("ADVISORY_XACT_LOCK") || has("PG_ADVISORY_LOCK(") || has("PG_TRY_ADVISORY_LOCK(") {
        return Some("a session lock");
    }
    let words = [
        ("LISTEN", "LISTEN"),
        ("CREATE TEMP", "a temporary table"),
        ("INTO TEMP", "a temporary table"),
        ("PREPARE ", "a statement prepared by name"),
        ("DISCARD ", "DISCARD"),
        ("WITH HOLD", "a cursor that outlives its transaction"),
        ("LOAD ", "LOAD"),
    ];
    words.into_iter().find(|(word, _)| upper.starts_with(word) || has(&format!("; {word}"))).map(|(_, what)| what)
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn is_sql(literal: &str) -> bool {
    let words =
        ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "BEGIN", "SET ", "ALTER ", "CREATE ", "DROP ", "LISTEN"];
    words.iter().any(|word| literal.trim_start().to_uppercase().starts_with(word))
}

#[test]
fn no_statement_leaves_anything_in_its_session() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("queue/src"), &mut files);
    let mut looked_at = 0;
    for (path, source) in &files {
        for literal in literals(source).iter().filter(|literal| is_sql(literal)) {
            looked_at += 1;
            assert_eq!(session_state(literal), None, "{path}: {literal}");
        }
    }
    assert!(looked_at >= 30, "only {looked_at} statements were found");
}

#[test]
fn session_state_would_be_found() {
    for bad in [
        "SET statement_timeout = '1s'",
        "BEGIN; SET LOCAL lock_timeout = '1s'; set  synchronous_commit = off",
        "SELECT set_config('lock_timeout', '1s', false)",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(1)",
        "SELECT pg_advisory_xact_lock(1), pg_advisory_lock(2)",
        "LISTEN jobs",
        "CREATE TEMP TABLE t ()",
    ] {
        assert!(session_state(bad).is_some(), "{bad}");
    }
    for good in [
        "BEGIN; SET LOCAL lock_timeout = '1s'",
        "UPDATE queue_jobs SET state = 'queued'",
        "SELECT pg_advisory_xact_lock(1)",
        "WITH settings AS (SELECT set_config('lock_timeout', '1s', true)) SELECT 1",
    ] {
        assert_eq!(session_state(good), None, "{good}");
    }
    let source = "// \"SET no\"\nlet a = \"SET x\"; let c = '\"'; let b = r#\"SET \"y\"\"#; let d = \"a\\\"SET\";";
    assert_eq!(literals(source), ["SET x", "SET \"y\"", "a\\\"SET"]);
}
