//! Who misses the same page at once in one process: one reads, all get it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::body::Bytes;
use tokio::sync::OnceCell;

/// A generation, and the field of a page.
type Key = (String, Vec<u8>);

/// Reads that are under way. What nobody waits for any more is gone: nothing is
/// kept here.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Key, Weak<Flight>>>);

/// One read and those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Flight {
    body: OnceCell<Bytes>,
    has_failed: AtomicBool,
}

enum Fault<E, F> {
    /// It read itself, and that failed.
    Own(E),
    /// The reader before it failed.
    Others(F),
}

impl Flights {
    /// The read of this page that is under way, or a new one.
    pub(super) fn of(&self, generation: &str, page: &[u8]) -> Arc<Flight> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (generation.to_owned(), page.to_vec());
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(Flight::default());
        flights.insert(key, Arc::downgrade(&flight));
        flight
    }
}

impl Flight {
    /// What the one who reads got. If it is given up half-way, the next one reads.
    ///
    /// # Errors
    /// Only what one's own reading ran into: once somebody's has failed, all who
    /// wait read by themselves, all at once.
    pub(super) async fn join<E, F, Fut>(&self, read: F) -> Result<Bytes, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Bytes, E>>,
    {
        let reading = || async {
            if self.has_failed.load(Ordering::Acquire) {
                return Err(Fault::Others(read));
            }
            read().await.map_err(|error| {
                self.has_failed.store(true, Ordering::Release);
                Fault::Own(error)
            })
        };
        match self.body.get_or_try_init(reading).await {
            Ok(body) => Ok(body.clone()),
            Err(Fault::Own(error)) => Err(error),
            Err(Fault::Others(read)) => read().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::{sync::Notify, task::JoinSet};

    use super::*;

    /// Reads that end when they are told to.
    #[derive(Default)]
    struct Reads {
        begun: AtomicUsize,
        has_begun: Notify,
        go_on: Notify,
    }

    async fn read(reads: Arc<Reads>, result: Result<Bytes, &'static str>) -> Result<Bytes, &'static str> {
        reads.begun.fetch_add(1, Ordering::SeqCst);
        reads.has_begun.notify_one();
        reads.go_on.notified().await;
        result
    }

    /// One who reads, and 20 who wait for it.
    async fn crowd(
        flights: &Flights,
        reads: &Arc<Reads>,
        result: Result<Bytes, &'static str>,
    ) -> JoinSet<Result<Bytes, &'static str>> {
        let mut all = JoinSet::new();
        for index in 0..21 {
            let (flight, reads, result) = (flights.of("one", b"page"), reads.clone(), result.clone());
            all.spawn(async move { flight.join(|| read(reads, result)).await });
            if index == 0 {
                tokio::task::yield_now().await;
            }
        }
        reads.has_begun.notified().await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        all
    }

    #[tokio::test]
    async fn one_reads_for_all_and_nothing_is_kept() {
        let (flights, reads) = (Flights::default(), Arc::new(Reads::default()));
        let all = crowd(&flights, &reads, Ok(Bytes::from_static(b"rows"))).await;
        reads.go_on.notify_one();
        assert!(all.join_all().await.iter().all(|got| got.as_deref() == Ok(b"rows")));
        assert_eq!(reads.begun.load(Ordering::SeqCst), 1);
        drop(flights.of("one", b"another"));
        assert_eq!(flights.0.lock().unwrap().values().filter_map(Weak::upgrade).count(), 0);
    }

    #[tokio::test]
    async fn after_an_error_all_who_wait_read_by_themselves_at_once() {
        let (flights, reads) = (Flights::default(), Arc::new(Reads::default()));
        let all = crowd(&flights, &reads, Err("no rows")).await;
        reads.go_on.notify_one();
        while reads.begun.load(Ordering::SeqCst) < 21 {
            reads.has_begun.notified().await;
        }
        // They are all reading now: nobody waits for another's error.
        reads.go_on.notify_waiters();
        assert!(all.join_all().await.iter().all(|got| *got == Err("no rows")));
    }

    #[tokio::test]
    async fn when_the_one_who_reads_gives_up_another_reads() {
        let (flights, reads) = (Flights::default(), Arc::new(Reads::default()));
        let flight = flights.of("one", b"page");
        let leader = tokio::spawn({
            let (flight, reads) = (flight.clone(), reads.clone());
            async move { flight.join(|| read(reads, Ok(Bytes::from_static(b"rows")))).await }
        });
        reads.has_begun.notified().await;
        let mut others = JoinSet::new();
        for _ in 0..20 {
            let (flight, reads) = (flight.clone(), reads.clone());
            others.spawn(async move { flight.join(|| read(reads, Ok(Bytes::from_static(b"rows")))).await });
        }
        leader.abort();
        reads.has_begun.notified().await;
        reads.go_on.notify_one();
        assert!(others.join_all().await.iter().all(|got| got.as_deref() == Ok(b"rows")));
        assert_eq!(reads.begun.load(Ordering::SeqCst), 2);
    }
}
