//! What is in order and what is not: the window with every thing that a call needs, and the sign in the bottom row that
//! leads there.

use std::{cmp::Reverse, time::Instant};

use jiff::Timestamp;
use ratatui::layout::Rect;

use super::{
    canvas::{Canvas, Run, centred},
    window::window,
};
use crate::{
    app::{HealthItem, HealthLevel},
    i18n::Message,
    softphone::SoundTest,
    ui::{
        dialog::health::{ANYWAY, CHECK, TEST},
        input::UiAction,
        target::Target,
        text,
        theme::Scope,
    },
};

/// Width of the window.
const WIDTH: u16 = 100;
/// Width of the names.
const NAME: u16 = 13;
/// Name of the line that the screen adds.
const TERMINAL: &str = "terminal";
/// Fewest cells that are left for the words beside a time.
const WORDS: u16 = 24;
/// Below this a terminal shows only a part of what there is.
const ROOMY: (u16, u16) = (80, 24);

/// The sign in the bottom row: always with `check = true`, else only while something is wrong. Returns where it ends.
pub fn sign(canvas: &mut Canvas<'_>, left: u16, y: u16, right: u16) -> u16 {
    let health = &canvas.snapshot.health;
    let wrong = health.level > HealthLevel::Ok;
    if !wrong && !health.check {
        return left;
    }
    let (glyph, scope) = match health.level {
        HealthLevel::Off => (canvas.glyphs.off, Scope::BarDim),
        HealthLevel::Ok => (canvas.glyphs.on, Scope::BarGood),
        HealthLevel::Warn => (canvas.glyphs.warn, Scope::BarWarn),
        HealthLevel::Fail => (canvas.glyphs.bad, Scope::BarBad),
    };
    let mut run = Run::default();
    run.push("   ", Scope::Bar)
        .push(canvas.t("ui.health_light"), Scope::BarDim)
        .push(" ", Scope::Bar)
        .push(glyph, scope);
    if let Some(key) = canvas.key(UiAction::Health).filter(|_| wrong) {
        run.push(" ", Scope::Bar).push(key, Scope::BarKey);
    }
    let short = run.cells();
    if wrong {
        run.push(" ", Scope::Bar).push(canvas.t("ui.health_wrong"), scope);
    }
    let room = right.saturating_sub(left);
    let max = if run.cells() <= room { run.cells() } else { short };
    if max > room {
        return left;
    }
    let used = canvas.run(left, y, max, &run);
    canvas.hit(left + 3, y, used.saturating_sub(3), Target::Act(UiAction::Health));
    left + used
}

/// Draws the window.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, first: u16, now: Instant) {
    let width = WIDTH.min(area.width.saturating_sub(2));
    let body_width = width.saturating_sub(6);
    let lines = lines(canvas, body_width, now);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let inner = window(canvas, centred(area, width, rows.saturating_add(4).min(area.height)), "ui.health_title");
    if inner.height < 3 || inner.width < 20 {
        return;
    }
    let body = Rect { x: inner.x + 2, y: inner.y, width: body_width, height: inner.height - 2 };
    let end = rows.saturating_sub(body.height);
    canvas.help_end = Some(end);
    let first = usize::from(first.min(end));
    for (y, line) in (body.top()..body.bottom()).zip(lines.iter().skip(first)) {
        canvas.run(body.x, y, body.width, &line.0);
        if let Some(right) = &line.1 {
            canvas.put_right(body.right(), y, right_room(body.width, line.0.cells()), right, Scope::WindowDim);
        }
    }
    if first < usize::from(end) {
        let more = canvas.t("ui.help_more");
        canvas.put_right(inner.right() - 1, inner.bottom() - 2, inner.width, &more, Scope::WindowDim);
    }
    keys(canvas, Rect { y: inner.bottom() - 1, height: 1, ..body });
}

fn right_room(width: u16, used: u16) -> u16 {
    width.saturating_sub(used + 2)
}

/// What can be done here, with its keys.
fn keys(canvas: &mut Canvas<'_>, area: Rect) {
    let health = &canvas.snapshot.health;
    let testing = health.test.is_some_and(|test| test.running);
    let mut all =
        vec![(TEST, if testing { "ui.health_test_end" } else { "ui.health_test" }), (CHECK, "ui.health_check")];
    if health.ready_refused.is_some() {
        all.push((ANYWAY, "ui.health_anyway"));
    }
    let mut run = Run::default();
    for (key, what) in all {
        run.push(key.to_string(), Scope::WindowKey).push(" ", Scope::Window).push(canvas.t(what), Scope::Window);
        run.push("   ", Scope::Window);
    }
    canvas.run(area.x, area.y, area.width, &run);
}

/// The window's lines, each with what stands at its right end.
fn lines(canvas: &Canvas<'_>, width: u16, now: Instant) -> Vec<(Run, Option<String>)> {
    let snapshot = canvas.snapshot;
    let mut lines = Vec::new();
    if let Some(why) = &snapshot.health.ready_refused {
        for line in text::wrap(&text::clean(why), width) {
            lines.push((one(line, Scope::WindowMatch), None));
        }
    }
    if let Some(test) = &snapshot.health.test {
        lines.extend(test_lines(canvas, test, width));
    }
    if !lines.is_empty() {
        lines.push((Run::default(), None));
    }
    let mut items = snapshot.health.items.clone();
    items.push(terminal(canvas));
    // What is wrong comes first: on a small screen there may be no room for more.
    items.sort_by_key(|item| Reverse(item.level.max(HealthLevel::Ok)));
    for item in &items {
        lines.extend(item_lines(canvas, item, width, now));
    }
    lines
}

fn one(text: impl AsRef<str>, scope: Scope) -> Run {
    let mut run = Run::default();
    run.push(text, scope);
    run
}

fn test_lines(canvas: &Canvas<'_>, test: &SoundTest, width: u16) -> Vec<(Run, Option<String>)> {
    let passed = test.speaker && test.microphone && test.speech;
    let (words, scope) = match (test.running, passed) {
        (_, true) => ("ui.health_test_passed", Scope::Good),
        (true, false) => ("ui.health_testing", Scope::WindowStrong),
        (false, false) if !test.speaker => ("ui.health_no_speaker", Scope::Bad),
        (false, false) if !test.microphone => ("ui.health_no_microphone", Scope::Bad),
        (false, false) => ("ui.health_no_voice", Scope::Bad),
    };
    let mut lines: Vec<_> =
        text::wrap(&canvas.t(words), width).into_iter().map(|line| (one(line, scope), None)).collect();
    let mut run = Run::default();
    for (label, is) in [
        ("ui.health_speaker", test.speaker),
        ("ui.health_microphone", test.microphone),
        ("ui.health_voice", test.speech),
    ] {
        let (glyph, scope) = if is { (canvas.glyphs.on, Scope::Good) } else { (canvas.glyphs.off, Scope::WindowDim) };
        run.push(glyph, scope).push(" ", Scope::Window).push(canvas.t(label), Scope::Window).push("   ", Scope::Window);
    }
    let peak = Message::new("ui.health_peak").with("level", format!("{:.0}", test.peak_dbfs));
    run.push(peak.render(canvas.snapshot.locale), Scope::WindowDim);
    lines.push((run, None));
    lines
}

fn item_lines(canvas: &Canvas<'_>, item: &HealthItem, width: u16, now: Instant) -> Vec<(Run, Option<String>)> {
    let (glyph, word, scope) = match item.level {
        HealthLevel::Off => (canvas.glyphs.off, "ui.health_off", Scope::WindowDim),
        HealthLevel::Ok => (canvas.glyphs.on, "ui.health_ok", Scope::Good),
        HealthLevel::Warn => (canvas.glyphs.warn, "ui.health_warn", Scope::Warn),
        HealthLevel::Fail => (canvas.glyphs.bad, "ui.health_fail", Scope::Bad),
    };
    let word = canvas.t(word);
    let name = canvas.t(label(item.name));
    let mut run = Run::default();
    run.push(glyph, scope).push(" ", Scope::Window).push(&name, Scope::WindowStrong);
    run.push(" ".repeat(usize::from(NAME.saturating_sub(text::width(&name)))), Scope::Window);
    run.push(&word, scope).push(" ".repeat(usize::from(6u16.saturating_sub(text::width(&word)))), Scope::Window);
    let indent = run.cells();
    let room = width.saturating_sub(indent);
    let look = if item.level == HealthLevel::Off { Scope::WindowDim } else { Scope::Window };
    let fits = |when: &String| text::width(&item.text) + text::width(when) + 2 <= room && room > WORDS;
    let right = when(canvas, item, now).into_iter().find(fits);
    let mut lines = Vec::new();
    let mut wrapped = text::wrap(&text::clean(&item.text), room).into_iter();
    run.push(wrapped.next().unwrap_or_default(), look);
    lines.push((run, right));
    let mut under = |line: String, scope| {
        let mut run = one(" ".repeat(usize::from(indent)), Scope::Window);
        run.push(line, scope);
        lines.push((run, None));
    };
    wrapped.for_each(|line| under(line, look));
    if let Some(hint) = item.hint.as_ref().filter(|_| item.level > HealthLevel::Ok) {
        text::wrap(&text::clean(hint), room).into_iter().for_each(|line| under(line, Scope::WindowKey));
    }
    lines
}

/// Since when something is wrong; when it was last seen to be well, and until when that holds. Then the same in short.
fn when(canvas: &Canvas<'_>, item: &HealthItem, now: Instant) -> Vec<String> {
    let locale = canvas.snapshot.locale;
    let clocks = &canvas.state.clocks;
    let clock = |at: Timestamp| at.to_zoned(canvas.state.settings.zone.clone()).strftime("%H:%M:%S").to_string();
    let age = |since: Timestamp| text::clock(clocks.seconds_since(since, now) * 1000);
    let since = || Message::new("ui.health_since").with("time", clock(item.since)).render(locale);
    let confirmed = |at| Message::new("ui.health_confirmed").with("age", age(at)).render(locale);
    let long = match (item.level, item.confirmed, item.until) {
        _ if item.name == TERMINAL => return Vec::new(),
        (HealthLevel::Off, _, _) => return Vec::new(),
        (HealthLevel::Warn | HealthLevel::Fail, _, _) => since(),
        (HealthLevel::Ok, Some(at), Some(until)) => {
            Message::new("ui.health_granted").with("age", age(at)).with("time", clock(until)).render(locale)
        }
        (HealthLevel::Ok, Some(at), None) => confirmed(at),
        (HealthLevel::Ok, None, Some(until)) => {
            let left = u64::try_from(until.as_second() - clocks.wall(now).as_second()).unwrap_or(0);
            let until = || clock(until);
            match left / 3600 {
                48.. => Message::new("ui.health_days").with("days", left / 86_400).render(locale),
                hours @ 2.. => {
                    Message::new("ui.health_hours").with("hours", hours).with("time", until()).render(locale)
                }
                _ => Message::new("ui.health_left").with("minutes", left / 60).with("time", until()).render(locale),
            }
        }
        (HealthLevel::Ok, None, None) => since(),
    };
    let short = item.confirmed.filter(|_| item.level == HealthLevel::Ok).map(confirmed);
    [Some(long), short].into_iter().flatten().collect()
}

/// The terminal, which the screen alone knows.
fn terminal(canvas: &Canvas<'_>) -> HealthItem {
    let area = canvas.buffer.area;
    let small = area.width < ROOMY.0 || area.height < ROOMY.1;
    let text = Message::new("ui.health_terminal_size").with("columns", area.width).with("rows", area.height);
    let hint = canvas.t("ui.health_do_terminal");
    HealthItem {
        name: TERMINAL,
        // Everything can be done in a small one too.
        level: HealthLevel::Ok,
        text: text.render(canvas.snapshot.locale)
            + &if small { format!(" {} {hint}", canvas.glyphs.dot) } else { String::new() },
        hint: None,
        since: canvas.state.clocks.wall,
        confirmed: None,
        until: None,
        value_ms: None,
    }
}

/// Catalogue key of a thing's name.
fn label(name: &str) -> &'static str {
    match name {
        "config" => "ui.health_config",
        "token" => "ui.health_token",
        "platform" => "ui.health_platform",
        "link" => "ui.health_link",
        "sip" => "ui.health_sip",
        "microphone" => "ui.health_microphone",
        "speaker" => "ui.health_speaker",
        "ring_device" => "ui.health_ring",
        "media" => "ui.health_media",
        "quality" => "ui.health_quality",
        _ => "ui.health_terminal",
    }
}

/// The same in one row: what is wrong.
pub fn in_row(canvas: &Canvas<'_>, run: &mut Run) {
    run.push(canvas.t("ui.health_title"), Scope::WindowTitle);
    let mut wrong: Vec<_> = canvas.snapshot.health.items.iter().filter(|item| item.level > HealthLevel::Ok).collect();
    wrong.sort_by_key(|item| Reverse(item.level));
    if wrong.is_empty() {
        run.push("   ", Scope::Window).push(canvas.t("ui.health_all_well"), Scope::Window);
    }
    for item in wrong {
        let scope = if item.level == HealthLevel::Fail { Scope::Bad } else { Scope::Warn };
        run.push("   ", Scope::Window).push(canvas.t(label(item.name)), Scope::WindowStrong);
        run.push(": ", Scope::Window).push(&item.text, scope);
        if let Some(hint) = &item.hint {
            run.push(" ", Scope::Window).push(hint, Scope::WindowDim);
        }
    }
}
