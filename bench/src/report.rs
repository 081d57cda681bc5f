//! Figures for people, and a line of JSON for programs.

use std::io::{Write, stdout};

use serde_json::Value;

/// Prints a table: a heading, then a name and a figure per line.
pub(crate) fn table(title: &str, lines: &[(&str, String)]) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    let width = lines
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    writeln!(out, "\n{title}")?;
    for (name, figure) in lines {
        writeln!(out, "  {name:<width$}  {figure:>14}")?;
    }
    Ok(())
}

/// Prints the line of JSON.
pub(crate) fn json(figures: &Value) -> anyhow::Result<()> {
    writeln!(stdout().lock(), "{figures}")?;
    Ok(())
}

/// Digits in groups of three.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The middle one of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
