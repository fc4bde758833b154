//! Tables as CSV, for programs and for spreadsheets.
//!
//! Contract: RFC 4180. Names in a table are the user's and the device's, and a spreadsheet takes a cell that
//! begins with `=`, `+`, `-` or `@` for a formula: such a cell gets an apostrophe before it, by which
//! spreadsheets know text, and so does one that begins with a tab or a line's end. A number is no text,
//! negative ones neither: it reads back as the same number.

use std::borrow::Cow;

/// A table under way.
pub struct Table(csv::Writer<Vec<u8>>);

impl Table {
    /// A table whose lines end in `\n`.
    #[must_use]
    pub fn new() -> Table {
        Table(csv::Writer::from_writer(Vec::new()))
    }

    /// A table whose lines end in `\r\n`, as RFC 4180 has it.
    #[must_use]
    pub fn with_crlf() -> Table {
        let mut builder = csv::WriterBuilder::new();
        Table(builder.terminator(csv::Terminator::CRLF).from_writer(Vec::new()))
    }

    /// Adds a row; all rows have as many cells.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        for cell in cells {
            // Into memory: there is nothing that could fail.
            let _ = self.0.write_field(harmless(cell.as_ref()).as_bytes());
        }
        let _ = self.0.write_record(None::<&[u8]>);
    }

    /// The text.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        let _ = self.0.flush();
        self.0.into_inner().unwrap_or_default()
    }
}

impl Default for Table {
    fn default() -> Table {
        Table::new()
    }
}

/// A cell that no spreadsheet computes.
fn harmless(cell: &str) -> Cow<'_, str> {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins && !is_number(cell) {
        return Cow::Owned(format!("'{cell}"));
    }
    Cow::Borrowed(cell)
}

/// A number in decimal, with or without an exponent; infinities are none.
fn is_number(text: &str) -> bool {
    let digits = text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    digits && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_compute_is_text_and_numbers_are_numbers() {
        for (cell, written) in [
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("-10%", "'-10%"),
            ("--1", "'--1"),
            ("-", "'-"),
            ("-inf", "'-inf"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("＝1+1", "'＝1+1"),
            // Numbers, and text that nobody computes.
            ("-3", "-3"),
            ("+5", "+5"),
            ("-0.5", "-0.5"),
            ("-1e-300", "-1e-300"),
            ("a=1", "a=1"),
            ("'=1", "'=1"),
            ("64KiB", "64KiB"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), written, "{cell:?}");
            let mut table = Table::with_crlf();
            table.row(["head", "other"]);
            table.row([cell, "x"]);
            let bytes = table.into_bytes();
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let row = reader.records().next().unwrap().unwrap();
            assert_eq!((&row[0], &row[1]), (written, "x"), "{cell:?}");
        }
        assert_eq!(Table::new().into_bytes(), b"");
    }
}
