//! Tables that fit: columns aligned, and the least important left out when the terminal is narrow.

use anstyle::{AnsiColor, Style};

use super::View;
use super::text::{cut, harmless, width};

/// Space between columns, and before the first.
const GAP: usize = 2;

/// Columns of text are not made narrower than this.
const LEAST_WORDS: usize = 4;

/// How a piece of text is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Faint,
    Strong,
    Good,
    Warning,
    Bad,
}

/// `text`, in colour where the view has it.
pub(crate) fn toned(text: &str, tone: Tone, view: View) -> String {
    let style = match tone {
        Tone::Plain => Style::new(),
        Tone::Faint => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warning => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
    };
    if view.colour && tone != Tone::Plain {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// One cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell {
            text: harmless(&text),
            tone: Tone::Plain,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::from(text.to_owned())
    }
}

impl Cell {
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Cell {
        Cell {
            text: harmless(&text.into()),
            tone,
        }
    }
}

struct Column {
    title: String,
    right: bool,
    /// 0: always there; otherwise the highest goes first.
    dispensable: u8,
}

/// A table under construction.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table whose columns are given as title and dispensability; titles that begin with `>` are
    /// aligned to the right.
    pub(crate) fn new(columns: &[(impl AsRef<str>, u8)]) -> Table {
        let column = |(title, dispensable): &(_, u8)| {
            let title: &str = AsRef::as_ref(title);
            let right = title.strip_prefix('>');
            Column {
                title: harmless(right.unwrap_or(title)),
                right: right.is_some(),
                dispensable: *dispensable,
            }
        };
        Table {
            columns: columns.iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// The table's lines, each ended. Columns without any content are left out.
    pub(crate) fn render(&self, view: View) -> String {
        let content = |index: usize| self.rows.iter().filter_map(move |row| row.get(index));
        let mut shown: Vec<(usize, usize)> = (0..self.columns.len())
            .filter(|index| content(*index).any(|cell| !cell.text.is_empty()))
            .map(|index| {
                let widest = content(index).map(|cell| width(&cell.text)).max().unwrap_or(0);
                (index, widest.max(width(&self.columns[index].title)))
            })
            .collect();
        let total = |shown: &[(usize, usize)]| shown.iter().map(|(_, columns)| columns + GAP).sum::<usize>();
        while total(&shown) > view.width {
            let rank = |(index, _): &(usize, usize)| (self.columns[*index].dispensable, *index);
            match shown.iter().copied().max_by_key(rank) {
                Some(least) if self.columns[least.0].dispensable > 0 => shown.retain(|other| *other != least),
                _ => break,
            }
        }
        // What is still too wide is taken from the widest words: of figures nothing can be spared.
        while total(&shown) > view.width {
            let words = shown.iter_mut().filter(|(index, _)| !self.columns[*index].right);
            match words.map(|(_, columns)| columns).rev().max_by_key(|columns| **columns) {
                Some(widest) if *widest > LEAST_WORDS => *widest -= 1,
                _ => break,
            }
        }
        let mut lines = String::new();
        let mut line = |cells: &mut dyn FnMut(usize) -> (String, Tone)| {
            let mut pending = String::new();
            for (index, columns) in &shown {
                let (text, tone) = cells(*index);
                let text = cut(&text, *columns, view);
                let space = " ".repeat(columns.saturating_sub(width(&text)));
                pending.push_str(&" ".repeat(GAP));
                if self.columns[*index].right {
                    pending.push_str(&space);
                }
                // Space waits for the next text, so that no line ends in it.
                lines.push_str(if text.is_empty() { "" } else { &pending });
                if !text.is_empty() {
                    pending.clear();
                }
                lines.push_str(&toned(&text, tone, view));
                if !self.columns[*index].right || text.is_empty() {
                    pending.push_str(&space);
                }
            }
            lines.push('\n');
        };
        line(&mut |index| (self.columns[index].title.clone(), Tone::Faint));
        for row in &self.rows {
            line(&mut |index| {
                row.get(index)
                    .map_or((String::new(), Tone::Plain), |cell| (cell.text.clone(), cell.tone))
            });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("name", 0), (">sent", 0), ("note", 2), (">rate", 1), ("nothing", 0)]);
        table.row(vec!["kv".into(), "12".into(), "n".into(), "1 Gbps".into(), "".into()]);
        table.row(vec![
            "background".into(),
            "3,456".into(),
            "".into(),
            "".into(),
            "".into(),
        ]);
        table
    }

    #[test]
    fn columns_align_and_no_line_ends_in_space() {
        let view = View {
            width: 80,
            colour: false,
            unicode: true,
        };
        let expected = "  name         sent  note    rate\n  kv             12  n     1 Gbps\n  background  3,456\n";
        assert_eq!(table().render(view), expected);
    }

    #[test]
    fn the_most_dispensable_columns_go_first_then_names_are_cut() {
        let narrow = |width| {
            table().render(View {
                width,
                colour: false,
                unicode: true,
            })
        };
        assert_eq!(
            narrow(30),
            "  name         sent    rate\n  kv             12  1 Gbps\n  background  3,456\n"
        );
        assert_eq!(
            narrow(20),
            "  name         sent\n  kv             12\n  background  3,456\n"
        );
        assert_eq!(narrow(16), "  name      sent\n  kv          12\n  backgr…  3,456\n");
    }

    #[test]
    fn colour_does_not_disturb_the_alignment() {
        let mut table = Table::new(&[(">lost", 0), ("x", 0)]);
        table.row(vec![Cell::toned("7", Tone::Bad), "y".into()]);
        let plain = table.render(View {
            width: 80,
            colour: false,
            unicode: true,
        });
        let coloured = table.render(View {
            width: 80,
            colour: true,
            unicode: true,
        });
        assert_ne!(plain, coloured);
        let mut stripped = String::new();
        let mut escape = false;
        for c in coloured.chars() {
            match c {
                '\u{1b}' => escape = true,
                'm' if escape => escape = false,
                c if !escape => stripped.push(c),
                _ => {}
            }
        }
        assert_eq!(stripped, plain);
    }
}
