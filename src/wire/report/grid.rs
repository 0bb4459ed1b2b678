//! A grid of text: labels on the left, cells aligned to the right, headings in bold where colour is wanted.

use crate::wire::plain;
use std::fmt::Write;

/// How a cell should look where colour is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Fair,
    Poor,
    Heading,
}

impl Tone {
    fn sequence(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Good => Some("\u{1b}[32m"),
            Tone::Fair => Some("\u{1b}[33m"),
            Tone::Poor => Some("\u{1b}[31m"),
            Tone::Heading => Some("\u{1b}[1m"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

impl Cell {
    pub fn plain(text: String) -> Cell {
        Cell { text, tone: Tone::Plain }
    }

    /// A dash where there is no value.
    pub fn known(text: Option<String>) -> Cell {
        Cell::plain(text.unwrap_or_else(|| "-".to_owned()))
    }
}

/// Rows of one label and the same number of cells; a section is a row of its label alone.
#[derive(Clone, Debug)]
pub struct Grid {
    rows: Vec<(Cell, Vec<Cell>)>,
}

/// Characters between columns.
const GAP: usize = 2;
/// Labels and headings are cut to so many characters.
const LONGEST_LABEL: usize = 40;

impl Grid {
    /// A grid with its heading row.
    pub fn new(corner: impl Into<String>, columns: impl Iterator<Item = String>) -> Grid {
        let heading = |text: String| Cell { text: shown(&text), tone: Tone::Heading };
        Grid { rows: vec![(heading(corner.into()), columns.map(heading).collect())] }
    }

    pub fn row(&mut self, label: impl AsRef<str>, cells: impl Iterator<Item = Cell>) {
        self.rows.push((Cell::plain(shown(label.as_ref())), cells.collect()));
    }

    pub fn section(&mut self, label: impl AsRef<str>) {
        self.rows.push((Cell { text: shown(label.as_ref()), tone: Tone::Heading }, Vec::new()));
    }

    /// Characters of the widest line.
    pub fn width(&self) -> usize {
        let (label, columns) = self.widths();
        label + columns.iter().map(|width| GAP + width).sum::<usize>()
    }

    /// One line per row, nothing behind its last character.
    pub fn render(&self, color: bool) -> String {
        let (label_width, widths) = self.widths();
        let mut out = String::new();
        for (label, cells) in &self.rows {
            let padding = if cells.is_empty() { 0 } else { label_width - length(&label.text) };
            write_toned(&mut out, label, color);
            let _ = write!(out, "{:padding$}", "");
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(out, "{:1$}", "", GAP + width - length(&cell.text));
                write_toned(&mut out, cell, color);
            }
            out.push('\n');
        }
        out
    }

    fn widths(&self) -> (usize, Vec<usize>) {
        let columns = self.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let of = |column: usize| self.rows.iter().filter_map(move |(_, cells)| cells.get(column)).map(|cell| length(&cell.text));
        let label = self.rows.iter().map(|(label, _)| length(&label.text)).max().unwrap_or(0);
        (label, (0..columns).map(|column| of(column).max().unwrap_or(0)).collect())
    }
}

fn write_toned(out: &mut String, cell: &Cell, color: bool) {
    match cell.tone.sequence().filter(|_| color) {
        Some(sequence) => {
            let _ = write!(out, "{sequence}{}\u{1b}[0m", cell.text);
        }
        None => out.push_str(&cell.text),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Text that is safe on a terminal: control and direction characters as escapes, long text cut.
fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, letter) in text.chars().enumerate() {
        if index == LONGEST_LABEL {
            out.push('…');
            break;
        }
        plain::push(&mut out, letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_line_up() {
        let mut grid = Grid::new("x", ["long heading".to_owned()].into_iter());
        grid.section("a section that is wide");
        grid.row("label", [Cell::plain("1.00".to_owned())].into_iter());
        let expected = "x                       long heading\na section that is wide\nlabel                           1.00\n";
        assert_eq!(grid.render(false), expected);
        assert_eq!(grid.width(), expected.lines().next().map_or(0, str::len));
    }

    #[test]
    fn long_labels_are_cut() {
        assert_eq!(shown(&"x".repeat(41)), format!("{}…", "x".repeat(40)));
        assert_eq!(shown("a\tb"), "a\\tb");
    }
}
