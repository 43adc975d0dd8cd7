//! `callboard-api migrate`

use callboard_tests::installation::Installation;
use callboard_tests::process::Program;
use sqlx::PgPool;

async fn migrate(place: &Installation, arguments: &[&str]) -> (Option<i32>, String) {
    let program = place.program("callboard-api").argument("migrate");
    let program = arguments.iter().fold(program, |program, argument| program.argument(*argument));
    let (status, printed) = program.run().await;
    (status.code(), printed)
}

/// All that makes up a schema, line by line.
async fn schema(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT format('column %s.%s %s %s default %s %s', table_name, column_name,
                    -- Not its number: that of a column which was dropped is never used again.
                    row_number() OVER (PARTITION BY table_name ORDER BY ordinal_position),
                    coalesce(domain_name, udt_name), column_default, is_nullable)
             FROM information_schema.columns WHERE table_schema = 'public'
         UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
         UNION ALL SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
             FROM pg_constraint WHERE connamespace = 'public'::regnamespace
         UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL SELECT format('view %s %s', viewname, definition) FROM pg_views WHERE schemaname = 'public'
         UNION ALL SELECT format('relation %s %s %s %s', relname, relkind, reloptions, obj_description(oid))
             FROM pg_class WHERE relnamespace = 'public'::regnamespace
         UNION ALL SELECT format('function %s %s', p.oid::regprocedure, prosrc) FROM pg_proc p
             LEFT JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
             WHERE pronamespace = 'public'::regnamespace AND d.objid IS NULL
         ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// The versions that there are, the oldest first.
fn versions() -> impl DoubleEndedIterator<Item = String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut versions: Vec<_> =
        files.filter(|name| name.ends_with(".up.sql")).map(|name| name.split('_').next().unwrap().to_owned()).collect();
    versions.sort();
    versions.into_iter()
}

/// What is left of it in a database without migrations.
fn is_of_the_migrator(line: &str) -> bool {
    ["_sqlx_migrations", "citext", "pg_trgm"].iter().any(|name| line.contains(name))
}

#[tokio::test]
async fn down_to_zero_and_up_again_is_the_same_schema() {
    let place = Installation::new().await;
    let before = schema(place.pool()).await;
    assert!(before.len() > 80, "{before:#?}");

    let (code, said) = migrate(&place, &["down", "--all"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        versions().rev().map(|it| format!("took back {it}")).collect::<Vec<_>>()
    );
    let left: Vec<_> = schema(place.pool()).await.into_iter().filter(|line| !is_of_the_migrator(line)).collect();
    assert!(left.is_empty(), "{left:#?}");
    assert_eq!(migrate(&place, &["down", "--all"]).await.0, Some(0), "nothing to do is fine");

    let (code, said) = migrate(&place, &["up"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.lines().collect::<Vec<_>>(), versions().map(|it| format!("applied {it}")).collect::<Vec<_>>());
    assert_eq!(schema(place.pool()).await, before);
    assert_eq!(migrate(&place, &["up"]).await, (Some(0), "nothing to do: all migrations are applied\n".into()));
}

#[tokio::test]
async fn one_by_one_with_the_status_between() {
    let place = Installation::new().await;
    let before = schema(place.pool()).await;
    let status = async || {
        let (code, said) = migrate(&place, &["status"]).await;
        let states = said.lines().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect::<Vec<_>>();
        (code, states)
    };
    let mut applied: Vec<String> = versions().map(|_| "applied".to_owned()).collect();
    let last = applied.len() - 1;
    assert_eq!(status().await, (Some(0), applied.clone()));
    let newest = versions().next_back().unwrap();
    assert_eq!(migrate(&place, &["down"]).await, (Some(0), format!("took back {newest}\n")));
    applied[last] = "pending".into();
    assert_eq!(status().await, (Some(1), applied.clone()));
    assert_eq!(migrate(&place, &["up"]).await.0, Some(0));
    assert_eq!(schema(place.pool()).await, before);

    sqlx::query("UPDATE _sqlx_migrations SET checksum = 'x' WHERE version = 1").execute(place.pool()).await.unwrap();
    applied[last] = "applied".into();
    applied[0] = "changed".into();
    assert_eq!(status().await, (Some(1), applied));
    let (code, said) = migrate(&place, &["up"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("error: "), "{said}");
}

/// Every process of a new version may migrate at its start.
#[tokio::test]
async fn two_at_once_apply_each_migration_once() {
    let place = Installation::new().await;
    assert_eq!(migrate(&place, &["down", "--all"]).await.0, Some(0));
    let (first, second) = tokio::join!(migrate(&place, &["up"]), migrate(&place, &["up"]));
    assert_eq!((first.0, second.0), (Some(0), Some(0)), "{} {}", first.1, second.1);
    assert_eq!(migrate(&place, &["status"]).await.0, Some(0));
}

#[tokio::test]
async fn a_new_migration_is_two_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let new = |name: &str| {
        let program = Program::new("callboard-api").argument("migrate").argument("new").argument(name);
        program.argument("--folder").argument(path).run()
    };
    let (status, said) = new("add_bookings").await;
    assert!(status.success(), "{said}");
    assert_eq!(new("add_rooms").await.0.code(), Some(0));
    let mut files: Vec<_> =
        std::fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(
        files,
        ["0001_add_bookings.down.sql", "0001_add_bookings.up.sql", "0002_add_rooms.down.sql", "0002_add_rooms.up.sql"]
    );
    assert_eq!(new("../evil").await.0.code(), Some(1));
}

#[tokio::test]
async fn without_a_server_it_fails_and_tells_no_password() {
    let program = Program::new("callboard-api").argument("migrate").argument("up");
    let program = program
        .variable("DATABASE_URL", "postgres://ada:hunter2@127.0.0.1:1/none")
        .variable("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1");
    let (status, said) = program.run().await;
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: ") && !said.contains("hunter2"), "{said}");
}
