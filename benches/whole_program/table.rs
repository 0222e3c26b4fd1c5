//! The figures, their targets, and the table they end in.

use std::time::Duration;

use serde_json::{Value, json};

/// What a figure is held against.
#[derive(Clone, Copy)]
pub struct Target {
    pub now: f64,
    pub later: Option<f64>,
    pub unit: &'static str,
    /// The figure must reach it rather than stay under it.
    pub least: bool,
}

impl Target {
    /// At most this, and later that.
    pub const fn new(now: f64, later: f64, unit: &'static str) -> Self {
        Self { now, later: Some(later), unit, least: false }
    }

    /// At most this.
    pub const fn most(now: f64, unit: &'static str) -> Self {
        Self { now, later: None, unit, least: false }
    }

    /// At least this.
    pub const fn least(now: f64, unit: &'static str) -> Self {
        Self { now, later: None, unit, least: true }
    }

    fn is_met(self, limit: f64, value: f64) -> bool {
        if self.least { value >= limit } else { value <= limit }
    }

    fn told(self, limit: f64) -> String {
        let told = format!("{}{} {}", if self.least { "at least " } else { "" }, short(limit), self.unit);
        told.trim_end().to_owned()
    }
}

/// One line of the table.
pub struct Row {
    figure: String,
    target: Option<Target>,
    /// What counts against the target; none if it could not be measured.
    value: Option<f64>,
    told: String,
}

/// All lines, in the order of the table.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// A figure measured once.
    pub fn single(&mut self, figure: &str, target: Target, value: f64) {
        let told = format!("{} {}", short(value), target.unit).trim_end().to_owned();
        self.push(Row { figure: figure.into(), target: Some(target), value: Some(value), told });
    }

    /// A figure measured many times in ms, held to its median.
    pub fn median(&mut self, figure: &str, target: Target, samples: &[Duration]) {
        self.ranked(figure, Some(target), samples, 50);
    }

    /// A figure measured many times in ms, held to a percentile.
    pub fn ranked(&mut self, figure: &str, target: Option<Target>, samples: &[Duration], held_to: usize) {
        let ms = sorted_ms(samples);
        let Some(value) = rank(&ms, held_to) else { return self.not_measured(figure, target, "no samples") };
        let ranks = [50, 95, 99, 100].map(|p| rank(&ms, p).map_or_else(String::new, short));
        let [p50, p95, p99, most] = ranks;
        let told = format!("p50 {p50}, p95 {p95}, p99 {p99}, most {most} ms (n {}; p{held_to} counts)", ms.len());
        self.push(Row { figure: figure.into(), target, value: Some(value), told });
    }

    /// A figure without a target.
    pub fn told(&mut self, figure: &str, told: String) {
        self.push(Row { figure: figure.into(), target: None, value: None, told });
    }

    /// A figure that could not be had, and why.
    pub fn not_measured(&mut self, figure: &str, target: Option<Target>, why: &str) {
        self.push(Row { figure: figure.into(), target, value: None, told: format!("not measured: {why}") });
    }

    /// A figure that counts one of many values, all of which are told.
    pub fn worst(&mut self, figure: &str, target: Target, values: &[(String, f64)]) {
        let worse = |a: &f64, b: &f64| if target.least { b.total_cmp(a) } else { a.total_cmp(b) };
        let Some(value) = values.iter().map(|(_, value)| *value).max_by(worse) else {
            return self.not_measured(figure, Some(target), "no values");
        };
        let each: Vec<String> = values.iter().map(|(name, value)| format!("{name} {}", short(*value))).collect();
        let gap = if target.unit.is_empty() { "" } else { " " };
        let told = format!("{}{gap}{} ({})", short(value), target.unit, each.join(", "));
        self.push(Row { figure: figure.into(), target: Some(target), value: Some(value), told });
    }

    /// The lines of another table.
    pub fn append(&mut self, mut other: Table) {
        self.0.append(&mut other.0);
    }

    fn push(&mut self, row: Row) {
        eprintln!("  {}: {} {}", row.figure, row.told, row.verdict());
        self.0.push(row);
    }

    /// Prints it as Markdown.
    pub fn print(&self) {
        println!("\n| figure | target now | later goal | measured | |\n|---|---|---|---|---|");
        for row in &self.0 {
            let of = |limit: Option<f64>| match (limit, row.target) {
                (Some(limit), Some(target)) => target.told(limit),
                _ => String::new(),
            };
            let (now, later) = (of(row.target.map(|t| t.now)), of(row.target.and_then(|t| t.later)));
            println!("| {} | {now} | {later} | {} | {} |", row.figure, row.told, row.verdict());
        }
    }

    /// Prints it as one JSON array, an object a figure. `value` is what counts against `target`.
    pub fn print_json(&self) {
        let rows: Vec<Value> = self.0.iter().map(Row::json).collect();
        println!("{}", Value::Array(rows));
    }
}

impl Row {
    fn verdict(&self) -> &'static str {
        match (self.value, self.target) {
            (Some(value), Some(target)) if target.later.is_some_and(|later| target.is_met(later, value)) => {
                "ok, and the later goal"
            }
            (Some(value), Some(target)) if target.is_met(target.now, value) => "ok",
            (Some(_), Some(_)) => "MISSED",
            (None, Some(_)) => "not measured",
            (_, None) => "",
        }
    }

    fn json(&self) -> Value {
        json!({
            "figure": self.figure,
            "value": self.value,
            "unit": self.target.map(|target| target.unit),
            "target": self.target.map(|target| target.now),
            "later_goal": self.target.and_then(|target| target.later),
            "at_least": self.target.is_some_and(|target| target.least),
            "verdict": self.verdict(),
            "told": self.told,
        })
    }
}

fn sorted_ms(samples: &[Duration]) -> Vec<f64> {
    let mut ms: Vec<f64> = samples.iter().map(|sample| sample.as_secs_f64() * 1000.0).collect();
    ms.sort_by(f64::total_cmp);
    ms
}

/// The value that `percent` of the samples do not exceed.
fn rank(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied()
}

/// Three digits are enough.
pub fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
