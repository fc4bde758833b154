//! A test's KPIs as a grid: a row a configuration, a column a figure, the file's first figures first.
//!
//! Contract: a function of the result; nothing is left out.

use super::model::{Kpi, Test};
use crate::report::grid::{Cell, Grid, Head, Line, Row};

/// Lines that answer for a test.
const LINES: usize = 3;

/// Figures of a test's summary.
pub const TELLING: usize = 4;

/// All KPIs of a test over its configurations.
#[must_use]
pub fn of(test: &Test) -> Grid {
    let mut heads: Vec<Head> = Vec::new();
    let mut rows: Vec<Row> = test
        .points
        .iter()
        .map(|point| Row {
            values: point.values.clone(),
            trials: point.trials,
            cells: Vec::new(),
        })
        .collect();
    for kpi in &test.kpis {
        let head = head(kpi);
        let column = heads.iter().position(|known| *known == head).unwrap_or_else(|| {
            heads.push(head);
            heads.len() - 1
        });
        // A file that somebody wrote may name a configuration that is not there.
        let Some(row) = rows.get_mut(kpi.point) else { continue };
        row.cells.resize(row.cells.len().max(column + 1), None);
        if let (Some(cell), Some(mean)) = (row.cells.get_mut(column), kpi.mean) {
            *cell = Some(Cell {
                mean,
                ci95: kpi.ci95,
                against: kpi.against.clone(),
            });
        }
    }
    Grid {
        axes: test.axes.iter().map(|axis| axis.name.clone()).collect(),
        heads,
        rows,
    }
}

fn head(kpi: &Kpi) -> Head {
    Head {
        name: kpi.name.clone(),
        statistic: kpi.statistic.clone(),
        place: kpi.place.clone(),
        unit: kpi.unit.clone(),
    }
}

/// What a test answers, in few lines.
#[must_use]
pub fn answer(test: &Test) -> Vec<Line> {
    of(test).lines(LINES)
}
