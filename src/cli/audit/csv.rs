//! One line of CSV per RFC 4180, without cells that a spreadsheet would run as formulas.

/// The characters that start a formula in a spreadsheet.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The cells as one line with its line end.
pub fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

fn quoted(cell: &str) -> String {
    let lead = if cell.starts_with(FORMULA) { "'" } else { "" };
    format!("\"{lead}{}\"", cell.replace('"', "\"\""))
}
