//! AllToAll in the columns of nccl-tests' `alltoall_perf`.

use super::{Entry, float, or_na};

/// The kind that is shown.
pub const KIND: &str = "alltoall";

/// What a row says, in nccl-tests' terms.
struct Row {
    size: f64,
    count: f64,
    time_us: f64,
    algbw: f64,
    busbw: f64,
}

/// A rank sends S bytes to the n − m ranks of other nodes in a round, of m ranks each. nccl-tests counts what stays on the
/// node too, so its size is S · n / (n − m); its busbw is algbw · (n − 1) / n, with m = 1 S over the time.
fn row(entry: &Entry) -> Option<Row> {
    let ranks = float(entry.ranks.filter(|ranks| *ranks > 1)?);
    let time = entry.round_time.mean.value().filter(|time| *time > 0.0)?;
    if entry.rounds == 0 {
        return None;
    }
    let sent = float(entry.round_bytes) / float(entry.rounds) / ranks;
    let size = sent * ranks / (ranks - float(entry.ranks_per_node.unwrap_or(1)));
    // Bytes over picoseconds: a thousandth of a GB/s.
    let algbw = size / time * 1e3;
    Some(Row {
        size,
        count: size / ranks,
        time_us: time / 1e6,
        algbw,
        busbw: algbw * (ranks - 1.0) / ranks,
    })
}

/// The table with its head and foot.
pub fn table(entries: &[&Entry]) -> String {
    let mut out = String::new();
    let mut line = |cells: [&str; 13], comment: bool| {
        let [
            size,
            count,
            kind,
            op,
            root,
            time,
            alg,
            bus,
            wrong,
            in_time,
            in_alg,
            in_bus,
            in_wrong,
        ] = cells;
        let size = if comment {
            format!("# {size:>10}")
        } else {
            format!("{size:>12}")
        };
        out += &format!(
            "{size}  {count:>12}  {kind:>8}  {op:>6}  {root:>6}  {time:>7}  {alg:>6}  {bus:>6}  {wrong:>6}  {in_time:>7}  \
             {in_alg:>6}  {in_bus:>6}  {in_wrong:>6}\n"
        );
    };
    line(
        ["", "", "", "", "", "out-of-place", "", "", "", "in-place", "", "", ""],
        true,
    );
    line(
        [
            "size", "count", "type", "redop", "root", "time", "algbw", "busbw", "#wrong", "time", "algbw", "busbw",
            "#wrong",
        ],
        true,
    );
    line(
        [
            "(B)",
            "(elements)",
            "",
            "",
            "",
            "(us)",
            "(GB/s)",
            "(GB/s)",
            "",
            "(us)",
            "(GB/s)",
            "(GB/s)",
            "",
        ],
        true,
    );
    let mut buses = super::Mean::default();
    for entry in entries {
        let row = row(entry);
        buses.add(row.as_ref().map(|row| row.busbw));
        let cell = |pick: fn(&Row) -> f64, decimals| or_na(row.as_ref().map(pick), decimals);
        let (size, count) = (cell(|row| row.size, 0), cell(|row| row.count, 0));
        let (time, alg) = (cell(|row| row.time_us, 2), cell(|row| row.algbw, 2));
        let bus = cell(|row| row.busbw, 2);
        let na = "N/A";
        line(
            [
                &size, &count, "uint8", "none", "-1", &time, &alg, &bus, na, na, na, na, na,
            ],
            false,
        );
    }
    out + &format!(
        "# Out of bounds values : N/A\n# Avg bus bandwidth    : {}\n",
        or_na(buses.value(), 4)
    )
}
