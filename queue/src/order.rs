//! In which order a fetch looks at its lists.

use crate::{Mode, Priority, keys::List};

/// The queues of a fetcher, and whose turn it is.
#[derive(Debug)]
pub(crate) struct Order {
    queues: Vec<String>,
    turn: usize,
    mode: Mode,
}

impl Order {
    pub(crate) fn new(queues: Vec<String>, mode: Mode) -> Self {
        Self { queues, turn: 0, mode }
    }

    /// The lists of the next fetch: priority by priority, the queues of one
    /// priority taking turns.
    pub(crate) fn next(&mut self) -> Vec<List> {
        let draw = rand::random_range(0..10);
        self.turn = (self.turn + 1) % self.queues.len().max(1);
        let (before, from) = self.queues.split_at(self.turn);
        priorities(self.mode, draw)
            .into_iter()
            .flat_map(|priority| from.iter().chain(before).map(move |queue| List::new(queue, priority)))
            .collect()
    }
}

/// The order of the priorities for a draw of 0 to 9.
fn priorities(mode: Mode, draw: u8) -> [Priority; 3] {
    use Priority::{Default, High, Low};
    match (mode, draw) {
        (Mode::Strict, _) | (Mode::Weighted, 0..=5) => [High, Default, Low],
        (Mode::Weighted, 6..=8) => [Default, High, Low],
        (Mode::Weighted, _) => [Low, High, Default],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_starts_high_6_default_3_low_1() {
        let count = |first| (0..10).filter(|draw| priorities(Mode::Weighted, *draw)[0] == first).count();
        assert_eq!(Priority::ALL.map(count), [6, 3, 1]);
        assert!((0..10).all(|draw| priorities(Mode::Strict, draw) == Priority::ALL));
    }

    #[test]
    fn every_fetch_looks_at_every_list_and_queues_take_turns() {
        let mut order = Order::new(vec!["a".into(), "b".into(), "c".into()], Mode::Strict);
        let mut firsts = Vec::new();
        for _ in 0..3 {
            let lists = order.next();
            assert_eq!(lists.len(), 9);
            assert!(lists[..3].iter().all(|list| list.priority == Priority::High));
            firsts.push(lists[0].queue.clone());
        }
        firsts.sort();
        assert_eq!(firsts, ["a", "b", "c"]);
    }
}
