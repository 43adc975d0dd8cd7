//! How each kind of job runs: a handler a file, named after its payload in
//! `shared/src/jobs/`.

mod verify_address;
