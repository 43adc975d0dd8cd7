//! What the programs refuse to start with.

use callboard_tests::process::Program;

#[tokio::test]
async fn c20_a_default_or_short_secret_in_production() {
    let default = "development-only-secret-do-not-use-in-production";
    let good = "k7Q2mW9xT4vB8nL3pR6sD1fG5hJ0cZyA";
    for (variable, secret) in [
        ("JWT_SECRET", default),
        ("JWT_SECRET", "short"),
        ("JWT_SECRET", ""),
        ("TOKEN_KEY", default),
        ("TOKEN_KEY", "short"),
    ] {
        for name in ["callboard-api", "callboard-worker"] {
            // The worker signs nothing; its key is JWT_SECRET while TOKEN_KEY is not set.
            let is_its_own = name == "callboard-api" || variable == "TOKEN_KEY";
            let program = Program::new(name)
                .variable("APP_ENV", "production")
                .variable("DATABASE_URL", "postgres://localhost/callboard")
                .variable("REDIS_URL", "redis://localhost")
                .variable("PUBLIC_URL", "https://callboard.example")
                .variable("JWT_SECRET", good);
            let program = if is_its_own { program.variable("TOKEN_KEY", good) } else { program };
            let (status, said) = program.variable(variable, secret).run().await;
            assert_eq!(status.code(), Some(2), "{name} with {variable}={secret}: {said}");
            assert!(said.contains(variable), "{name}: {said}");
            assert!(secret.len() < 10 || !said.contains(secret), "{said}");
        }
    }
}
