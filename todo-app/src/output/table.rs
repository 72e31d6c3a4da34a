//! Columns for people: as wide as needed, one of them shortened to the terminal. Cells are escaped here.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Style, Styles, escape};

/// Blanks between two columns.
const GAP: usize = 2;

/// One cell: what it says and how it looks.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// A plain cell.
    pub fn new(text: impl AsRef<str>) -> Cell {
        Cell { text: escape(text.as_ref()).into_owned(), style: None }
    }

    /// A coloured cell.
    pub fn styled(text: impl AsRef<str>, style: Option<Style>) -> Cell {
        Cell { style, ..Cell::new(text) }
    }
}

/// Rows below headings; columns without any content are left out.
#[derive(Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    /// Column that gives way when the terminal is narrow.
    flexible: usize,
    /// Columns whose content stands at the right.
    numeric: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    pub fn new(headings: &[&'static str], flexible: usize, numeric: &[usize]) -> Table {
        Table { headings: headings.to_vec(), flexible, numeric: numeric.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with as many cells as there are headings.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(cells);
    }

    /// The table as text, at most `width` columns wide if the flexible column can give that much.
    pub fn render(&self, styles: Styles, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.headings.len())
            .map(|column| {
                let widest = self.rows.iter().map(|row| row[column].text.width()).max().unwrap_or(0);
                if widest == 0 { 0 } else { widest.max(self.headings[column].width()) }
            })
            .collect();
        if let Some(width) = width {
            let shown = widths.iter().filter(|width| **width > 0).count();
            let total = widths.iter().sum::<usize>() + GAP * shown.saturating_sub(1);
            let flexible = &mut widths[self.flexible];
            *flexible = flexible.saturating_sub(total.saturating_sub(width)).max(10.min(*flexible));
        }
        let headings: Vec<Cell> =
            self.headings.iter().map(|heading| Cell::styled(heading, Some(Style::Heading))).collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let line_start = text.len();
            for (column, cell) in row.iter().enumerate().filter(|(column, _)| widths[*column] > 0) {
                let content = shorten(&cell.text, widths[column]);
                let fill = " ".repeat(widths[column].saturating_sub(content.width()));
                let painted = cell.style.map_or_else(|| content.clone(), |style| styles.paint(style, &content));
                if text.len() > line_start {
                    text.push_str(&" ".repeat(GAP));
                }
                if self.numeric.contains(&column) {
                    text.push_str(&fill);
                    text.push_str(&painted);
                } else {
                    text.push_str(&painted);
                    text.push_str(&fill);
                }
            }
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }
}

/// At most `width` columns, with a mark where something is missing.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 0;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used < width
        })
        .collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_vanish() {
        let mut table = Table::new(&["ID", "Title", "Due"], 1, &[0]);
        table.row(vec![Cell::new("9"), Cell::new("日本"), Cell::new("")]);
        table.row(vec![Cell::new("10"), Cell::new("x\u{1b}[0m"), Cell::new("")]);
        let text = table.render(Styles::new(false), None);
        assert_eq!(text, "ID  Title\n 9  日本\n10  x\\u{1b}[0m\n");
    }

    #[test]
    fn the_flexible_column_gives_way() {
        let mut table = Table::new(&["ID", "Title"], 1, &[0]);
        table.row(vec![Cell::new("1"), Cell::new("a title of some length")]);
        let text = table.render(Styles::new(false), Some(16));
        assert_eq!(text.lines().nth(1).unwrap(), " 1  a title of…");
        assert!(text.lines().all(|line| line.width() <= 16));
    }
}
