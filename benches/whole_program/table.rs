//! The figures, their targets, and the table they end in.

use std::time::Duration;

/// What a figure is held against; smaller is better for all of them.
#[derive(Clone, Copy)]
pub struct Target {
    pub now: f64,
    pub later: Option<f64>,
    pub unit: &'static str,
}

impl Target {
    pub const fn new(now: f64, later: f64, unit: &'static str) -> Self {
        Self { now, later: Some(later), unit }
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
        let told = format!("{} {}", short(value), target.unit);
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

    fn push(&mut self, row: Row) {
        println!("  {}: {}", row.figure, row.told);
        self.0.push(row);
    }

    /// Prints it as Markdown.
    pub fn print(&self) {
        println!("\n| figure | target now | later goal | measured | |\n|---|---|---|---|---|");
        for row in &self.0 {
            let of = |limit: Option<f64>| match (limit, row.target) {
                (Some(limit), Some(target)) => format!("{} {}", short(limit), target.unit),
                _ => String::new(),
            };
            let verdict = match (row.value, row.target) {
                (Some(value), Some(Target { later: Some(later), .. })) if value <= later => "ok, and the later goal",
                (Some(value), Some(target)) if value <= target.now => "ok",
                (_, Some(_)) => "MISSED",
                (_, None) => "",
            };
            let (now, later) = (of(row.target.map(|t| t.now)), of(row.target.and_then(|t| t.later)));
            println!("| {} | {now} | {later} | {} | {verdict} |", row.figure, row.told);
        }
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
fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
