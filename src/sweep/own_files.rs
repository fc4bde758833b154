//! What squall itself has left in a folder for results, and how it goes before a new run begins there.
//!
//! Contract: a folder holds one run, or one sweep: no file of an earlier one stands beside those of a new one,
//! however the new one ends. Files that are not squall's are never touched; a file whose name squall would
//! write is taken for its own.

use std::io;
use std::path::{Path, PathBuf};

use super::{inputs, journal, tables};
use crate::report::{page, rates, samples};
use crate::{fabric, files, report};

/// What goes before a run or a sweep begins anew.
///
/// # Errors
/// The file that cannot be deleted, and why.
pub fn clear(folder: &Path) -> Result<(), (PathBuf, io::Error)> {
    // A chart's name is the sweep's choice: in a sweep's folder all charts are.
    let charts = is_sweep(folder).then(|| folder.join("plots"));
    for name in names(folder).filter(|name| is_own(name)) {
        remove(&folder.join(name))?;
    }
    if let Some(folder) = charts {
        for name in names(&folder).filter(|name| name.ends_with(".svg")) {
            remove(&folder.join(name))?;
        }
    }
    Ok(())
}

/// Whether a sweep's summary is in a folder.
fn is_sweep(folder: &Path) -> bool {
    let text = files::read(&folder.join(tables::SUMMARY), files::MAX_RESULTS).unwrap_or_default();
    let summary = serde_json::from_slice::<serde_json::Value>(&text).unwrap_or_default();
    summary["schema"] == tables::SCHEMA || folder.join(journal::FILE_NAME).exists()
}

/// Whether squall writes a file of this name at the top of a run's or a sweep's folder; the journal and what
/// it lists are the journal's business.
fn is_own(name: &str) -> bool {
    let chart = |name: &str| name == "latency-cdf" || name == "marking-curve" || name.starts_with("marking-curve-");
    let begun = [report::UNFINISHED, journal::UNFINISHED];
    [
        report::FILE_NAME,
        samples::FILE_NAME,
        fabric::FILE_NAME,
        page::FILE_NAME,
        rates::FILE_NAME,
        rates::CHART_NAME,
        inputs::FILE_NAME,
    ]
    .contains(&name)
        || tables::FILES.contains(&name)
        || name.strip_suffix(".svg").is_some_and(chart)
        || begun.iter().any(|start| name.starts_with(start))
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten();
    items.filter_map(|item| item.file_name().into_string().ok())
}

fn remove(path: &Path) -> Result<(), (PathBuf, io::Error)> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err((path.to_owned(), error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_go_and_foreign_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let own = [
            "results.json",
            "samples.jsonl",
            "fabric.json",
            "report.html",
            "rates.csv",
            "rates.svg",
            "latency-cdf.svg",
            "marking-curve.svg",
            "marking-curve-host3-3.svg",
            "inputs.json",
            "trials.csv",
            "summary.csv",
            "summary.txt",
            ".unfinished-abc",
        ];
        let foreign = [
            "notes.txt",
            "results.json.bak",
            "mine.svg",
            "plots/mine.svg",
            "lab.yaml",
        ];
        std::fs::create_dir(folder.path().join("plots")).unwrap();
        for name in own.iter().chain(&foreign) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        clear(folder.path()).unwrap();
        assert!(own.iter().all(|name| !folder.path().join(name).exists()));
        assert!(foreign.iter().all(|name| folder.path().join(name).exists()));
        // In a sweep's folder its charts are squall's.
        std::fs::write(folder.path().join("summary.json"), "{\"schema\": \"squall.sweep/1\"}").unwrap();
        clear(folder.path()).unwrap();
        assert!(!folder.path().join("plots/mine.svg").exists() && !folder.path().join("summary.json").exists());
        assert!(folder.path().join("mine.svg").exists());
        // What is no file is in the way, and is told.
        std::fs::create_dir(folder.path().join("results.json")).unwrap();
        assert_eq!(clear(folder.path()).unwrap_err().0, folder.path().join("results.json"));
    }
}
