//! From a line to an [`Expectation`].

use super::{Comparison, Expectation, Known, Measure, Scope, find, known};
use crate::yaml::form::Tree;
use crate::yaml::key::Declared;
use crate::yaml::read::Fields;
use crate::yaml::tree::{Node, Value};
use crate::yaml::{Finding, Place, near, shown};

/// Places that are no traffic entries: all ports together, all queues, the whole run, the device by its
/// own counters.
pub const RESERVED: [&str; 4] = ["ports", "queues", "run", "device"];

/// Longest line, and most lines: more than anyone reads.
const LIMIT: usize = 200;

const SHAPE: &str = "`[where:] FIGURE[.STATISTIC] COMPARISON NUMBER [UNIT]`, as `lost == 0` or \
                     `incast: KV_xfer_latency.p99 < 300 us`";

/// The value of a key of expectations.
pub const LINES: Tree = Tree("a line or a list of lines (`lost == 0`)", &[]);

/// Reads the list under `key`: each item a line, or a map of one place and its line, which is what YAML
/// makes of `incast: lost == 0`. A scope must be one of `places` or of [`RESERVED`]; with no places
/// given, any will do (the caller learns them later).
pub fn expectations(fields: &Fields<'_>, key: &dyn Declared, places: Option<&[&str]>) -> Vec<(Place, Expectation)> {
    let mut read = Vec::new();
    let items = fields.list(key).unwrap_or_default();
    if items.len() > LIMIT {
        fields.bad(key, fields.place_of(key), &format!("a list of {}", items.len()), None);
        return read;
    }
    for item in items {
        match line(item).and_then(|line| parse(&line, places)) {
            Ok(expectation) => read.push((item.place, expectation)),
            Err(finding) => fields.reader().report(Finding {
                place: item.place,
                ..finding
            }),
        }
    }
    read
}

pub(super) fn line(item: &Node) -> Result<String, Finding> {
    let wrong = || Finding::new(item.place, format!("an expectation is {}", item.is_a())).allowed(SHAPE);
    match &item.value {
        Value::Scalar(text) => Ok(text.clone()),
        Value::Map(entries) => match entries.as_slice() {
            [(name, node)] => Ok(format!("{}: {}", name.text, node.text().ok_or_else(wrong)?)),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// One line; `places` as in [`expectations`].
///
/// # Errors
/// What is wrong with it; the finding's place is the caller's to set.
pub fn parse(text: &str, places: Option<&[&str]>) -> Result<Expectation, Finding> {
    let wrong = |what: String| Finding::new(Place::START, what);
    if text.chars().nth(LIMIT).is_some() || text.contains(char::is_control) {
        return Err(wrong(
            "an expectation is longer than one line of 200 characters".to_owned(),
        ));
    }
    let found = text.find(['<', '>', '=', '!']).map(|at| text.split_at(at));
    let Some((left, right)) = found else {
        return Err(wrong(format!("expectation `{}` has no comparison", shown(text, 60))).allowed(SHAPE));
    };
    let (comparison, bound) = compared(right)?;
    let Subject { scope, known, measure } = subject(left, places)?;
    let dimension = measure.dimension;
    let value = dimension.parse(bound).ok_or_else(|| {
        let what = format!("`{}` is no bound for `{}`", shown(bound, 40), known.title(measure));
        wrong(what)
            .allowed(dimension.allowed())
            .suggest(dimension.suggest(bound))
    })?;
    Ok(Expectation {
        text: text.trim().to_owned(),
        scope,
        figure: known.name,
        statistic: measure.statistic,
        comparison,
        bound: value,
    })
}

/// What a line is about: the part before its comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Where, if it says.
    pub scope: Option<Scope>,
    /// The figure.
    pub known: &'static Known,
    /// Its statistic.
    pub measure: &'static Measure,
}

/// Reads `[where:] FIGURE[.STATISTIC]`; `places` as in [`expectations`].
///
/// # Errors
/// What is wrong with it; the finding's place is the caller's to set.
pub fn subject(text: &str, places: Option<&[&str]>) -> Result<Subject, Finding> {
    let wrong = |what: String| Finding::new(Place::START, what);
    let (scope, name) = match text.rsplit_once(':') {
        Some((scope, name)) => (Some(scope.trim()), name.trim()),
        None => (None, text.trim()),
    };
    let scope = scope.map(|scope| Scope::parse(scope, places)).transpose()?;
    let (figure, statistic) = match name.split_once('.') {
        Some((figure, statistic)) => (figure.trim(), Some(statistic.trim())),
        None => (name, None),
    };
    let Some(known) = find(figure) else {
        let names: Vec<&str> = known().map(|known| known.name).collect();
        let finding = wrong(format!("no figure is called `{}`", shown(figure, 60)));
        let suggestion = near::nearest(figure, names.iter().copied()).map(str::to_owned);
        return Err(finding.allowed(names.join(", ")).suggest(suggestion));
    };
    // p99.9 and p99_9 are how others write p99-9.
    let folded = statistic.map(|statistic| statistic.replace(['.', '_'], "-"));
    let measure = known.measure(folded.as_deref()).ok_or_else(|| {
        let names: Vec<String> = known.names().collect();
        let what = match statistic {
            None => format!("`{figure}` needs a statistic"),
            Some(statistic) => format!("`{figure}` has no statistic `{}`", shown(statistic, 30)),
        };
        let near = folded.as_deref().and_then(|statistic| {
            let nearest = near::nearest(statistic, known.measures.iter().map(|measure| measure.statistic))?;
            Some(format!("{figure}.{nearest}"))
        });
        let suggestion = near.or_else(|| known.measure(None).map(|_| figure.to_owned()));
        wrong(what).allowed(names.join(", ")).suggest(suggestion)
    })?;
    if let Some(stranger) = scope.iter().flat_map(|scope| known.strangers(scope)).next() {
        let places: Vec<&str> = known.at.iter().map(|at| at.words()).collect();
        let what = format!("`{figure}` is no figure of `{stranger}`");
        return Err(wrong(what).allowed(format!("{figure} stands at {}", places.join(", "))));
    }
    // `a + b` asks for a sum.
    if let Some(scope) = scope.as_ref().filter(|scope| scope.0.len() > 1)
        && !scope.is_sum(known, measure)
    {
        let what = format!("`{}` of several places is no sum of theirs", known.title(measure));
        return Err(wrong(what).allowed("a line for each place, or `*` for all of them"));
    }
    Ok(Subject { scope, known, measure })
}

/// The comparison that `text` begins with, and what follows it.
fn compared(text: &str) -> Result<(Comparison, &str), Finding> {
    let end = text.find(|c| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(text.len());
    let (sign, bound) = text.split_at(end);
    let found = Comparison::ALL.iter().find(|(written, _)| *written == sign);
    found.map(|(_, comparison)| (*comparison, bound.trim())).ok_or_else(|| {
        let signs: Vec<&str> = Comparison::ALL.iter().map(|(written, _)| *written).collect();
        let suggestion = match sign {
            "=" | "===" => Some("=="),
            "=<" => Some("<="),
            "=>" => Some(">="),
            "<>" => Some("!="),
            _ => None,
        };
        let finding = Finding::new(Place::START, format!("no comparison is written `{}`", shown(sign, 10)));
        finding.allowed(signs.join(", ")).suggest(suggestion)
    })
}

impl Expectation {
    /// Whether the traffic entries that it names are among `places`.
    ///
    /// # Errors
    /// The places that there are, and the nearest.
    pub fn check_place(&self, places: &[&str]) -> Result<(), Finding> {
        self.scope.as_ref().map_or(Ok(()), |scope| scope.check_entries(places))
    }

    /// Whether the ports that it names are among `ports`, and its queues (`queues/NAME/CLASS`) among
    /// `queues`, where they are known.
    ///
    /// # Errors
    /// The nearest of those that there are.
    pub fn check_ports(&self, ports: &[&str], queues: Option<&[String]>) -> Result<(), Finding> {
        self.scope.as_ref().map_or(Ok(()), |scope| scope.check(ports, queues))
    }
}
