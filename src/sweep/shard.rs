//! A part of a sweep: every N-th trial, for one of N machines.
//!
//! Contract: of all trials in order each belongs to exactly one of N shards, whichever machine asks, and shards differ by
//! one trial at most. What the environment of a job array says is read here, and nowhere else.

use std::fmt;
use std::str::FromStr;

/// Most shards: more than there are trials is no use.
const MAX_SHARDS: usize = super::MAX_RUNS;

/// One of `of` shards: trial number n (point × trials + trial) is its own where n mod `of` is `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Shard {
    /// Shard `index`, counted from 0, of `of`.
    ///
    /// # Errors
    /// An index that is not below their number.
    pub fn new(index: usize, of: usize) -> Result<Shard, String> {
        if of == 0 || of > MAX_SHARDS {
            return Err(format!("{of} shards: 1 to {MAX_SHARDS} are allowed"));
        }
        if index >= of {
            return Err(format!(
                "shard {index} of {of}: shards count from 0, so the last one is {}/{of}",
                of - 1
            ));
        }
        Ok(Shard { index, of })
    }

    /// Whether trial number `number` of all is in it.
    #[must_use]
    pub fn has(self, number: usize) -> bool {
        number % self.of == self.index
    }

    /// How many of `all` trials are in it.
    #[must_use]
    pub fn share_of(self, all: usize) -> usize {
        all / self.of + usize::from(self.index < all % self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// `K/N`; or `auto/N` and `auto`, where the job array that this process is of says the rest.
impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        of_environment(text, |name| std::env::var(name).ok())
    }
}

/// Variables of job arrays: the index, the least index, the step, and the number of jobs. What is not there is 0, 1, and
/// not told.
const ARRAYS: [(&str, &str, &str, &str); 3] = [
    // Slurm: sbatch --array
    (
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_MIN",
        "SLURM_ARRAY_TASK_STEP",
        "SLURM_ARRAY_TASK_COUNT",
    ),
    // Kubernetes: completionMode: Indexed
    ("JOB_COMPLETION_INDEX", "", "", ""),
    // GitLab: parallel, which counts from 1
    ("CI_NODE_INDEX", "=1", "", "CI_NODE_TOTAL"),
];

fn of_environment(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let wrong = || {
        "K/N is needed, shard K of N counted from 0; or auto, where a job array's environment says both; or auto/N"
            .to_owned()
    };
    let (index, of) = match text.split_once('/') {
        Some((index, of)) => (index.trim(), Some(number(of).ok_or_else(wrong)?)),
        None => (text.trim(), None),
    };
    if index != "auto" {
        return Shard::new(number(index).ok_or_else(wrong)?, of.ok_or_else(wrong)?);
    }
    let read = |name: &str| variable(name).as_deref().and_then(number);
    let array = ARRAYS.into_iter().find_map(|(index, least, step, count)| {
        let least = match least.strip_prefix('=') {
            Some(least) => number(least),
            None => read(least),
        };
        let place = read(index)?.checked_sub(least.unwrap_or(0))? / read(step).unwrap_or(1).max(1);
        Some((place, read(count)))
    });
    let Some((index, count)) = array else {
        let names: Vec<&str> = ARRAYS.iter().map(|(index, ..)| *index).collect();
        return Err(format!("no job array says which shard this is ({})", names.join(", ")));
    };
    match of.or(count) {
        Some(of) => Shard::new(index, of),
        None => Err("the job array does not say how many there are; say auto/N".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let read = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        of_environment(text, read).map(|shard| shard.to_string())
    }

    #[test]
    fn every_trial_is_in_one_shard_and_all_are_alike() {
        for (all, shards) in [(1, 1), (7, 3), (24, 8), (5, 9), (100, 7)] {
            let shards: Vec<Shard> = (0..shards).map(|index| Shard::new(index, shards).unwrap()).collect();
            for number in 0..all {
                assert_eq!(shards.iter().filter(|shard| shard.has(number)).count(), 1);
            }
            for shard in &shards {
                assert_eq!(
                    (0..all).filter(|number| shard.has(*number)).count(),
                    shard.share_of(all)
                );
            }
        }
    }

    #[test]
    fn a_shard_is_typed_or_told_by_the_job_array() {
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(of("0/8", &[]).unwrap(), "0/8");
        assert_eq!(of("auto", &slurm).unwrap(), "2/4");
        assert_eq!(of("auto/9", &slurm).unwrap(), "2/9");
        assert_eq!(of("auto/4", &[("JOB_COMPLETION_INDEX", "3")]).unwrap(), "3/4");
        assert_eq!(
            of("auto", &[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "2")]).unwrap(),
            "0/2"
        );
        for (text, variables, why) in [
            ("8/8", &[][..], "the last one is 7/8"),
            ("1", &[], "K/N is needed"),
            ("a/b", &[], "K/N is needed"),
            ("0/0", &[], "1 to 100000"),
            ("auto", &[], "no job array"),
            ("auto", &[("JOB_COMPLETION_INDEX", "3")], "auto/N"),
            ("auto/3", &[("JOB_COMPLETION_INDEX", "3")], "count from 0"),
        ] {
            let error = of(text, variables).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
