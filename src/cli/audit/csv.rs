//! One line of CSV as RFC 4180 wants it, which no spreadsheet takes for a program.

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The cells with the line's end.
pub fn line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    format!("{}\r\n", cells.join(","))
}

fn quoted(cell: &str) -> String {
    let lead = if cell.starts_with(FORMULA) { "'" } else { "" };
    format!("\"{lead}{}\"", cell.replace('"', "\"\""))
}
