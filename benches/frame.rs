//! One frame at 80x24, 120x36 and 200x60: a call with meters, journal and panel; and what stands before the first frame.

#[path = "whole_program/talking.rs"]
mod talking;

use std::{hint::black_box, time::Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ratatui::{Terminal, backend::TestBackend};
use wincall_tui::ui::view;

use talking::{state, talking};

fn frames(criterion: &mut Criterion) {
    let Some(state) = state() else { return };
    let now = Instant::now();
    let mut snapshot = talking(now);
    let mut group = criterion.benchmark_group("frame");
    for (width, height) in [(80, 24), (120, 36), (200, 60)] {
        let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
        group.bench_function(BenchmarkId::from_parameter(format!("{width}x{height}")), |bencher| {
            let mut level = 0.0;
            bencher.iter(|| {
                // The meters move, so that every frame has something to change.
                level = if level < -58.0 { 0.0 } else { level - 1.7 };
                snapshot.media.level_in_dbfs = Some(level);
                let drawn = terminal.draw(|frame| {
                    black_box(view::draw(frame, &snapshot, &state, now));
                });
                black_box(drawn.is_ok())
            });
        });
    }
    group.finish();
    criterion.bench_function("theme and key map", |bencher| bencher.iter(|| black_box(talking::state().is_some())));
}

criterion_group!(benches, frames);
criterion_main!(benches);
