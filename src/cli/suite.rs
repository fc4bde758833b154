//! `squall suite`: the draft's tests by their numbers, and their report.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Subcommand;

use super::interrupt::Interrupt;
use super::jobs::JobsArgs;
use super::metrics::MetricsArgs;
use super::sweep::Merge;
use super::sweep_progress::SweepProgress;
use super::told::Told;
use super::watching::Watching;
use super::{Failure, Outcome, shipped};
use crate::lab::run::check_name;
use crate::lab::suite::{Ending, NotRun, Ran, Seen, SuiteError, Why};
use crate::lab::{self, Extent};
use crate::report::checks::{Check, Checks, Ended as CheckEnded, Group};
use crate::report::terminal::View;
use crate::report::terminal::table::{Cell, Table};
use crate::suite::folder::{self, Folder, FolderError, Stored};
use crate::suite::report::Done;
use crate::suite::shown as suite_shown;
use crate::suite::{self, ABSENT, Asked, Profile, SHIPPED, Test};
use crate::sweep::{self, MAX_TRIALS, Shard, checks};
use crate::trial::Session;
use crate::units::Picos;
use crate::yaml::key::Form;

/// Run the draft's tests by their numbers, and report on them as the draft asks
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tests, their trials in a profile, and the draft's tests that are not here
    List(List),
    /// Run tests, and write report.html, report.json and kpis.csv
    ///
    /// Exit status: 0 done, 1 a test was not run, was cut short or did not meet what it expects, 2 the input
    /// is wrong, 3 the environment or a hook is.
    Run(Box<Run>),
    /// Go on with a suite that was stopped
    Resume(Resume),
    /// Write the report of what is finished once more; run nothing
    Report(Report),
    /// Bring the folders of shards together into one, as if one machine had run the whole suite
    ///
    /// Exit status: 0 every trial is there, 1 some are missing, 2 the folders are not of one suite, 3 a folder cannot be
    /// read or written.
    Merge(Merge),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Which parameters: the draft's own, or scaled down
    #[arg(long, value_enum, default_value = "quick")]
    profile: ProfileArg,

    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ProfileArg {
    /// The draft's own parameters: days on end
    Draft,
    /// Scaled down to minutes; no result conforms to the draft
    Quick,
}

impl From<ProfileArg> for Profile {
    fn from(profile: ProfileArg) -> Profile {
        match profile {
            ProfileArg::Draft => Profile::Draft,
            ProfileArg::Quick => Profile::Quick,
        }
    }
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Numbers of tests (8.1), or of chapters (8); all of them where none is named
    #[arg(value_parser = shipped::TEST, hide_possible_values = true)]
    tests: Vec<String>,

    /// Which parameters: the draft's own, or scaled down
    #[arg(long, value_enum, default_value = "draft")]
    profile: ProfileArg,

    /// Testbed of all tests: a path, or the name of a shipped one [default: the reference fabric that each test
    /// was made for]
    #[arg(long, value_name = "FILE", value_parser = shipped::TESTBED, hide_possible_values = true)]
    testbed: Option<String>,

    /// Folder for the results; one that holds a part of the same suite is gone on with
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Trials of each configuration, instead of the profile's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TRIALS)))]
    trials: Option<u32>,

    /// Seed that all trials' seeds are derived from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Change of every test's pattern or, with testbed. before it, of its testbed; with device., what hooks
    /// are told; may be given more than once
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Hook that sets the device under test before each configuration, on a testbed with real ports
    #[arg(long, value_name = "HOOK", requires = "testbed")]
    before: Option<String>,

    /// Hook that reads the device's counters after each trial, on a testbed with real ports
    #[arg(long, value_name = "HOOK", requires = "testbed")]
    after: Option<String>,

    /// Hook that disturbs the device at half time (a link flap) in the tests that want that: 12.3 and 13.3
    #[arg(long, value_name = "HOOK", requires = "testbed")]
    during: Option<String>,

    /// Hook that leaves the device as it was when a test ends, is stopped or fails [default: that of --before
    /// or --during, where it is a shipped one]
    #[arg(long, value_name = "HOOK", requires = "testbed")]
    end: Option<String>,

    /// How long a hook may take, from 100ms to 1h [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = hook_timeout)]
    hook_timeout: Option<String>,

    /// Begin anew: delete the tests that the folder holds
    #[arg(long)]
    restart: bool,

    /// Check everything and list the tests; run nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    how: How,
}

/// What all calls that run tests take.
#[derive(Debug, clap::Args)]
struct How {
    /// Send through this kernel interface although it has an address or a route; may be repeated
    #[arg(long, value_name = "NAME")]
    i_own_this_interface: Vec<String>,

    #[command(flatten)]
    jobs: JobsArgs,

    #[command(flatten)]
    metrics: MetricsArgs,

    /// Run one of N parts of each test: every N-th trial, from number K on, counted from 0; `auto` takes K and N from a
    /// Slurm job array or GitLab's `parallel`, `auto/N` K from a Kubernetes indexed job
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,

    #[command(flatten)]
    told: Told,

    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
struct Resume {
    /// The suite's folder
    folder: PathBuf,

    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct Report {
    /// The suite's folder
    folder: PathBuf,

    #[command(flatten)]
    told: Told,

    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Failure {
        match error {
            SuiteError::Folder(error) => error.into(),
            SuiteError::Store(error) => error.into(),
            SuiteError::Text(error) => error.into(),
            SuiteError::Lost(_) => Failure::Environment(error.to_string()),
        }
    }
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Failure {
        match &error {
            FolderError::Nothing { .. } | FolderError::Other { .. } | FolderError::Sweep(_) => {
                Failure::Input(error.to_string())
            }
            _ => Failure::Environment(error.to_string()),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Each kind of [`Failure`], see the command's help.
pub fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::List(list) => self::list(list),
        Command::Run(run) => run.how.told.junit.end("squall suite", begin(run)),
        Command::Resume(resume) => resume.how.told.junit.end("squall suite", go_on_with(resume)),
        Command::Report(report) => report.told.junit.end("squall suite", once_more(report)),
        Command::Merge(merge) => merge.told.junit.end("squall suite merge", self::merge(merge)),
    }
}

fn go_on_with(resume: &Resume) -> Outcome {
    let folder = Folder::reopen(&resume.folder)?;
    let tests = shared(load(&folder.stored)?, resume.how.shard)?;
    go(&folder, &tests, &resume.how)
}

fn once_more(report: &Report) -> Outcome {
    let folder = Folder::reopen(&report.folder)?;
    let tests = load(&folder.stored)?;
    let done = lab::suite::look(&folder, &tests)?;
    write(&folder, &tests, &done, &report.told, report.quiet)
}

fn hook_timeout(text: &str) -> Result<String, String> {
    let times = sweep::keys::TIMEOUTS;
    let time = text.parse().ok().filter(|time| times.contains(time));
    time.map(|_: Picos| text.to_owned())
        .ok_or_else(|| format!("a time is needed: {}, such as 5min", times.allowed()))
}

fn begin(args: &Run) -> Outcome {
    let asked = Asked {
        profile: args.profile.into(),
        testbed: args.testbed.clone(),
        seed: args.seed,
        trials: args.trials,
        set: args.set.clone(),
        before: args.before.clone(),
        after: args.after.clone(),
        during: args.during.clone(),
        end: args.end.clone(),
        hook_timeout: args.hook_timeout.clone(),
    };
    let wanted = Stored::new(&asked, named(&args.tests)?);
    // Mistakes of the input come before anything is made.
    let tests = load(&wanted)?;
    let (_, examined) = examine(&tests, wanted.testbed.is_some(), &args.how)?;
    if args.dry_run {
        let refused = examined.iter().map(|found| found.as_ref().err());
        let mut out = overview(&tests, Some(&examined), asked.profile, View::of_stdout());
        for (test, why) in tests.iter().zip(refused.clone()) {
            let notes = test.reduced.iter().filter(|_| args.testbed.is_some()).cloned();
            let why = why.map(|why| format!("is not run: {why}"));
            for line in why.into_iter().chain(notes) {
                out += &format!("\ntest {}: {line}", test.id);
            }
        }
        super::devices::print(&format!("{}\n", out.trim_end()))?;
        let missing = refused.flatten().count();
        return match missing {
            0 => Ok(()),
            _ => Err(Failure::Run(format!(
                "{missing} of {} tests do not fit this testbed",
                tests.len()
            ))),
        };
    }
    check_name(&args.out)?;
    let folder = Folder::open(&args.out, wanted, args.restart)?;
    let tests = shared(load(&folder.stored)?, args.how.shard)?;
    go(&folder, &tests, &args.how)
}

/// The tests, with a shard's part of each.
fn shared(mut tests: Vec<Test>, shard: Option<Shard>) -> Result<Vec<Test>, Failure> {
    if let Some(shard) = shard {
        for test in &mut tests {
            test.ready.share(shard)?;
        }
    }
    Ok(tests)
}

/// Brings the shards of a suite together, and writes its report.
fn merge(args: &Merge) -> Outcome {
    check_name(&args.out)?;
    let stored = folder::of_shards(&args.folders)?;
    let folder = Folder::open(&args.out, stored, false)?;
    let tests = load(&folder.stored)?;
    let done = lab::suite::merge(&folder, &tests, &args.folders)?;
    write(&folder, &tests, &done, &args.told, args.quiet)?;
    let missing = tests.iter().zip(&done).filter(|(test, done)| {
        let sweep = &test.ready.sweep;
        test.not_run.is_none() && !done.gathered.is_complete(sweep)
    });
    let missing: Vec<&str> = missing.map(|(test, _)| test.id.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Run(format!(
        "trials of test {} are missing: run their shards, or go on with `squall suite resume {}`",
        missing.join(", "),
        args.out.display()
    )))
}

/// The tests that are meant: by number, by chapter, or all.
fn named(typed: &[String]) -> Result<Vec<String>, Failure> {
    let all = || SHIPPED.iter().map(|(id, _)| *id);
    if typed.is_empty() {
        return Ok(all().map(str::to_owned).collect());
    }
    let mut wanted = Vec::new();
    for name in typed {
        let number = name.strip_prefix("Test ").unwrap_or(name);
        let found: Vec<&str> = all()
            .filter(|id| *id == number || id.split('.').next() == Some(number))
            .collect();
        if found.is_empty() {
            let asked = Asked::new(Profile::Quick);
            // It says why.
            suite::test(number, &asked)?;
        }
        wanted.extend(found);
    }
    Ok(all().filter(|id| wanted.contains(id)).map(str::to_owned).collect())
}

fn load(stored: &Stored) -> Result<Vec<Test>, Failure> {
    let asked = stored.asked();
    let each = stored.tests.iter().map(|id| suite::test(id, &asked));
    let mut tests = each.collect::<Result<Vec<Test>, _>>()?;
    if stored.testbed.is_some() {
        tests.iter_mut().for_each(Test::fit);
    }
    Ok(tests)
}

/// What the tests' trials come to, or why not. On one's own testbed some tests may not fit, and the others are none the
/// worse for it.
fn examine(tests: &[Test], own_testbed: bool, how: &How) -> Result<(Session, Vec<Result<Extent, NotRun>>), Failure> {
    let mut session = Session::new();
    let mut examined = lab::suite::examine_all(tests, &how.i_own_this_interface, &mut session);
    let fits = examined.iter().filter(|found| found.is_ok()).count();
    if fits == examined.len() || own_testbed && fits > 0 {
        return Ok((session, examined));
    }
    let first = examined
        .iter()
        .position(Result::is_err)
        .map(|first| (first, examined.swap_remove(first)));
    Err(match first {
        Some((_, Err(NotRun::Unfit(unfit)))) => unfit.into(),
        Some((first, Err(NotRun::Lacks(why)))) => {
            let id = tests.get(first).map_or("", |test| test.id.as_str());
            Failure::Input(format!("test {id} is not run: {why}"))
        }
        _ => Failure::Input("there is no test to run".to_owned()),
    })
}

/// Runs what is not finished, and writes the report, however it ends.
fn go(folder: &Folder, tests: &[Test], how: &How) -> Outcome {
    let (session, examined) = examine(tests, folder.stored.testbed.is_some(), how)?;
    let stop = Interrupt::catch("stopping; what is finished is kept. Once more ends at once")?;
    let run = || tests.iter().zip(&examined).filter(|(_, found)| found.is_ok());
    let all: usize = run().map(|(test, _)| test.ready.trials()).sum();
    let progress = SweepProgress::new(all, 0, how.quiet);
    if let Some(note) = how.jobs.note(run().map(|(test, _)| &test.ready)) {
        progress.say(&note);
    }
    let metrics = how.metrics.listen("suite", all, 0, how.quiet)?;
    let mut watching = Watching::new(progress, metrics, &stop);
    let mut lab = how.jobs.lab(session, &how.i_own_this_interface, &stop);
    let mut under = None;
    let ran = lab::suite::run(folder, tests, examined, &mut lab, |seen| match seen {
        Seen::Test { test, before, finished } => {
            if finished == test.ready.trials() {
                watching.progress.already(before + finished);
            } else {
                watching.progress.skip(finished);
            }
            under = Some((test.id.clone(), before));
        }
        Seen::Trial(ready, seen) => {
            let Some((id, before)) = &under else { return };
            watching.see(&seen, *before, |point| format!("test {id}: {}", ready.said(point)));
        }
    });
    watching.finish();
    let Ran { done, endings } = match ran {
        Ok(ran) => ran,
        Err(SuiteError::Lost(endings)) => {
            let text = format!("{}\n{}", lines(endings).0, go_on(folder));
            return Err(Failure::Environment(text));
        }
        Err(error) => return Err(error.into()),
    };
    write(folder, tests, &done, &how.told, how.quiet)?;
    if stop.load(Ordering::Relaxed) {
        let finished: usize = done.iter().map(|done| done.gathered.rows.len()).sum();
        return Err(Failure::Run(format!(
            "the suite was stopped: {finished} of {all} trials are done; {}",
            go_on(folder)
        )));
    }
    match lines(endings) {
        (text, _) if text.is_empty() => Ok(()),
        (text, true) => Err(Failure::Environment(text)),
        (text, false) => Err(Failure::Run(text)),
    }
}

/// What is to be said of tests, a line each, and whether the environment is to blame.
fn lines(endings: Vec<Ending>) -> (String, bool) {
    let mut environment = false;
    let mut line = |Ending { test, why }| match why {
        Why::NotRun(why) => format!("test {test} was not run: {why}"),
        Why::Unmet(head) => format!("test {test}: {head}"),
        Why::Ended(error) => {
            let failure = Failure::from(error);
            environment |= matches!(failure, Failure::Environment(_));
            format!("test {test}: {failure}")
        }
    };
    let lines: Vec<String> = endings.into_iter().map(&mut line).collect();
    (lines.join("\n"), environment)
}

fn go_on(folder: &Folder) -> String {
    format!("`squall suite resume {}` goes on with it", folder.path().display())
}

/// Writes the report's files, and says what is in them.
fn write(folder: &Folder, tests: &[Test], done: &[Done], told: &Told, quiet: bool) -> Outcome {
    let (suite, page) = lab::suite::report(folder, done)?;
    if told.json {
        let json = serde_json::to_string_pretty(&suite).unwrap_or_default();
        super::devices::print(&format!("{json}\n"))?;
    }
    let groups = tests.iter().zip(done).map(|(test, done)| checks_of(test, done));
    told.junit.tell(&Checks {
        name: "squall suite".to_owned(),
        groups: groups.collect(),
    })?;
    if quiet {
        return Ok(());
    }
    if !told.json {
        super::devices::print(&suite_shown::summary(&suite, View::of_stdout()))?;
    }
    super::say(&format!("report: {}", page.display()));
    Ok(())
}

/// The checks of one test; of one that is not run, why.
fn checks_of(test: &Test, done: &Done) -> Group {
    let name = format!("{} {}", test.id, test.title);
    let why = done.test.why.clone().filter(|_| done.gathered.rows.is_empty());
    match why {
        Some(why) => Group {
            checks: vec![Check {
                name: "the test is run".to_owned(),
                ended: CheckEnded::Skipped(why),
            }],
            name,
            notes: Vec::new(),
        },
        None => Group {
            name,
            ..checks::checks(&test.ready.sweep, &done.gathered)
        },
    }
}

fn list(args: &List) -> Outcome {
    let asked = Asked::new(args.profile.into());
    let tests: Vec<Test> = SHIPPED
        .iter()
        .map(|(id, _)| suite::test(id, &asked))
        .collect::<Result<_, _>>()?;
    let absent = suite::absent(ABSENT)?;
    if args.json {
        let tests: Vec<serde_json::Value> = tests
            .iter()
            .map(|test| {
                serde_json::json!({
                    "test": test.id, "title": test.title, "dut": test.dut, "pattern": test.ready.sweep.pattern,
                    "testbed": test.ready.sweep.testbed, "points": test.ready.sweep.points.len(),
                    "trials": test.ready.sweep.trials, "reduced": test.reduced,
                })
            })
            .collect();
        let value = serde_json::json!({"profile": asked.profile, "tests": tests, "absent": absent});
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        return super::devices::print(&format!("{text}\n"));
    }
    let view = View::of_stdout();
    let mut out = overview(&tests, None, asked.profile, view);
    out += "\nNot here:\n";
    let mut table = Table::new(&[
        ("test".to_owned(), 0),
        ("title".to_owned(), 1),
        ("because".to_owned(), 0),
    ]);
    for one in absent {
        table.row(vec![one.id.into(), one.title.into(), one.reason.into()]);
    }
    out += &table.render(view);
    super::devices::print(&out)
}

/// The tests, a row each; what their trials come to where that was `examined`.
fn overview(tests: &[Test], examined: Option<&[Result<Extent, NotRun>]>, profile: Profile, view: View) -> String {
    let head = format!("profile {} (--profile draft or quick)\n\n", profile.name());
    let mut columns = vec![
        ("test".to_owned(), 0),
        ("title".to_owned(), 1),
        ("DUT".to_owned(), 0),
        (">points".to_owned(), 0),
        (">trials".to_owned(), 0),
    ];
    if examined.is_some() {
        columns.extend([(">frames".to_owned(), 1), (">traffic".to_owned(), 0)]);
    }
    columns.extend([("pattern".to_owned(), 2), ("testbed".to_owned(), 2)]);
    let mut table = Table::new(&columns);
    for (index, test) in tests.iter().enumerate() {
        let sweep = &test.ready.sweep;
        let mut row: Vec<Cell> = vec![
            test.id.clone().into(),
            test.title.clone().into(),
            test.dut.to_string().into(),
            sweep.points.len().to_string().into(),
            format!("{} each", sweep.trials).into(),
        ];
        if let Some(found) = examined.and_then(|examined| examined.get(index)) {
            let not_run = || "not run".to_owned();
            row.push(found.as_ref().map_or_else(|_| not_run(), Extent::frames).into());
            row.push(found.as_ref().map_or_else(|_| not_run(), Extent::length).into());
        }
        let testbed = sweep.testbed.clone();
        row.push(sweep.pattern.clone().into());
        row.push(testbed.unwrap_or_else(|| crate::testbed::DEFAULT.to_owned()).into());
        table.row(row);
    }
    head + &table.render(view)
}
