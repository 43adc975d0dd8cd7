//! Builds again when a migration is added: the compiler sees changes of those
//! that `sqlx::migrate!` embedded, not new files.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
