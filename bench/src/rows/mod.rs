//! The rows of the benchmark, a file each, in the order of the report.

mod backlog;
mod bulk;
mod bulk_floor;
mod drain;
mod fleet;
mod history;
mod idle;
mod latency;
mod load;
mod peer;
mod polling;
mod priority;
mod snapshot;

use clap::ValueEnum;

use crate::{options::Options, report::Section, stage::Error};

/// What can be measured by itself, in the order of a whole run: what looks at
/// single jobs on an idle system comes before what leaves PostgreSQL millions of
/// rows to vacuum and to write back.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Row {
    /// From commit to start on an idle system
    Latency,
    /// No-op jobs through the worker, against the floor
    Drain,
    /// Enqueues of a thousand a statement, against their floor
    Bulk,
    /// A deep backlog against a short one
    Backlog,
    /// A long history against none
    History,
    /// A held snapshot against none
    Snapshot,
    /// From commit to start under a steady load
    Load,
    /// Urgent jobs behind a saturating load
    Priority,
    /// What an idle worker sends
    Idle,
    /// What 50 idle workers send
    Fleet,
    /// The same queue, polled without Redis
    Polling,
    /// apalis-redis on the same Redis
    Peer,
}

impl Row {
    pub(crate) async fn measure(self, options: &Options) -> Result<Section, Error> {
        match self {
            Self::Latency => latency::measure(options).await,
            Self::Drain => drain::measure(options).await,
            Self::Bulk => bulk::measure(options).await,
            Self::Backlog => backlog::measure(options).await,
            Self::History => history::measure(options).await,
            Self::Snapshot => snapshot::measure(options).await,
            Self::Load => load::measure(options).await,
            Self::Priority => priority::measure(options).await,
            Self::Idle => idle::measure(options).await,
            Self::Fleet => fleet::measure(options).await,
            Self::Polling => polling::measure(options).await,
            Self::Peer => peer::measure(options).await,
        }
    }
}
