//! Figures over configurations, and the few lines that answer for all of them.
//!
//! Contract: a function of the figures. A line stands with its configuration, its interval, and what it is held
//! against: what is configured, the line rate, or the first configuration.
//!
//! Left out on purpose: how it is shown (`page`, the terminal).

use super::answer::Standing;
use super::model::{Against, Interval};
use crate::plot::{Axis, Chart, Point, Quantity, Series, Style};
use crate::units::shown::{self, quantity};

/// Figures over configurations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grid {
    /// What is varied.
    pub axes: Vec<String>,
    /// The figures, the most important first.
    pub heads: Vec<Head>,
    /// The configurations.
    pub rows: Vec<Row>,
}

/// Which figure a column is of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Its name.
    pub name: String,
    /// Its statistic; empty for a figure that is one number.
    pub statistic: String,
    /// Where: `traffic/kv`.
    pub place: String,
    /// Unit of its values.
    pub unit: String,
}

impl Head {
    /// Name and statistic.
    #[must_use]
    pub fn title(&self) -> String {
        match self.statistic.as_str() {
            "" => self.name.clone(),
            statistic => format!("{} {statistic}", self.name),
        }
    }
}

/// One configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// A value for each axis; none where the configuration leaves the key alone.
    pub values: Vec<Option<String>>,
    /// Finished trials.
    pub trials: usize,
    /// A cell for each head; none where nothing was measured.
    pub cells: Vec<Option<Cell>>,
}

/// One figure of one configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its mean over the trials.
    pub mean: f64,
    /// 95 % interval of it.
    pub ci95: Option<Interval>,
    /// What it is held against.
    pub against: Option<Against>,
}

/// One line of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The figure.
    pub about: String,
    /// The configuration, in words; empty where there is only one.
    pub at: String,
    /// Its value and interval.
    pub value: String,
    /// What it is held against, in words; empty for nothing.
    pub against: String,
    /// How it stands to that.
    pub standing: Standing,
}

impl From<super::answer::Said> for Line {
    fn from(said: super::answer::Said) -> Line {
        Line {
            about: said.about,
            at: String::new(),
            value: said.text,
            against: String::new(),
            standing: said.standing,
        }
    }
}

/// A value and its interval, as people read it.
#[must_use]
pub fn estimate(mean: f64, ci95: Option<Interval>, unit: &str, unicode: bool) -> String {
    match ci95 {
        Some(of) => shown::estimate(mean, of.low, Some(of.high), unit, unicode),
        None => quantity(mean, unit),
    }
}

impl Grid {
    /// A configuration in words: what is varied, and its values.
    #[must_use]
    pub fn at(&self, row: &Row) -> String {
        let pairs = self.axes.iter().zip(&row.values);
        let said = pairs.filter_map(|(axis, value)| Some(format!("{axis} {}", value.as_ref()?)));
        said.collect::<Vec<_>>().join(", ")
    }

    /// The columns that were measured: those that are held against what is configured before the others.
    #[must_use]
    pub fn measured(&self) -> Vec<usize> {
        let cells = |column: usize| self.rows.iter().filter_map(move |row| row.cells.get(column)?.as_ref());
        let is_measured = |column: &usize| cells(*column).any(|cell| cell.mean.is_finite());
        let mut columns: Vec<usize> = (0..self.heads.len()).filter(is_measured).collect();
        let is_configured = |cell: &Cell| cell.against.as_ref().is_some_and(Against::is_configured);
        columns.sort_by_key(|column| !cells(*column).any(is_configured));
        columns
    }

    /// The rows that have measured a column.
    fn rows_of(&self, column: usize) -> Vec<&Row> {
        let has = |row: &&Row| {
            let cell = row.cells.get(column).and_then(Option::as_ref);
            cell.is_some_and(|cell| cell.mean.is_finite())
        };
        self.rows.iter().filter(has).collect()
    }

    /// The answer in at most `most` lines: the first figure at the first and at the last configuration, the next
    /// ones at the last; of one configuration, one line a figure.
    #[must_use]
    pub fn lines(&self, most: usize) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for (rank, column) in self.measured().into_iter().enumerate() {
            let rows = self.rows_of(column);
            let picked = match rows.as_slice() {
                [first, .., last] if rank == 0 => vec![*first, *last],
                [.., last] => vec![*last],
                [] => Vec::new(),
            };
            for line in picked
                .into_iter()
                .filter_map(|row| self.line(column, row, rows.first().copied()))
            {
                // Another statistic that says the same says nothing.
                let again = |other: &Line| (&other.at, &other.value) == (&line.at, &line.value) && rank > 0;
                if !lines.iter().any(again) {
                    lines.push(line);
                }
            }
        }
        lines.truncate(most);
        lines
    }

    /// A column at up to `most` configurations, from the first to the last at even steps.
    #[must_use]
    pub fn lines_of(&self, column: usize, most: usize) -> Vec<Line> {
        let rows = self.rows_of(column);
        let steps = most.min(rows.len());
        let picked = (0..steps).filter_map(|step| rows.get(step * (rows.len() - 1) / (steps - 1).max(1)));
        picked
            .filter_map(|row| self.line(column, row, rows.first().copied()))
            .collect()
    }

    fn line(&self, column: usize, row: &Row, first: Option<&Row>) -> Option<Line> {
        let (head, cell) = (self.heads.get(column)?, row.cells.get(column)?.as_ref()?);
        let first = first.filter(|first| !std::ptr::eq(*first, row));
        let before = first.and_then(|first| first.cells.get(column)?.as_ref());
        let (against, standing) = cell.held(&head.unit, before);
        Some(Line {
            about: self.named(head),
            at: self.at(row),
            value: estimate(cell.mean, cell.ci95, &head.unit, true),
            against,
            standing,
        })
    }

    /// A figure by its name, and by its place where there are several of them.
    fn named(&self, head: &Head) -> String {
        let title = head.title();
        let alone = self
            .heads
            .iter()
            .all(|other| other.title() != title || other.place == head.place);
        let place = head.place.split_once('/').map_or(head.place.as_str(), |(_, name)| name);
        if alone { title } else { format!("{title} of {place}") }
    }

    /// A column over the configurations, as bars.
    #[must_use]
    pub fn chart(&self, column: usize) -> Option<Chart> {
        let head = self.heads.get(column)?;
        let (quantity, worth) = Quantity::of_unit(&head.unit);
        let points = (0_u32..).zip(&self.rows).filter_map(|(at, row)| {
            let cell = row.cells.get(column)?.as_ref().filter(|cell| cell.mean.is_finite())?;
            let error = cell.ci95.filter(|of| of.high.is_finite());
            Some(Point {
                x: f64::from(at),
                y: cell.mean * worth,
                error: error.map(|of| (of.low * worth, of.high * worth)),
            })
        });
        let points: Vec<Point> = points.collect();
        let names = self
            .rows
            .iter()
            .map(|row| row.values.iter().flatten().cloned().collect::<Vec<_>>().join(", "));
        (points.len() > 1).then(|| Chart {
            title: format!("{} of {}", head.title(), head.place),
            x: Axis {
                names: Some(names.collect()),
                ..Axis::new(self.axes.join(", "), Quantity::Number)
            },
            y: Axis::new(head.title(), quantity),
            series: vec![Series {
                name: String::new(),
                points,
                style: Style::Bars,
                look: 0,
                right: false,
            }],
            ..Chart::default()
        })
    }
}

impl Cell {
    /// What the figure is held against, in words, and how it stands to it. `before`: the same figure of the first
    /// configuration.
    fn held(&self, unit: &str, before: Option<&Cell>) -> (String, Standing) {
        if let Some(against) = &self.against {
            return against.judged(self.mean, self.ci95, unit);
        }
        let ratio = before
            .filter(|before| before.mean > 0.0)
            .map(|before| self.mean / before.mean);
        match ratio.filter(|ratio| ratio.is_finite()) {
            Some(ratio) => (format!("{} × the first", quantity(ratio, "1")), Standing::Plain),
            None => (String::new(), Standing::Plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let cell = |mean: f64, against: Option<Against>| {
            Some(Cell {
                mean,
                ci95: Some(Interval::around(mean, mean / 100.0)),
                against,
            })
        };
        let configured = |value: f64| Some(Against::configured(value));
        let head = |name: &str, unit: &str| Head {
            name: name.to_owned(),
            place: "queues/p1/3".to_owned(),
            unit: unit.to_owned(),
            ..Head::default()
        };
        let row = |senders: &str, rate: f64, read: f64, told: f64| Row {
            values: vec![Some(senders.to_owned())],
            trials: 5,
            cells: vec![cell(rate, None), cell(read, configured(told)), None],
        };
        Grid {
            axes: vec!["senders".to_owned()],
            heads: vec![
                head("ECN_marking_rate", "%"),
                head("ECN_Kmin", "bytes"),
                head("lost", "frames"),
            ],
            rows: vec![
                row("2", 10.0, 100_000.0, 100_500.0),
                row("8", 30.0, 100_200.0, 500_000.0),
            ],
        }
    }

    #[test]
    fn what_is_configured_is_answered_first_at_both_ends_of_what_is_varied() {
        let said: Vec<String> = grid()
            .lines(4)
            .into_iter()
            .map(|line| {
                format!(
                    "{} at {}: {}; {} {:?}",
                    line.about, line.at, line.value, line.against, line.standing
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                "ECN_Kmin at senders 2: 100 ± 1 KB; as configured (100.5 KB) Good",
                "ECN_Kmin at senders 8: 100.2 ± 1.1 KB; NOT as configured (500 KB) Bad",
                "ECN_marking_rate at senders 8: 30 ± 0.3 %; 3 × the first Plain",
            ]
        );
        assert_eq!(grid().lines(2).len(), 2);
        assert_eq!(grid().lines_of(0, 5).len(), 2);
        assert!(grid().lines_of(2, 5).is_empty());
    }

    #[test]
    fn a_column_is_drawn_as_bars_over_its_configurations() {
        let chart = grid().chart(1).unwrap();
        assert_eq!(chart.series[0].style, Style::Bars);
        assert_eq!(chart.x.names, Some(vec!["2".to_owned(), "8".to_owned()]));
        assert_eq!(chart.y.quantity, Quantity::Bytes);
        // One bar says no more than its figure.
        assert_eq!(grid().chart(2), None);
    }
}
