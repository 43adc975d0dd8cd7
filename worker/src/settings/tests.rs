//! The command line of a worker, as people and orchestrators use it.

use callboard_shared::config::{Environment, Loader, Stop};

use super::*;

const NEEDED: [(&str, &str); 3] = [
    ("DATABASE_URL", "postgres://localhost/callboard"),
    ("REDIS_URL", "redis://localhost"),
    ("JWT_SECRET", "a secret of at least thirty-two bytes"),
];

fn load(args: &[&str], variables: &[(&str, &str)]) -> Result<Cli, Stop> {
    let environment = Environment::from_pairs(NEEDED.iter().chain(variables).copied());
    let args = ["callboard-worker"].iter().chain(args);
    Loader::new(args, environment).load("run").map(|loaded| loaded.cli)
}

fn settings(args: &[&str], variables: &[(&str, &str)]) -> Settings {
    match load(args, variables).unwrap().command {
        Command::Run(settings) => *settings,
        Command::Healthcheck(_) => panic!("run is the default"),
    }
}

fn problems(variables: &[(&str, &str)]) -> Vec<String> {
    match load(&[], variables) {
        Err(Stop::Settings(problems)) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    <Cli as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn a_worker_has_defaults_of_its_own() {
    let settings = settings(&[], &[]);
    assert_eq!((settings.database.pool_max, settings.metrics.metrics_port), (8, 9101));
    assert_eq!(settings.site.public_url(None), "http://127.0.0.1:8000");
}

#[test]
fn options_win_over_variables() {
    let settings =
        settings(&["--queues", "mail=50, reports"], &[("WORKER_QUEUES", "cache"), ("WORKER_MODE", "strict")]);
    let queues = settings.worker.queues.unwrap().0;
    assert_eq!(queues[0], QueueShare { name: "mail".to_owned(), cap: Some(50) });
    assert_eq!(queues[1].cap, None);
    assert_eq!(settings.worker.mode, WorkerMode::Strict);
}

#[test]
fn queues_that_make_no_sense_are_refused() {
    for wrong in ["mail=0", "mail=x", "=2", "Mail", "mail,mail=2", ",", "a b"] {
        assert!(wrong.parse::<Queues>().is_err(), "{wrong}");
    }
}

#[test]
fn all_problems_are_told_at_once_and_secrets_never() {
    let problems = problems(&[
        ("DATABASE_URL", ""),
        ("JWT_SECRET", "hunter2"),
        ("WORKER_CONCURRENCY", "many"),
        ("SMTP_TLS", "ssl"),
        ("SMTP_PASSWORD", "hunter2"),
    ]);
    let starts: Vec<_> = problems.iter().map(|problem| problem.split([' ', '=']).next().unwrap()).collect();
    // TOKEN_KEY was not set, so its value is told as what it is: JWT_SECRET.
    for variable in ["DATABASE_URL", "JWT_SECRET", "WORKER_CONCURRENCY", "SMTP_TLS", "SMTP_USERNAME,"] {
        assert!(starts.contains(&variable), "{variable} is not in {problems:#?}");
    }
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(!format!("{problems:?}").contains("hunter2"), "{problems:#?}");
}

#[test]
fn production_refuses_what_is_fit_for_development() {
    let problems = problems(&[
        ("APP_ENV", "production"),
        ("JWT_SECRET", value::DEVELOPMENT_KEY),
        ("SMTP_USERNAME", "callboard"),
        ("SMTP_PASSWORD", "hunter2"),
    ]);
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.starts_with("PUBLIC_URL")));
    assert!(problems.iter().any(|problem| problem.starts_with("SMTP_TLS, SMTP_USERNAME")));
}

#[test]
fn a_key_is_told_under_the_name_that_was_set() {
    let key = [("APP_ENV", "production"), ("PUBLIC_URL", "https://callboard.example"), ("TOKEN_KEY", "short")];
    let told = problems(&key);
    assert!(told.len() == 1 && told[0].starts_with("TOKEN_KEY"), "{told:#?}");
    let key = [&key[..2], &[("JWT_SECRET", value::DEVELOPMENT_KEY)]].concat();
    let told = problems(&key);
    assert!(told.len() == 1 && told[0].starts_with("JWT_SECRET"), "{told:#?}");
    let Err(Stop::Settings(told)) = load(&["--token-key", "short"], &[]) else { panic!("refused") };
    assert!(told.len() == 1 && told[0].variables == ["TOKEN_KEY"], "{told:#?}");
}

#[test]
fn a_wrong_option_is_told_like_a_wrong_variable() {
    let Err(Stop::Settings(problems)) = load(&["--concurrency", "many"], &[("SMTP_POOL", "0")]) else {
        panic!("refused");
    };
    let text = format!("{problems:?}");
    assert!(text.contains("WORKER_CONCURRENCY") && text.contains("SMTP_POOL"), "{text}");
}

#[test]
fn help_describes_every_setting_and_shows_no_value() {
    let Err(Stop::Usage(help)) = load(&["--help"], &[("SMTP_PASSWORD", "hunter2")]) else {
        panic!("help");
    };
    let text = help.to_string();
    for word in ["healthcheck", "--queues", "WORKER_QUEUES", "DATABASE_URL", "SMTP_PASSWORD", "9101"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(!text.contains("hunter2"));
}

#[test]
fn a_health_check_needs_no_other_settings() {
    let environment = Environment::from_pairs([("METRICS_PORT", "9999"), ("METRICS_HOST", "0.0.0.0")]);
    let loaded = Loader::new(["callboard-worker", "healthcheck"], environment).load::<Cli>("run").unwrap();
    let Command::Healthcheck(settings) = loaded.cli.command else { panic!("healthcheck") };
    assert_eq!(settings.metrics.listen_address().port(), 9999);
    assert!(!settings.probe.live);
}
