//! The figures: as a table to read and to paste, and as JSON with every round.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use jiff::Timestamp;
use procfs::{CpuInfo, Current as _, LoadAverage};
use serde::Serialize;

use crate::{Options, Scenario, candidate::Candidate, stats::median};

/// One figure of one run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            value,
        }
    }

    /// A number of things.
    pub(crate) fn count(name: impl Into<String>, count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self::new(name, count.into(), "")
    }
}

/// One figure, as it was in each round.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The scenario's name.
    pub scenario: String,
    /// What was measured.
    pub figure: String,
    /// In what; empty for a number of things.
    pub unit: &'static str,
    /// Of the binary that is measured.
    pub operator: Vec<f64>,
    /// Of the one that it is compared with.
    pub against: Vec<f64>,
}

/// All figures of a run, and on what they were measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    time: Timestamp,
    machine: String,
    load_before: f32,
    quick: bool,
    candidates: Vec<Candidate>,
    /// The figures.
    pub figures: Vec<Measured>,
}

impl Report {
    pub(crate) fn new(options: &Options, candidates: &[Candidate]) -> Self {
        Self {
            time: Timestamp::now(),
            machine: machine(),
            load_before: LoadAverage::current().map_or(f32::NAN, |load| load.one),
            quick: options.quick,
            candidates: candidates.to_vec(),
            figures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, scenario: Scenario, candidate: &Candidate, figures: Vec<Figure>) {
        let is_first = self
            .candidates
            .first()
            .is_some_and(|first| first.name == candidate.name);
        for Figure { name, unit, value } in figures {
            let scenario = scenario.to_string();
            let known = self
                .figures
                .iter()
                .position(|known| known.scenario == scenario && known.figure == name);
            let index = known.unwrap_or_else(|| {
                self.figures.push(Measured {
                    scenario,
                    figure: name,
                    unit,
                    operator: Vec::new(),
                    against: Vec::new(),
                });
                self.figures.len().saturating_sub(1)
            });
            if let Some(measured) = self.figures.get_mut(index) {
                if is_first {
                    measured.operator.push(value);
                } else {
                    measured.against.push(value);
                }
            }
        }
    }

    /// The median of a figure of the binary that is measured; nothing if there is no such figure.
    #[must_use]
    pub fn value(&self, scenario: Scenario, figure: &str) -> Option<f64> {
        let scenario = scenario.to_string();
        let found = self
            .figures
            .iter()
            .find(|measured| measured.scenario == scenario && measured.figure == figure)?;
        Some(median(&found.operator))
    }

    /// The table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let compares = self.candidates.len() > 1;
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN);
        let mut header = vec!["scenario", "figure", "value"];
        if compares {
            header.extend(["against", "ratio"]);
        }
        table.set_header(header);
        for measured in &self.figures {
            let (value, other) = (median(&measured.operator), median(&measured.against));
            let mut row = vec![
                measured.scenario.clone(),
                measured.figure.clone(),
                shown(value, measured.unit),
            ];
            if compares {
                row.push(shown(other, measured.unit));
                row.push(if other == 0.0 {
                    String::new()
                } else {
                    format!("{:.2}", value / other)
                });
            }
            table.add_row(row);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n\n{} · load before: {:.2}", self.machine, self.load_before)
    }

    /// Prints the table and writes the JSON.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn deliver(&self, options: &Options) -> Result<()> {
        println!("{}", self.table());
        let path = match &options.json {
            Some(path) => path.clone(),
            None => default_path()?,
        };
        let json = serde_json::to_string_pretty(self).context("cannot render the figures")?;
        fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
        println!("every round: {}", path.display());
        Ok(())
    }
}

fn default_path() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where the built programs are")?;
    Ok(program.with_file_name("bench.json"))
}

fn shown(value: f64, unit: &str) -> String {
    let number = match value.abs() {
        _ if unit.is_empty() => format!("{value:.0}"),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    format!("{number} {unit}").trim_end().to_owned()
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = CpuInfo::current()
        .ok()
        .and_then(|info| info.model_name(0).map(str::to_owned))
        .unwrap_or_else(|| "unknown CPU".to_owned());
    format!("{cores} cores, {model}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_become_medians_and_a_ratio() {
        let candidate = |name| Candidate {
            name,
            path: PathBuf::from(name),
        };
        let candidates = [candidate("operator"), candidate("against")];
        let options = <Options as clap::Parser>::parse_from(["bench"]);
        let mut report = Report::new(&options, &candidates);
        for (candidate, values) in candidates.iter().zip([[3.0, 2.0, 7.0], [6.0, 5.0, 8.0]]) {
            for value in values {
                let figures = vec![Figure::new("wait", value, "ms"), Figure::count("calls", 4)];
                report.add(Scenario::Latency, candidate, figures);
            }
        }
        assert_eq!(report.value(Scenario::Latency, "wait"), Some(3.0));
        assert_eq!(report.value(Scenario::Burst, "wait"), None);
        let table = report.table();
        let cells: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        assert_eq!(cells[0], ["scenario", "figure", "value", "against", "ratio"]);
        assert_eq!(cells[2], ["latency", "wait", "3.00 ms", "6.00 ms", "0.50"]);
        assert_eq!(cells[3], ["latency", "calls", "4", "4", "1.00"]);
    }
}
