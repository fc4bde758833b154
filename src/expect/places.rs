//! Where a line is to hold: entries, ports, their classes, queues, and several of these together.
//!
//! Contract: a [`Scope`] that exists is spelled rightly; whether a port of that name is there, the caller
//! says when it knows ([`Scope::check`]). Places are named as `kpis[].where` of a result names them.

use std::fmt;

use super::{Known, Measure, RESERVED};
use crate::yaml::{Finding, Place, near, shown};

/// What stands for any name.
const ANY: &str = "*";

/// One place, or several of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// A traffic entry, by its name.
    Entry(String),
    /// One of [`RESERVED`]: what the tables have of all of a kind together.
    Together(String),
    /// `ports/NAME` and `ports/NAME/CLASS`; the name `*` is any port.
    Port(String, Option<u8>),
    /// `queues/NAME/CLASS`, and `queues/NAME` for each class of them; the name `*` is any port.
    Queue(String, Option<u8>),
    /// `device/WHERE`: one of the places of which the device under test tells.
    Device(String),
}

/// One or more places, as a line names them: `ports/host0/3`, `ports/host0/3 + ports/host1/3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(pub Vec<Term>);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Entry(name) | Term::Together(name) => f.write_str(name),
            Term::Port(name, None) => write!(f, "ports/{name}"),
            Term::Port(name, Some(class)) => write!(f, "ports/{name}/{class}"),
            Term::Queue(name, None) => write!(f, "queues/{name}"),
            Term::Queue(name, Some(class)) => write!(f, "queues/{name}/{class}"),
            Term::Device(place) => write!(f, "device/{place}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&terms.join(" + "))
    }
}

fn wrong(what: String) -> Finding {
    Finding::new(Place::START, what)
}

impl Term {
    fn parse(text: &str) -> Result<Term, Finding> {
        let text = text.trim();
        if RESERVED.contains(&text) {
            return Ok(Term::Together(text.to_owned()));
        }
        let Some((folder, rest)) = text.split_once('/') else {
            return Ok(Term::Entry(text.to_owned()));
        };
        let (name, class) = match rest.split_once('/') {
            Some((name, class)) => (name, Some(class)),
            None => (rest, None),
        };
        let number = class.and_then(|class| class.parse::<u8>().ok().filter(|class| *class < 8));
        let of_class = |term: fn(String, Option<u8>) -> Term| match class {
            Some(class) if number.is_none() => Err(wrong(format!(
                "`{}` is no class of port `{}`",
                shown(class, 20),
                shown(name, 64)
            ))
            .allowed("0 to 7")),
            _ => Ok(term(name.to_owned(), number)),
        };
        match folder {
            _ if name.is_empty() => Err(wrong(format!("`{}` names nothing behind its `/`", shown(text, 64)))),
            "ports" => of_class(Term::Port),
            "queues" => of_class(Term::Queue),
            "device" => Ok(Term::Device(rest.to_owned())),
            "traffic" => Ok(Term::Entry(rest.to_owned())),
            _ => {
                let folders = ["ports", "queues", "device", "traffic"];
                let near = near::nearest(folder, folders);
                Err(wrong(format!("there is no place `{}`", shown(text, 64)))
                    .allowed("a traffic entry, ports/NAME, ports/NAME/CLASS, queues/NAME/CLASS or device/WHERE")
                    .suggest(near.map(|near| format!("{near}/{rest}"))))
            }
        }
    }

    /// Whether it may stand for more than one of a result's places.
    #[must_use]
    pub fn is_many(&self) -> bool {
        match self {
            Term::Port(name, _) => name == ANY,
            Term::Queue(name, class) => name == ANY || class.is_none(),
            _ => false,
        }
    }

    /// Whether a result's place is meant.
    #[must_use]
    pub fn holds(&self, place: &str) -> bool {
        let like = |wanted: &str, name: &str| wanted == ANY || wanted == name;
        let of = |folder: &str| -> Option<(&str, Option<&str>)> {
            let rest = place.strip_prefix(folder)?.strip_prefix('/')?;
            Some(
                rest.split_once('/')
                    .map_or((rest, None), |(name, class)| (name, Some(class))),
            )
        };
        let number = |class: Option<&str>| class.and_then(|class| class.parse::<u8>().ok());
        match self {
            Term::Entry(name) => place.strip_prefix("traffic/") == Some(name),
            Term::Together(folder) if folder == "device" => of("device").is_some(),
            Term::Together(folder) => place == folder,
            Term::Port(name, class) => {
                of("ports").is_some_and(|(port, there)| like(name, port) && number(there) == *class)
            }
            Term::Queue(name, class) => of("queues").is_some_and(|(port, there)| {
                like(name, port) && class.is_none_or(|class| number(there) == Some(class))
            }),
            Term::Device(wanted) => place.strip_prefix("device/") == Some(wanted),
        }
    }
}

impl Scope {
    /// Reads a line's places; `entries` are the names that traffic entries have, where they are known.
    ///
    /// # Errors
    /// A place that cannot be, or an entry that is not there.
    pub fn parse(text: &str, entries: Option<&[&str]>) -> Result<Scope, Finding> {
        let terms: Result<Vec<Term>, Finding> = text.split('+').map(Term::parse).collect();
        let scope = Scope(terms?);
        if let Some(entries) = entries {
            scope.check_entries(entries)?;
        }
        Ok(scope)
    }

    /// Whether the traffic entries that it names are there.
    ///
    /// # Errors
    /// The places that there are, and the nearest.
    pub fn check_entries(&self, entries: &[&str]) -> Result<(), Finding> {
        let all = || entries.iter().copied().chain(RESERVED);
        for term in &self.0 {
            if let Term::Entry(name) = term
                && !entries.contains(&name.as_str())
            {
                let finding = wrong(format!("there is no traffic entry `{}`", shown(name, 64)));
                let suggestion = near::nearest(name, all()).map(str::to_owned);
                return Err(finding
                    .allowed(all().collect::<Vec<_>>().join(", "))
                    .suggest(suggestion));
            }
        }
        Ok(())
    }

    /// Whether the ports and queues that it names are there: `ports` by their names, `queues` with their
    /// classes, as `queues/NAME/CLASS`.
    ///
    /// # Errors
    /// The nearest of those that there are.
    pub(super) fn check(&self, ports: &[&str], queues: Option<&[String]>) -> Result<(), Finding> {
        let list = |places: &mut dyn Iterator<Item = String>| -> Vec<String> { places.take(8).collect() };
        for term in &self.0 {
            let text = term.to_string();
            let (there, near): (bool, Vec<String>) = match term {
                Term::Port(name, _) | Term::Queue(name, _) if name != ANY && !ports.contains(&name.as_str()) => {
                    let near = near::nearest(name, ports.iter().copied());
                    let first = near.map(|near| text.replacen(name.as_str(), near, 1));
                    let folder = text.split('/').next().unwrap_or_default().to_owned();
                    let others = ports.iter().map(|port| format!("{folder}/{port}"));
                    (false, first.into_iter().chain(list(&mut { others })).collect())
                }
                Term::Queue(name, _) if queues.is_some_and(|queues| !queues.iter().any(|queue| term.holds(queue))) => {
                    let queues = queues.unwrap_or_default();
                    let of_port = |queue: &&String| Term::Queue(name.clone(), None).holds(queue);
                    let mut near = list(&mut queues.iter().filter(of_port).cloned());
                    if near.is_empty() {
                        near = list(&mut queues.iter().cloned());
                    }
                    (false, near)
                }
                _ => (true, Vec::new()),
            };
            if !there {
                let finding = wrong(format!("there is no place `{}`", shown(&text, 100)));
                let suggestion = near.first().cloned();
                return Err(finding.allowed(near.join(", ")).suggest(suggestion));
            }
        }
        Ok(())
    }

    /// Whether a table has a column for it: it is one place.
    #[must_use]
    pub fn has_column(&self) -> bool {
        matches!(self.0.as_slice(), [term] if !term.is_many())
    }

    /// Whether what several places have of this figure is added up; else the line is to hold at each.
    #[must_use]
    pub fn is_sum(&self, known: &Known, measure: &Measure) -> bool {
        (self.0.len() > 1 || self.0.iter().any(Term::is_many)) && known.adds_up(measure)
    }
}
