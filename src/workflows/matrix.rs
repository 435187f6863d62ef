//! The rows of a job's matrix, as they are written: values may hold expressions.

use crate::yaml::Node;

/// The most rows that are looked at.
const MOST_ROWS: usize = 64;

/// The values of one run of a job: `matrix.env` is under `env`, `matrix.target.env` under `target.env`.
pub(crate) type MatrixRow = Vec<(String, String)>;

#[derive(Debug, Clone)]
pub(crate) enum MatrixSpec {
    None,
    Rows(Vec<MatrixRow>),
    /// Computed by another job, or larger than what is looked at.
    Unknown,
}

impl MatrixSpec {
    pub fn of(node: Option<&Node>) -> Self {
        let Some(node) = node else { return Self::None };
        match rows(node) {
            Some(rows) if !rows.is_empty() && rows.len() <= MOST_ROWS => Self::Rows(rows),
            _ => Self::Unknown,
        }
    }
}

fn rows(node: &Node) -> Option<Vec<MatrixRow>> {
    let mut rows: Vec<MatrixRow> = Vec::new();
    let (mut include, mut exclude) = (Vec::new(), Vec::new());
    let mut axes = Vec::new();
    for (key, values) in node.entries() {
        let items = values.items();
        if items.is_empty() {
            return None;
        }
        match key.text.as_str() {
            "include" => include = items.iter().map(row).collect(),
            "exclude" => exclude = items.iter().map(row).collect(),
            name => {
                axes.push(name.to_owned());
                let values: Vec<_> = items.iter().map(|item| value(name, item)).collect();
                rows = product(&rows, &values)?;
            }
        }
    }
    rows.retain(|row| !exclude.iter().any(|out| has_all(row, out)));
    for extra in include {
        add(&mut rows, extra, &axes);
    }
    Some(rows)
}

fn product(rows: &[MatrixRow], values: &[MatrixRow]) -> Option<Vec<MatrixRow>> {
    if rows.is_empty() {
        return Some(values.to_vec());
    }
    let all = rows.iter().flat_map(|row| values.iter().map(|value| [&row[..], value].concat()));
    (rows.len().saturating_mul(values.len()) <= MOST_ROWS).then(|| all.collect())
}

/// A row of `include` goes to each row whose axes it does not change, else it is a row of its own.
fn add(rows: &mut Vec<MatrixRow>, extra: MatrixRow, axes: &[String]) {
    let fits = |row: &MatrixRow| {
        let mut on_axes = extra.iter().filter(|(key, _)| axes.contains(key));
        on_axes.all(|pair| row.contains(pair))
    };
    let mut any = false;
    for row in rows.iter_mut().filter(|row| fits(row)) {
        any = true;
        row.extend(extra.iter().filter(|(key, _)| !axes.contains(key)).cloned());
    }
    if !any {
        rows.push(extra);
    }
}

fn has_all(row: &MatrixRow, pairs: &MatrixRow) -> bool {
    !pairs.is_empty() && pairs.iter().all(|pair| row.contains(pair))
}

/// One value of an axis: a text, or a map whose values are under `name.key`.
fn value(name: &str, node: &Node) -> MatrixRow {
    match node.text() {
        Some(text) => vec![(name.to_owned(), text.to_owned())],
        None => row(node).into_iter().map(|(key, text)| (format!("{name}.{key}"), text)).collect(),
    }
}

fn row(node: &Node) -> MatrixRow {
    let pairs = node.entries().filter_map(|(key, node)| Some((key.text.clone(), node.text()?)));
    pairs.map(|(key, text)| (key, text.to_owned())).collect()
}
