//! What each kind of job does, from enqueue to mail.

mod verify_address;
