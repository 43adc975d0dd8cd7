//! A table for a terminal: columns as wide as their widest cell.

use std::fmt;

use super::plain;

/// Rows of `N` cells under a head.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(ToOwned::to_owned)] }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| plain::line(&cell)));
    }

    /// Adds a row for each of `items`.
    pub(super) fn rows<T>(mut self, items: impl IntoIterator<Item = T>, cells: impl Fn(T) -> [String; N]) -> Self {
        for item in items {
            self.row(cells(item));
        }
        self
    }
}

/// Without a line break at the end.
impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..N).map(width).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            f.write_str(if index == 0 { "" } else { "\n" })?;
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_blanks() {
        let table = Table::new(["QUEUE", "READY", "PAUSED"]).rows([("mail", 12), ("박민아", 3)], |(name, ready)| {
            [name.to_owned(), ready.to_string(), String::new()]
        });
        assert_eq!(table.to_string(), "QUEUE  READY  PAUSED\nmail   12\n박민아    3");
    }
}
