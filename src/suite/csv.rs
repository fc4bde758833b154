//! Every KPI of a suite as a table for programs.
//!
//! Contract: `kpis.csv` is RFC 4180 with a header, a row a KPI of a configuration; numbers read back as the
//! same numbers; what was not measured is empty.

use super::model::{Kpi, Suite, Test};
use crate::report::csv::Table;

/// The table's file within a suite's folder.
pub const FILE_NAME: &str = "kpis.csv";

const HEAD: [&str; 15] = [
    "test",
    "title",
    "dut",
    "configuration",
    "name",
    "statistic",
    "unit",
    "where",
    "trials",
    "mean",
    "ci95_low",
    "ci95_high",
    "min",
    "max",
    "better",
];

/// One row a KPI, in the order of the suite.
#[must_use]
pub fn kpis(suite: &Suite) -> Vec<u8> {
    let mut table = Table::with_crlf();
    table.row(HEAD.into_iter().chain(["definition"]));
    for test in &suite.tests {
        for kpi in &test.kpis {
            table.row(row(test, kpi));
        }
    }
    table.into_bytes()
}

fn row(test: &Test, kpi: &Kpi) -> [String; 16] {
    let number = |value: Option<f64>| {
        value
            .filter(|value| value.is_finite())
            .map_or(String::new(), |value| value.to_string())
    };
    [
        test.id.clone(),
        test.title.clone(),
        test.dut.clone(),
        configuration(test, kpi.point),
        kpi.name.clone(),
        kpi.statistic.clone(),
        kpi.unit.clone(),
        kpi.place.clone(),
        kpi.trials.to_string(),
        number(kpi.mean),
        number(kpi.ci95.map(|interval| interval.low)),
        number(kpi.ci95.map(|interval| interval.high)),
        number(kpi.min),
        number(kpi.max),
        kpi.better.word().to_owned(),
        kpi.definition.clone(),
    ]
}

/// What is varied and its values: `traffic.kv.qps=4; traffic.kv.message=16MB`.
fn configuration(test: &Test, point: usize) -> String {
    let Some(point) = test.points.get(point) else {
        return String::new();
    };
    let pairs = test.axes.iter().zip(&point.values);
    let said = pairs.filter_map(|(axis, value)| Some((axis, value.as_ref()?)));
    let said = said.flat_map(|(axis, value)| {
        // An axis without keys is told by its name.
        let name = axis.keys.is_empty().then_some(&axis.name);
        let keys = axis.keys.iter().chain(name);
        keys.map(move |key| format!("{key}={value}")).collect::<Vec<_>>()
    });
    said.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::kit;

    #[test]
    fn numbers_read_back_and_text_is_kept() {
        let mut suite = kit::example();
        let odd = "a \"quoted\", text\r\nof two lines; é";
        odd.clone_into(&mut suite.tests[0].title);
        suite.tests[0].kpis[0].mean = Some(0.1 + 0.2);
        suite.tests[0].kpis[1].mean = Some(1e-300);
        let bytes = kpis(&suite);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let head: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let at = |name: &str| head.iter().position(|column| column == name).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let all = suite
            .tests
            .iter()
            .flat_map(|test| test.kpis.iter().map(move |kpi| (test, kpi)));
        assert_eq!(rows.len(), all.clone().count());
        for (row, (test, kpi)) in rows.iter().zip(all) {
            let number = |name: &str| match &row[at(name)] {
                "" => None,
                text => Some(text.parse::<f64>().unwrap()),
            };
            assert_eq!(&row[at("title")], test.title);
            assert_eq!(&row[at("where")], kpi.place);
            assert_eq!(
                (number("mean"), number("min"), number("max")),
                (kpi.mean, kpi.min, kpi.max)
            );
            let ends = kpi.ci95.map(|interval| (interval.low, interval.high));
            assert_eq!(number("ci95_low").zip(number("ci95_high")), ends);
        }
        assert_eq!(
            &rows[0][at("configuration")],
            "traffic.kv.message=64KB; traffic.kv.qps=1"
        );
        assert_eq!(&rows[0][at("better")], "higher");
        assert!(bytes.starts_with(b"test,title,dut,configuration,name,statistic,unit,where,trials,mean,"));
    }
}
