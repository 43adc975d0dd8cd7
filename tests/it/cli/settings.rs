//! Settings that can't be used, in both programs.

use callboard_tests::process::Program;

const BAD: [(&str, &str); 9] = [
    ("APP_ENV", "prod"),
    ("DATABASE_URL", "mysql://ada:hunter2@db/x"),
    ("DATABASE_POOL_MAX", "many"),
    ("REDIS_URL", "http://:hunter2@cache"),
    ("QUEUE_PREFIX", "{braces}"),
    ("TOKEN_KEY", "hunter2"),
    ("METRICS_PORT", "65536"),
    ("LOG_FORMAT", "xml"),
    ("LOG_LEVEL", "loud=very=much"),
];

const BAD_FOR_API: [(&str, &str); 8] = [
    ("HOST", "localhost"),
    ("PORT", "-1"),
    ("PUBLIC_URL", "callboard.example"),
    ("CORS_ORIGINS", "https://app.example.com/path"),
    ("BODY_LIMIT_BYTES", "0"),
    ("REQUEST_TIMEOUT_SECONDS", "0"),
    ("JWT_SECRET", "hunter2"),
    ("ADMIN_EMAIL", "nobody"),
];

const BAD_FOR_WORKER: [(&str, &str); 7] = [
    ("WORKER_QUEUES", "mail=0"),
    ("WORKER_CONCURRENCY", "0"),
    ("WORKER_MODE", "fair"),
    ("SMTP_PORT", "0"),
    ("SMTP_TLS", "maybe"),
    ("SMTP_TIMEOUT_SECONDS", "soon"),
    ("MAIL_FROM", "nobody"),
];

async fn run(name: &'static str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = variables.iter().fold(Program::new(name), |program, (name, value)| program.variable(*name, *value));
    let (status, said) = program.run().await;
    (status.code(), said)
}

#[tokio::test]
async fn all_bad_settings_are_named_at_once_with_the_way_out() {
    for (name, own) in [("callboard-api", &BAD_FOR_API[..]), ("callboard-worker", &BAD_FOR_WORKER[..])] {
        let bad = [&BAD[..], own].concat();
        let (code, said) = run(name, &bad).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.starts_with(&format!("error: {} settings are missing or wrong:", bad.len())), "{said}");
        for (variable, value) in bad {
            let at = said.lines().position(|line| line.starts_with(&format!("  - {variable}")));
            let at = at.unwrap_or_else(|| panic!("{variable} is not named: {said}"));
            let how = said.lines().nth(at + 1).unwrap();
            assert!(how.contains("set it like this: ") && how.contains(variable), "{how}");
            let is_secret = value.contains("hunter2");
            assert_eq!(said.lines().nth(at).unwrap().contains(&format!("={value:?}")), !is_secret, "{said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named_at_once() {
    for (name, needed) in [
        ("callboard-api", &["DATABASE_URL", "REDIS_URL", "JWT_SECRET", "TOKEN_KEY"][..]),
        ("callboard-worker", &["DATABASE_URL", "REDIS_URL", "TOKEN_KEY"]),
    ] {
        let (code, said) = run(name, &[]).await;
        assert_eq!(code, Some(2), "{said}");
        for variable in needed {
            assert!(said.contains(&format!("  - {variable} is required")), "{variable}: {said}");
        }
    }
}

#[tokio::test]
async fn combinations_that_make_no_sense_are_named() {
    let fine = [
        ("DATABASE_URL", "postgres://localhost/callboard"),
        ("REDIS_URL", "redis://localhost"),
        ("JWT_SECRET", "a secret of at least thirty-two bytes"),
    ];
    for (name, bad, named) in [
        ("callboard-api", &[("CORS_ORIGINS", "*"), ("CORS_CREDENTIALS", "true")][..], "CORS_CREDENTIALS, CORS_ORIGINS"),
        ("callboard-api", &[("ADMIN_EMAIL", "root@example.com")], "ADMIN_EMAIL, ADMIN_PASSWORD"),
        ("callboard-api", &[("JWT_ALGORITHM", "EdDSA")], "JWT_ALGORITHM, JWT_PRIVATE_KEY"),
        (
            "callboard-api",
            &[("REFRESH_TOKEN_TTL_SECONDS", "60")],
            "REFRESH_TOKEN_TTL_SECONDS, ACCESS_TOKEN_TTL_SECONDS",
        ),
        ("callboard-api", &[("DATABASE_POOL_MIN", "20")], "DATABASE_POOL_MIN, DATABASE_POOL_MAX"),
        ("callboard-worker", &[("SMTP_USERNAME", "ada")], "SMTP_USERNAME, SMTP_PASSWORD"),
    ] {
        let (code, said) = run(name, &[&fine[..], bad].concat()).await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("  - {named}")), "{said}");
    }
}

#[tokio::test]
async fn production_refuses_what_is_fit_for_development_only() {
    let production = [
        ("APP_ENV", "production"),
        ("DATABASE_URL", "postgres://localhost/callboard"),
        ("REDIS_URL", "redis://localhost"),
        ("JWT_SECRET", "development-only-secret-do-not-use-in-production"),
        ("SMTP_USERNAME", "ada"),
        ("SMTP_PASSWORD", "hunter2"),
    ];
    let (code, said) = run("callboard-api", &production).await;
    assert_eq!(code, Some(2), "{said}");
    for variable in ["JWT_SECRET", "PUBLIC_URL"] {
        assert!(said.contains(&format!("  - {variable}")), "{said}");
    }
    let (code, said) = run("callboard-worker", &production).await;
    assert_eq!(code, Some(2), "{said}");
    // The worker's key is JWT_SECRET while TOKEN_KEY is not set.
    for variable in ["JWT_SECRET", "PUBLIC_URL", "SMTP_TLS, SMTP_USERNAME"] {
        assert!(said.contains(&format!("  - {variable}")), "{said}");
    }
    assert!(!said.contains("hunter2") && !said.contains("do-not-use"), "{said}");
}

#[tokio::test]
async fn help_describes_every_setting_and_shows_no_value() {
    for (name, command) in [("callboard-api", "serve"), ("callboard-worker", "run")] {
        for arguments in [&["--help"][..], &[command, "--help"]] {
            let program = Program::new(name).variable("JWT_SECRET", "hunter2 hunter2 hunter2 hunter2 hunter2");
            let program = arguments.iter().fold(program, |program, argument| program.argument(*argument));
            let (status, said) = program.variable("DATABASE_URL", "postgres://ada:hunter2@db/x").run().await;
            assert!(status.success(), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
            // Long lines are wrapped.
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            for variable in ["DATABASE_URL", "REDIS_URL", "QUEUE_PREFIX", "LOG_DIR", "METRICS_PORT", "TOKEN_KEY"] {
                assert!(said.contains(&format!("[env: {variable}")), "{name} {arguments:?}: {variable}");
            }
        }
    }
}

#[tokio::test]
async fn a_mistyped_option_or_command_is_refused() {
    for (name, argument) in [("callboard-api", "--prot"), ("callboard-worker", "--queue"), ("callboard-api", "migrat")]
    {
        let (status, said) = Program::new(name).argument(argument).run().await;
        assert_eq!(status.code(), Some(2), "{said}");
        assert!(said.contains(argument), "{said}");
    }
}

/// A port that is taken ends the program with the way out, not with a panic.
#[tokio::test]
async fn a_busy_port_is_told_with_the_way_out() {
    let place = callboard_tests::installation::Installation::new().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (name, variable) in
        [("callboard-api", "PORT"), ("callboard-api", "METRICS_PORT"), ("callboard-worker", "METRICS_PORT")]
    {
        let (status, said) = place.program(name).variable(variable, &port).run().await;
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains(variable) && said.contains(&port) && !said.contains("panicked"), "{said}");
    }
}
