//! Text in columns, as tables without numbers to align want it.

/// One line per row: cells to the left, two spaces between columns, nothing behind the last character. Rows may differ in length;
/// the last cell of a row widens no column.
pub fn lay_out(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        let cells = rows.iter().filter(|row| column + 1 < row.len()).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(widest).collect();
    let mut out = String::new();
    for row in rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = if column + 1 < row.len() { *width } else { 0 };
            out.push_str(&format!("{cell:width$}  "));
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_the_last_cell_may_be_long() {
        let rows = [&["A", "BB", "C"][..], &["long", "x", ""], &["a heading that is longer"], &["", "y", "z"]];
        let rows = rows.map(|row| row.iter().map(|cell| (*cell).to_owned()).collect());
        assert_eq!(lay_out(&rows), "A     BB  C\nlong  x\na heading that is longer\n      y   z\n");
        assert_eq!(lay_out(&[]), "");
    }
}
