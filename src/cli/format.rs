//! `--format`, of all commands that run trials.

use crate::report::format::Format;

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Shown {
    /// squall's own tables
    #[default]
    Text,
    /// AllToAll in the columns of nccl-tests
    Nccl,
    /// Transfers in the columns of perftest's ib_write_bw and ib_write_lat
    Perftest,
}

impl From<Shown> for Format {
    fn from(shown: Shown) -> Format {
        match shown {
            Shown::Text => Format::Text,
            Shown::Nccl => Format::Nccl,
            Shown::Perftest => Format::Perftest,
        }
    }
}
