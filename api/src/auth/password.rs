//! Password hashes: argon2id, off the async threads, a bounded number at a time.

use std::{num::NonZeroUsize, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{
        self,
        phc::{self, PasswordHash},
    },
};
use callboard_shared::{config::PasswordPolicy, domain::Password};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, task};

use super::strength::{self, About};
use crate::{
    error::{Code, FieldError, Problem, Text},
    extract::Reason,
};

/// Memory of one hash in KiB (OWASP's first choice for argon2id with 19 MiB).
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash of nobody's password, with the parameters above: verified when a login
/// is unknown, so that known and unknown logins take the same time.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$\
    Y2FsbGJvYXJkLW5vYm9keQ$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// How many hashes may wait for each that is being made. A queue that is longer
/// would make people wait for longer than they stay.
const WAITING: usize = 100;

/// Why a password could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is too easy to guess, or contains who it is for. The client can choose another.
    #[error("the password is too weak")]
    Weak(Reason),
    /// Too many wait already: the client can try again in a moment.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// argon2 refused. A defect.
    #[error("the password could not be hashed")]
    Hash(#[from] password_hash::Error),
    /// A stored hash is not in PHC form. A defect.
    #[error("the stored password hash can't be read")]
    Stored(#[from] phc::Error),
    /// The hashing thread ended early: the process is going down, or it panicked.
    #[error("the hashing thread ended early")]
    Thread(#[from] task::JoinError),
}

const BUSY: Text = Text::fixed(
    "Too many people log in or register at this moment. Try again after the time in Retry-After.",
    "지금 로그인 또는 가입 요청이 너무 많습니다. Retry-After 시간 뒤에 다시 시도하세요.",
);

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Weak(reason) => {
                Self::validation(vec![FieldError::field("password", reason.code, reason.detail)])
            }
            PasswordError::Busy => Self::new(Code::ServiceUnavailable).with_detail(BUSY),
            other => Self::internal(other),
        }
    }
}

/// Makes and checks password hashes. Cheap to clone; clones share the cap.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Of those that are being hashed, and of those that wait for it.
    places: Arc<Semaphore>,
    policy: PasswordPolicy,
}

impl Passwords {
    /// `concurrency` hashes at a time, each with 19 MiB and a core; 100 times as
    /// many may wait.
    #[must_use]
    pub fn new(concurrency: NonZeroUsize) -> Self {
        let permits = concurrency.get().min(Semaphore::MAX_PERMITS / (1 + WAITING));
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            places: Arc::new(Semaphore::new(permits * (1 + WAITING))),
            policy: PasswordPolicy::default(),
        }
    }

    /// These, which take new passwords by another policy.
    #[must_use]
    pub fn with_policy(self, policy: PasswordPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Hashes a new password, if it is strong enough for the person it is for.
    ///
    /// # Errors
    /// [`PasswordError::Weak`] when it is not, [`PasswordError::Busy`] when too
    /// many wait; the other variants are faults of ours.
    pub async fn hash(&self, password: Password, about: About) -> Result<SecretString, PasswordError> {
        let policy = self.policy;
        self.run(move || {
            strength::check(policy, password.expose(), &about).map_err(PasswordError::Weak)?;
            let hash = argon2()?.hash_password(password.expose().as_bytes())?;
            Ok(hash.to_string().into())
        })
        .await
    }

    /// Whether `candidate` belongs to `hash`. Without a hash the answer is no,
    /// after the same work.
    ///
    /// # Errors
    /// When too many wait, the stored hash is not one, or the thread ended early.
    pub async fn verify(&self, candidate: SecretString, hash: Option<SecretString>) -> Result<bool, PasswordError> {
        self.run(move || {
            let stored = hash.as_ref().map_or(NOBODYS_HASH, ExposeSecret::expose_secret);
            let stored = PasswordHash::new(stored)?;
            let candidate = candidate.expose_secret().as_bytes();
            match argon2()?.verify_password(candidate, &stored) {
                Ok(()) => Ok(hash.is_some()),
                Err(password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Hashes a password that was right a moment ago, however weak it is.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many wait; the other variants are faults
    /// of ours.
    pub async fn rehash(&self, password: SecretString) -> Result<SecretString, PasswordError> {
        self.run(move || Ok(argon2()?.hash_password(password.expose_secret().as_bytes())?.to_string().into())).await
    }

    /// Whether a hash was made with other parameters than new ones are.
    #[must_use]
    pub fn needs_rehash(hash: &SecretString) -> bool {
        let Ok(hash) = PasswordHash::new(hash.expose_secret()) else { return false };
        let Ok(params) = Params::try_from(&hash) else { return false };
        hash.algorithm != Algorithm::Argon2id.ident()
            || hash.version != Some(Version::V0x13.into())
            || (params.m_cost(), params.t_cost(), params.p_cost()) != (MEMORY_KIB, PASSES, LANES)
    }

    /// Runs `work` on a blocking thread. The permit goes along, so that work whose
    /// request was given up still counts against the cap until it is done.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        // The semaphore is never closed, so there always is a permit to wait for.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        task::spawn_blocking(move || {
            let _held = (permit, place);
            work()
        })
        .await?
    }
}

fn argon2() -> Result<Argon2<'static>, password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(NonZeroUsize::MIN)
    }

    async fn hash(password: &str) -> SecretString {
        let password: Password = password.to_owned().try_into().unwrap();
        passwords().hash(password, About::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_to_the_last_byte() {
        let long = "correct horse battery staple ".repeat(3)[..73].to_owned();
        let stored = hash(&long).await;
        let mut other = long.clone();
        other.replace_range(72.., "?");
        let verify = |candidate: String| {
            let stored = stored.clone();
            async move { passwords().verify(candidate.into(), Some(stored)).await.unwrap() }
        };
        assert!(verify(long).await);
        assert!(!verify(other).await);
    }

    #[tokio::test]
    async fn a_crowd_is_sent_away() {
        let passwords = passwords();
        let places = Arc::clone(&passwords.places).try_acquire_many_owned(1 + 100).unwrap();
        let busy = passwords.verify("anything".into(), None).await.unwrap_err();
        assert_eq!(Problem::from(busy).code(), Code::ServiceUnavailable);
        drop(places);
        assert!(!passwords.verify("anything".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn nobodys_hash_costs_the_same_and_is_never_right() {
        let nobody = PasswordHash::new(NOBODYS_HASH).unwrap();
        let real = hash("a long enough passphrase").await;
        let real = PasswordHash::new(real.expose_secret()).unwrap();
        assert_eq!(nobody.params.to_string(), real.params.to_string());
        assert_eq!(nobody.algorithm, real.algorithm);
        assert!(!passwords().verify("anything".into(), None).await.unwrap());
    }
}
