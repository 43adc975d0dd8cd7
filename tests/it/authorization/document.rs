//! `docs/authorization.md`, written from what was found.

use std::fmt::Write as _;
use std::path::Path;

use callboard_api::auth::access::{RULES, Rule};

use super::callers::Kind;
use super::policy::Outcome;
use super::{Observed, PAGES};

const HEAD: &str = "\
# Who may call what

This file is generated: a test calls every route as every kind of caller, and writes down what came of it.
`UPDATE_DOCS=1 scripts/test -- authorization` makes it anew; without the variable the test fails when the
file says something else than the API does. What each route needs is decided in `api/src/auth/access.rs`,
and whose rows a caller may touch in `api/src/auth/ownership.rs`.

The callers:

- **nobody**: no token at all
- **owner**: a member, on what is their own
- **stranger**, **manager**, **admin**: each on what is another's
- **key**: an API key that has the scope in the second column and no other, on what is its user's own
- **other key**: one that has every scope but that
- **unverified**: a member whose email address is not verified yet, on what is their own

The keys act for a member; where the route needs a role, for an admin.

- **yes**: let in. What is asked for may still be refused for another reason.
- **own**: let in, to a list of the caller's own rows; where it says *yes* of a list, it is of everybody's.
- **401**: nobody is known to call. **403**: the caller lacks the role, the scope or the verification, or may
  read but not write. **404**: it is not theirs to know of, the same as if it were not there.
";

/// Compares the committed file with what was found, or writes it.
#[track_caller]
pub(super) fn compare(observed: &Observed) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authorization.md");
    let document = render(observed);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &document).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let difference = document.lines().zip(committed.lines()).find(|(found, written)| found != written);
    let hint = "UPDATE_DOCS=1 scripts/test -- authorization writes it anew";
    assert!(document == committed, "docs/authorization.md is not what the API does; {hint}: {difference:?}");
}

fn render(observed: &Observed) -> String {
    let mut text = String::from(HEAD);
    table(&mut text, "The API", observed, |rule| !PAGES.contains(&rule.path));
    table(&mut text, "Pages", observed, |rule| PAGES.contains(&rule.path));
    text
}

fn table(text: &mut String, title: &str, observed: &Observed, belongs: impl Fn(&Rule) -> bool) {
    let _ = write!(
        text,
        "\n## {title}\n\n\
         | Route | Scope | nobody | owner | stranger | manager | admin | key | other key | unverified |\n\
         |---|---|---|---|---|---|---|---|---|---|\n"
    );
    for (index, rule) in RULES.iter().enumerate().filter(|(_, rule)| belongs(rule)) {
        let scope = rule.scope.map(|scope| format!("`{scope}`")).unwrap_or_default();
        let _ = write!(text, "| `{} {}` | {scope} |", rule.method, rule.path);
        for kind in Kind::ALL {
            let _ = write!(text, " {} |", word(observed[&(index, kind)]));
        }
        text.push('\n');
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "yes",
        Outcome::OwnRows => "own",
        Outcome::Unauthenticated => "401",
        Outcome::Forbidden => "403",
        Outcome::NotFound => "404",
    }
}
